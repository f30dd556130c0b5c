"""The login ledger, used by several processes and threads at once."""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.webui import login_ledger as module
from qbdoctor.webui.login_ledger import Ledger
from qbdoctor.webui.login_permit import NotPermitted, Question

QUESTION = Question("192.0.2.1:8080", "192.0.2.9")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "attempts.json"


def test_a_permit_that_another_run_used(path: Path) -> None:
    one, two = Ledger(path), Ledger(path)
    question = Question(QUESTION.server, QUESTION.source, limit=3)
    first, second = one.allow(question), two.allow(question)
    assert first.allowed
    assert second.allowed
    one.begin(first)
    with pytest.raises(NotPermitted) as raised:
        two.begin(second)
    assert raised.value.permit.failures == 1


def _compete(path: Path, barrier: Any, results: Any) -> None:
    book = Ledger(path)
    permit = book.allow(QUESTION)
    barrier.wait()
    sent = 0
    for _ in range(3):
        try:
            book.begin(permit)
            sent += 1
        except NotPermitted:
            pass
    results.put(sent)


def test_two_processes_at_once(path: Path) -> None:
    context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else None)
    barrier, results = context.Barrier(2), context.Queue()
    runs = [context.Process(target=_compete, args=(path, barrier, results)) for _ in range(2)]
    for run in runs:
        run.start()
    assert sum(results.get(timeout=20) for _ in runs) == 3
    for run in runs:
        run.join()


def test_the_threads_of_one_run_wait_for_each_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fleet's logins queue for the ledger; that is no other run which holds it, however long the queue."""
    monkeypatch.setattr(module, "LOCK_SECONDS", 0.2)
    real = os.fsync

    def slow(handle: int) -> None:
        time.sleep(0.02)
        real(handle)

    monkeypatch.setattr(os, "fsync", slow)

    def log_in(number: int) -> bool:
        book = Ledger(path)
        permit = book.allow(Question(f"192.0.2.1:{8000 + number}", QUESTION.source))
        return book.finish(book.begin(permit), "accepted")

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(log_in, range(20)))
