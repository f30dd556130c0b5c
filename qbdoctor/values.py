"""Makes data classes that cost next to nothing until the first one of a kind is made.

``dataclasses.dataclass(frozen=True, slots=True)`` compiles six functions for a class and makes it twice: 0.4 ms, and a
command loads more than a hundred, most of which it never makes one of. :func:`frozen` gives the same class (``__slots__``,
equality, hash, ``repr``, ``match``; ``dataclasses.fields``, ``asdict`` and ``is_dataclass`` work): its ``__init__`` is
compiled when it is first called, and the rest is shared by all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, NoReturn, TypeVar, dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_said):  # noqa: D103 - as above
        return lambda of: of


_MISSING: Any = object()


class Member:
    """One member of a class, and what its class body said of it."""

    __slots__ = ("compare", "default", "default_factory", "hash", "name", "repr")

    def __init__(
        self,
        *,
        default: Any = _MISSING,
        default_factory: Callable[[], Any] | Any = _MISSING,
        repr: bool = True,  # noqa: A002 - as dataclasses.field calls it
        compare: bool = True,
        hash: bool = True,  # noqa: A002
    ) -> None:
        self.name = ""
        self.default, self.default_factory = default, default_factory
        self.repr, self.compare, self.hash = repr, compare, compare and hash


def field(
    *,
    default: Any = _MISSING,
    default_factory: Callable[[], Any] | Any = _MISSING,
    repr: bool = True,  # noqa: A002 - as dataclasses.field calls it
    compare: bool = True,
    hash: bool = True,  # noqa: A002
) -> Any:
    """Say more of a member than its default, as ``dataclasses.field`` does."""
    return Member(default=default, default_factory=default_factory, repr=repr, compare=compare, hash=hash)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Return the class as a frozen data class with slots. One that builds on another has that one's members first.

    ``__slots__`` of the class body are for what is no member.
    """
    return _made(cls, {**_SHARED, **_FROZEN})


@dataclass_transform(field_specifiers=(field,))
def slotted(cls: type[T]) -> type[T]:
    """Return the class as a data class with slots, whose members may be set; else as :func:`frozen`."""
    return _made(cls, {**_SHARED, "__hash__": None})


def _made(cls: type[T], shared: Mapping[str, Any]) -> type[T]:
    own = {name: _member(name, cls) for name, kind in _annotations(cls).items() if "ClassVar" not in kind[:15]}
    inherited = getattr(cls, "__value_members__", {})
    members = {**inherited, **own}
    of_the_first = {
        "__dict__",
        "__weakref__",
        *vars(cls).get("__slots__", ()),
    }  # its own descriptors, not the new one's
    body = {name: held for name, held in vars(cls).items() if name not in own and name not in of_the_first}
    made: type[T] = type(cls)(  # type: ignore[misc]
        cls.__name__,
        cls.__bases__,
        {
            **shared,
            **body,
            "__slots__": (*(name for name in own if name not in inherited), *body.get("__slots__", ())),
            "__match_args__": tuple(members),
            "__value_members__": members,
            "__init__": body.get("__init__", _init_when_called),
        },
    )
    made.__qualname__ = cls.__qualname__
    return made


def replace(one: T, **changes: Any) -> T:
    """Return a copy with other members, as ``dataclasses.replace`` does. Raises TypeError for one that there is not."""
    members: dict[str, Member] = getattr(type(one), "__value_members__")  # noqa: B009
    return type(one)(**{**{name: getattr(one, name) for name in members}, **changes})


def _annotations(cls: type) -> dict[str, str]:
    return {name: str(kind) for name, kind in vars(cls).get("__annotations__", {}).items()}


def _member(name: str, cls: type) -> Member:
    said = vars(cls).get(name, _MISSING)
    member = said if isinstance(said, Member) else Member(default=said)
    member.name = name
    return member


def _init_when_called(self: Any, *given: Any, **named: Any) -> None:
    cls = next(base for base in type(self).__mro__ if vars(base).get("__init__") is _init_when_called)
    cls.__init__ = _compiled(cls)  # type: ignore[misc]
    self.__init__(*given, **named)


def _compiled(cls: type) -> Any:
    """Return ``__init__`` for a class: the one text of each class that is compiled."""
    members: dict[str, Member] = getattr(cls, "__value_members__")  # noqa: B009
    known: dict[str, Any] = {"_missing": _MISSING}
    heads, lines = ["self"], []
    for name, member in members.items():
        known[f"_set_{name}"] = getattr(cls, name).__set__
        taken = name
        if member.default_factory is not _MISSING:
            known[f"_make_{name}"] = member.default_factory
            taken = f"_make_{name}() if {name} is _missing else {name}"
            heads.append(f"{name}=_missing")
        elif member.default is not _MISSING:
            known[f"_default_{name}"] = member.default
            heads.append(f"{name}=_default_{name}")
        else:
            heads.append(name)
        lines.append(f" _set_{name}(self, {taken})")
    lines += [" self.__post_init__()"] if hasattr(cls, "__post_init__") else []
    exec(f"def __init__({', '.join(heads)}):\n" + "\n".join(lines or [" pass"]), known)  # noqa: S102 - names of a class body
    made = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _compared(one: Any) -> tuple[Any, ...]:
    return tuple([getattr(one, name) for name, member in one.__value_members__.items() if member.compare])


def _equal(self: Any, other: object) -> bool:
    return _compared(self) == _compared(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash(tuple([getattr(self, name) for name, member in self.__value_members__.items() if member.hash]))


def _repr(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name, member in self.__value_members__.items() if member.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse(self: Any, name: str, _value: object = None) -> NoReturn:
    from dataclasses import FrozenInstanceError  # noqa: PLC0415 - 7 ms, and a fault of the program

    raise FrozenInstanceError(f"cannot change member {name!r} of {type(self).__qualname__}")


def _reduce(self: Any) -> tuple[Any, ...]:
    return type(self), tuple(getattr(self, name) for name in self.__value_members__)


class _Fields:
    """Gives the standard library's own description of the members to whoever asks for it."""

    def __get__(self, _one: object, cls: Any) -> dict[str, Any]:
        import dataclasses  # noqa: PLC0415 - 7 ms

        rows: list[tuple[str, Any, Any]] = []
        for name, member in cls.__value_members__.items():
            said: dict[str, Any] = {"repr": member.repr, "compare": member.compare, "hash": member.hash}
            said |= {
                key: getattr(member, key)
                for key in ("default", "default_factory")
                if getattr(member, key) is not _MISSING
            }
            kind = next(vars(base)["__annotations__"][name] for base in cls.__mro__ if name in _annotations(base))
            rows.append((name, kind, dataclasses.field(**said)))
        described: dict[str, Any] = vars(dataclasses.make_dataclass(cls.__name__, rows))["__dataclass_fields__"]
        cls.__dataclass_fields__ = described
        return described


_SHARED: dict[str, Any] = {
    "__eq__": _equal,
    "__repr__": _repr,
    "__reduce__": _reduce,
    "__dataclass_fields__": _Fields(),
}
_FROZEN: dict[str, Any] = {"__hash__": _hash, "__setattr__": _refuse, "__delattr__": _refuse}
