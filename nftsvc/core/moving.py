"""Plain data on its way between processes."""

from operator import attrgetter
from typing import Any, TypeVar

Plain = TypeVar("Plain")


def moves(kind: type[Plain]) -> type[Plain]:
    """Let a frozen dataclass with slots be pickled as its values alone.

    Python's own way asks each object for the names of its fields, which costs several times as
    much as all else where thousands a second cross to another process.
    """
    names: tuple[str, ...] = kind.__slots__  # type: ignore[attr-defined]
    values = attrgetter(*names)
    alone = len(names) == 1

    def reduce(self: Plain) -> tuple[Any, ...]:
        found = values(self)
        return kind, (found,) if alone else found

    kind.__reduce__ = reduce  # type: ignore[method-assign, assignment]
    return kind
