"""Sends what a browser's page sends, marked first: with a mark that qBittorrent overlooks and its log keeps.

A front may judge the same header by its letters (nginx's ``~``, haproxy's ``-m str``, Apache's ``SetEnvIf``, Caddy's
``header`` tell capitals from small letters). So what is refused behind one is sent once more as browsers write it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbdoctor.target.log_rejections import marked, unmarked
from qbdoctor.values import replace
from qbdoctor.webui.recognise import bears_marks

if TYPE_CHECKING:
    from qbdoctor.model.exchanges import Exchange
    from qbdoctor.observe.base.inspection import Inspection
    from qbdoctor.webui.call import Call

NAMES = {"Origin", "Referer", "Sec-Fetch-Site"}


def send_as_browser(inspection: Inspection, call: Call, before: Exchange) -> Exchange:
    """Return the answer to that call, whose headers are as a browser writes them.

    Args:
        inspection: The run.
        call: With an Origin, a Referer or a Sec-Fetch-Site; to the address given, or directly to the process.
        before: The answer to the same call without that header.

    """
    own = {name: marked(value) if name in NAMES else value for name, value in call.headers.items()}
    answer = inspection.wire.send(replace(call, headers=own))
    if own == call.headers or call.address is not None or inspection.target.direct or ends_alike(answer, before):
        return answer
    return inspection.wire.send(replace(call, headers={name: _plain(name, value) for name, value in own.items()}))


def ends_alike(one: Exchange, before: Exchange) -> bool:
    """Return whether both are refused for want of a session by the same, or both let in."""
    return one.answered and one.status == before.status and bears_marks(one) == bears_marks(before)


def _plain(name: str, value: str) -> str:
    return unmarked(value) if name in NAMES else value
