"""JSON that every reader reads alike: strict on the way in, RFC 8785 on the way out.

Refused on the way in: duplicate keys, fractional numbers (an amount is a decimal string),
integers beyond 2^53 - 1, lone surrogates, nesting beyond 32 levels, bytes that are not UTF-8.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import orjson
import rfc8785

from nftsvc.core.errors import InvalidField, InvalidJson

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

MAX_DEPTH: Final = 32
MAX_INTEGER: Final = 2**53 - 1
_NESTING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{\]}]', re.DOTALL)
_BEYOND_BMP: Final = (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4")
"""Bytes of characters that UTF-16, by which RFC 8785 sorts keys, sorts otherwise than UTF-8."""
_PLAIN: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_SURELY_EXACT_DIGITS: Final = 15
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class _Fraction:
    pass


class _Duplicate:
    def __init__(self, key: str) -> None:
        self.key = key


class _Doubts:
    """Whether a parser met anything that may have to be refused: only then all is looked at."""

    def __init__(self) -> None:
        self.any = False

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Duplicate:
        members = dict(pairs)
        if len(members) == len(pairs):
            return members
        self.any = True
        keys = [key for key, _ in pairs]
        return _Duplicate(next(key for at, key in enumerate(keys) if key in keys[:at]))

    def integer(self, digits: str) -> int:
        self.any = self.any or len(digits) > _SURELY_EXACT_DIGITS
        return int(digits)

    def fraction(self, _digits: str) -> _Fraction:
        self.any = True
        return _Fraction()


def parse(data: bytes, *, root: str = "") -> Json:
    """Read UTF-8 JSON strictly.

    `root` is put in front of the paths in errors. Raises `InvalidJson` where the text is at
    fault and `InvalidField` where one value is.
    """
    refuse_depth(data, path=root)
    doubts = _Doubts()
    try:
        value: Any = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=doubts.object,
            parse_int=doubts.integer,
            parse_float=doubts.fraction,
            parse_constant=doubts.fraction,
        )
    except UnicodeDecodeError as error:
        raise InvalidJson("not UTF-8", path=root) from error
    except ValueError as error:
        raise InvalidJson(f"not JSON: {error}", path=root) from error
    if doubts.any or _SURROGATE.search(data):
        _refuse_ambiguity(value, path=root)
    checked: Json = value
    return checked


def dump(value: Json) -> bytes:
    """The one byte string that RFC 8785 (JCS) gives for `value`."""
    try:
        plain = orjson.dumps(value, option=_PLAIN)
    except TypeError:
        return rfc8785.dumps(value)
    if any(byte in plain for byte in _BEYOND_BMP):
        return rfc8785.dumps(value)
    return plain


def is_canonical(data: bytes) -> bool:
    """Whether `data` is exactly what RFC 8785 writes for the value it holds."""
    try:
        return dump(parse(data)) == data
    except (InvalidField, InvalidJson):
        return False


def join(path: str, key: str | int) -> str:
    """Extend an RFC 9535 path without its `$`: `goods[0].hsCode`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def refuse_depth(data: bytes, *, path: str = "") -> None:
    """Refuse text nested beyond `MAX_DEPTH`, before any parser sees it. Raises `InvalidJson`.

    Where the recursion limit was raised by anything in the process, the C scanner of
    `json.loads` overflows the stack, and 100 KB of brackets end the service.
    """
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _NESTING.finditer(data):
        if token[0] in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InvalidJson(f"nested deeper than {MAX_DEPTH} levels", path=path)
        elif token[0] in b"]}":
            depth -= 1


def _refuse_ambiguity(value: object, *, path: str) -> None:
    match value:
        case _Duplicate():
            raise InvalidField(
                join(path, value.key), reason="duplicate-key", detail="the key stands twice"
            )
        case _Fraction():
            raise InvalidField(
                path, reason="fraction", detail="write a fractional number as a decimal string"
            )
        case int() if abs(value) > MAX_INTEGER:
            raise InvalidField(
                path, reason="integer-too-large", detail="beyond 2^53 - 1: write it as a string"
            )
        case str():
            _refuse_surrogates(value, path=path)
        case dict() | list():
            for key, child in _children(value):
                if isinstance(key, str):
                    _refuse_surrogates(key, path=path)
                _refuse_ambiguity(child, path=join(path, key))
        case _:
            pass


def _children(value: dict[str, Any] | list[Any]) -> Iterator[tuple[str | int, Any]]:
    return iter(value.items()) if isinstance(value, dict) else iter(enumerate(value))


def _refuse_surrogates(text: str, *, path: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidField(
            path, reason="lone-surrogate", detail="holds half a character"
        ) from error
