"""Reads one JSON object field by field; whatever is wrong is refused with its path."""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Final

from nftsvc.core.canonical import Json, join
from nftsvc.core.errors import InvalidField

# Unicode's categories Cc, Zl, Zp and Cs, and the controls of direction.
_BUT_NEWLINE: Final = (
    r"\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066-\u2069"
)
_CONTROLS: Final = re.compile(f"[\n{_BUT_NEWLINE}]")
_CONTROLS_IN_LINES: Final = re.compile(f"[{_BUT_NEWLINE}]")
_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?")
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Fields:
    """The members of one JSON object, taken one by one; `end` refuses those nobody took."""

    def __init__(self, value: Json, *, path: str = "") -> None:
        if not isinstance(value, dict):
            raise InvalidField(path, reason="not-an-object", detail="expected an object")
        self._members = value
        self._path = path
        self._taken: set[str] = set()

    def path(self, name: str) -> str:
        """The path of the member `name`, for errors."""
        return join(self._path, name)

    def has(self, name: str) -> bool:
        """Whether the member is there and not null."""
        return self._members.get(name) is not None

    def take(self, name: str) -> Json:
        """The member as it is. Raises `InvalidField` where it is missing."""
        self._taken.add(name)
        if not self.has(name):
            raise InvalidField(self.path(name), reason="missing", detail="the field is missing")
        return self._members[name]

    def text(self, name: str, *, longest: int = 200, lines: bool = False) -> str:
        """Visible text of 1 to `longest` characters; `lines` allows line breaks."""
        value = self.take(name)
        if not isinstance(value, str):
            raise InvalidField(self.path(name), reason="not-text", detail="expected text")
        check_text(value, path=self.path(name), longest=longest, lines=lines)
        return value

    def optional_text(self, name: str, *, longest: int = 200, lines: bool = False) -> str | None:
        """As `text`, or None where the member is not there."""
        self._taken.add(name)
        return self.text(name, longest=longest, lines=lines) if self.has(name) else None

    def code(self, name: str, known: Callable[[str], str | None], *, reason: str) -> str:
        """A code that `known` resolves; refused with `reason` where it gives None."""
        text = self.text(name, longest=40)
        value = known(text)
        if value is None:
            raise InvalidField(self.path(name), reason=reason, detail=f"{text!r} is not in use")
        return value

    def amount(self, name: str) -> Decimal:
        """A positive decimal number written as a string: at most 18 digits, then at most 6."""
        value = self.take(name)
        if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
            raise InvalidField(
                self.path(name),
                reason="not-a-decimal-string",
                detail='expected a decimal number as a string, e.g. "1280.50"',
            )
        if Decimal(value) == 0:
            raise InvalidField(self.path(name), reason="zero", detail="must be more than zero")
        return Decimal(value)

    def day(self, name: str) -> date:
        """A calendar date, ISO 8601 `YYYY-MM-DD`."""
        value = self.take(name)
        if isinstance(value, str) and _ISO_DATE.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        raise InvalidField(
            self.path(name), reason="not-a-date", detail="expected a date as YYYY-MM-DD"
        )

    def integer(self, name: str, *, least: int, most: int) -> int:
        """A whole number within the bounds, both included."""
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidField(self.path(name), reason="not-an-integer", detail="expected integer")
        if not least <= value <= most:
            raise InvalidField(
                self.path(name), reason="out-of-range", detail=f"expected {least} to {most}"
            )
        return value

    def object(self, name: str) -> "Fields":
        """A nested object."""
        return Fields(self.take(name), path=self.path(name))

    def array(self, name: str, *, most: int) -> list[tuple[Json, str]]:
        """1 to `most` items, each with its path."""
        value = self.take(name)
        if not isinstance(value, list):
            raise InvalidField(self.path(name), reason="not-an-array", detail="expected an array")
        if not 1 <= len(value) <= most:
            raise InvalidField(
                self.path(name), reason="out-of-range", detail=f"expected 1 to {most} items"
            )
        return [(item, join(self.path(name), index)) for index, item in enumerate(value)]

    def end(self) -> None:
        """Refuse members that nobody took: a misspelt field must not be lost silently."""
        for name in self._members:
            if name not in self._taken:
                raise InvalidField(
                    self.path(name), reason="unknown-field", detail="no such field here"
                )


def check_text(value: str, *, path: str, longest: int, lines: bool = False) -> None:
    """Refuse text that is empty, too long, or holds characters that hide what it says."""
    if not value.strip():
        raise InvalidField(path, reason="empty", detail="must not be empty")
    if len(value) > longest:
        raise InvalidField(path, reason="too-long", detail=f"more than {longest} characters")
    found = (_CONTROLS_IN_LINES if lines else _CONTROLS).search(value)
    if found is not None:
        raise InvalidField(
            path,
            reason="control-character",
            detail=f"holds the control character U+{ord(found[0]):04X}",
        )


def check_file_name(name: str, *, path: str) -> None:
    """Refuse file names that are paths, hide their end, or that no system can store."""
    check_text(name, path=path, longest=255)
    if len(name.encode()) > 255:
        raise InvalidField(path, reason="too-long", detail="more than 255 bytes")
    if any(c in name for c in '/\\:*?"<>|') or name.startswith(".") or name != name.strip(" ."):
        raise InvalidField(path, reason="not-a-file-name", detail="expected a plain file name")
