"""The data classes that are cheap to load are those of the standard library, to their users."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from qbdoctor.values import field, frozen, replace, slotted


@frozen
class Ours:
    a: int
    b: str = "x"
    c: list[int] = field(default_factory=list)
    d: str = field(default="secret", repr=False)
    e: int = field(default=0, compare=False)
    f: Mapping[str, int] | None = field(default=None, hash=False)
    kinds: ClassVar[tuple[str, ...]] = ("one",)

    @property
    def double(self) -> int:
        return 2 * self.a


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    a: int
    b: str = "x"
    c: list[int] = dataclasses.field(default_factory=list)
    d: str = dataclasses.field(default="secret", repr=False)
    e: int = dataclasses.field(default=0, compare=False)
    f: Mapping[str, int] | None = dataclasses.field(default=None, hash=False)
    kinds: ClassVar[tuple[str, ...]] = ("one",)

    @property
    def double(self) -> int:
        return 2 * self.a


@frozen
class More(Ours):
    g: int = 7


def outcome(of: Any, *arguments: Any, **named: Any) -> Any:
    try:
        return of(*arguments, **named)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize(
    ("given", "named"),
    [((1,), {}), ((1, "y", [3]), {"e": 2}), ((), {"a": 4, "f": {"k": 1}}), ((), {}), ((1,), {"z": 1})],
)
def test_both_kinds_answer_alike(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    ours, theirs = outcome(Ours, *given, **named), outcome(Theirs, *given, **named)
    if isinstance(theirs, type):
        assert ours is theirs
        return
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert [(one.name, one.type, one.repr) for one in dataclasses.fields(ours)] == [
        (one.name, one.type, one.repr) for one in dataclasses.fields(theirs)
    ]
    assert outcome(hash, ours) is TypeError, "it holds a list"
    assert outcome(hash, theirs) is TypeError
    assert ours.double == theirs.double
    assert (ours == outcome(Ours, *given, **named)) is True
    assert (ours == replace(ours, e=99)) is (theirs == dataclasses.replace(theirs, e=99)) is True
    assert (ours == replace(ours, a=99)) is (theirs == dataclasses.replace(theirs, a=99)) is False
    assert dataclasses.replace(ours, b="z") == replace(ours, b="z")
    assert copy.deepcopy(ours) == pickle.loads(pickle.dumps(ours)) == ours
    assert Ours.__match_args__ == Theirs.__match_args__


def test_nothing_can_be_changed() -> None:
    one = Ours(1)
    for name in ("a", "new"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, name, 2)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(one, name)
    assert not hasattr(one, "__dict__")
    with pytest.raises(TypeError):
        replace(one, z=1)


def test_one_builds_on_another() -> None:
    made = More(1, g=8)
    assert (made.a, made.b, made.g, made.double) == (1, "x", 8, 2)
    assert Ours(1) != made
    assert repr(made) == "More(a=1, b='x', c=[], e=0, f=None, g=8)"


def test_what_may_be_set_is_as_the_standard_librarys() -> None:
    @slotted
    class Mine:
        a: int
        b: list[int] = field(default_factory=list)

    @dataclasses.dataclass(slots=True)
    class Yours:
        a: int
        b: list[int] = dataclasses.field(default_factory=list)

    for kind in (Mine, Yours):
        one, other = kind(1), kind(1)
        one.b.append(2)
        assert other.b == []
        one.a, other.b = 3, [2]
        assert one != other
        other.a = 3
        assert one == other
        assert outcome(hash, one) is TypeError
        assert outcome(setattr, one, "c", 1) is AttributeError
        assert dataclasses.asdict(one) == {"a": 3, "b": [2]}
    assert replace(Mine(1), b=[9]).b == [9]


def test_a_mapping_does_not_keep_a_class_from_being_hashed() -> None:
    @frozen
    class Held:
        name: str
        more: Mapping[str, int] = field(default_factory=dict, hash=False)

    assert len({Held("a", {"x": 1}), Held("a", {"x": 1}), Held("b")}) == 2


def test_a_class_that_is_never_used_costs_no_import() -> None:
    code = f"import sys; sys.path[:0] = {sys.path!r}; import qbdoctor.model.report; print('inspect' in sys.modules)"
    run = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
