"""JSON that every reader reads alike: strict on the way in, RFC 8785 on the way out.

Refused on the way in: duplicate keys, fractional numbers (an amount is a decimal string),
integers beyond 2^53 - 1, lone surrogates, nesting beyond 32 levels, bytes that are not UTF-8.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import rfc8785

from nftsvc.core.errors import InvalidField, InvalidJson

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

MAX_DEPTH: Final = 32
MAX_INTEGER: Final = 2**53 - 1
_NESTING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{\]}]', re.DOTALL)
_BEYOND_BMP: Final = re.compile(rb"[\xf0-\xf4]")
_LARGE_INTEGER: Final = re.compile(rb"(?:\A|[\[:,])-?[0-9]{16}")
"""Where Python's encoder, five times as fast, may differ: keys that UTF-16 sorts otherwise, and
integers that no double holds."""
_PLAIN: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
)


class _Fraction:
    pass


class _Duplicate:
    def __init__(self, key: str) -> None:
        self.key = key


def parse(data: bytes, *, root: str = "") -> Json:
    """Read UTF-8 JSON strictly.

    `root` is put in front of the paths in errors. Raises `InvalidJson` where the text is at
    fault and `InvalidField` where one value is.
    """
    refuse_depth(data, path=root)
    try:
        value: Any = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=lambda _: _Fraction(),
            parse_constant=lambda _: _Fraction(),
        )
    except UnicodeDecodeError as error:
        raise InvalidJson("not UTF-8", path=root) from error
    except ValueError as error:
        raise InvalidJson(f"not JSON: {error}", path=root) from error
    _refuse_ambiguity(value, path=root)
    checked: Json = value
    return checked


def dump(value: Json) -> bytes:
    """The one byte string that RFC 8785 (JCS) gives for `value`."""
    try:
        plain = _PLAIN.encode(value).encode()
    except (TypeError, ValueError):
        return rfc8785.dumps(value)
    if _BEYOND_BMP.search(plain) or _LARGE_INTEGER.search(plain):
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


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Duplicate:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            return _Duplicate(key)
        seen[key] = value
    return seen


def refuse_depth(data: bytes, *, path: str = "") -> None:
    """Refuse text nested beyond `MAX_DEPTH`, before any parser sees it. Raises `InvalidJson`.

    Where the recursion limit was raised by anything in the process, the C scanner of
    `json.loads` overflows the stack, and 100 KB of brackets end the service.
    """
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
