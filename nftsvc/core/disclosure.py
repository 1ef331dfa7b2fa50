"""Fields of a deal, each provable alone: SD-JWT disclosures (RFC 9901).

The manifest holds digests; whoever is given a disclosure can show its field, and nothing else
of the deal is seen. Parties, terms and goods are taken apart: an object discloses digests of
its members, an array digests of its elements, so `exporter.country` can be shown without
`exporter.name`. Digests of nothing (decoys) fill each place up to a power of two.
"""

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import orjson

from nftsvc.core import canonical
from nftsvc.core.canonical import Json, join
from nftsvc.core.errors import InvalidDisclosure, InvalidField, InvalidJson

SALT_BYTES: Final = 16
LEAST_AT_TOP: Final = 16
"""More than a deal has fields: whatever is left out of it, the manifest looks the same."""
LEAST_INSIDE: Final = 8
DIGESTS: Final = "_sd"
ELEMENT: Final = "..."
ALGORITHM: Final = "_sd_alg"
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True, slots=True)
class Disclosure:
    """base64url(JSON [salt, name, value]), or [salt, value] for an element of an array.

    RFC 9901 sections 4.2.1 and 4.2.2. `encoded` is kept as it was made: its digest is over
    those characters, not over the JSON. `name` is None for an element.
    """

    encoded: str = field(repr=False)
    name: str | None
    value: Json = field(repr=False)

    @classmethod
    def of(cls, name: str | None, value: Json, *, salt: bytes | None = None) -> Self:
        """Disclose a member, or an element where `name` is None.

        `salt` is 128 bits that were drawn for it alone; without one they are drawn here.
        """
        drawn = encode_bytes(secrets.token_bytes(SALT_BYTES) if salt is None else salt)
        content = [drawn, value] if name is None else [drawn, name, value]
        return cls(encode_bytes(orjson.dumps(content)), name, value)

    @classmethod
    def parse(cls, encoded: str, *, path: str = "disclosure") -> Self:
        """Read one disclosure. Raises `InvalidField` at `path`."""
        try:
            content = canonical.parse(decode_bytes(encoded))
        except (ValueError, InvalidJson, InvalidField) as error:
            raise InvalidField(path, reason="not-a-disclosure", detail=str(error)) from error
        match content:
            case [str(), str(name), value]:
                return cls(encoded, name, value)
            case [str(), value]:
                return cls(encoded, None, value)
            case _:
                raise InvalidField(
                    path,
                    reason="not-a-disclosure",
                    detail="expected [salt, name, value] or [salt, value]",
                )

    @property
    def digest(self) -> str:
        """base64url(sha256(ASCII(encoded))), as it stands in the manifest."""
        return encode_bytes(hashlib.sha256(self.encoded.encode("ascii")).digest())


@dataclass(frozen=True, slots=True)
class Concealed:
    """Fields as they become public: `digests` for the manifest, and what opens them."""

    digests: tuple[str, ...]
    disclosures: tuple[Disclosure, ...]


@dataclass(frozen=True, slots=True)
class Closed:
    """How many digests stay unopened at one place, decoys included. `path` is "" at the top."""

    path: str
    digests: int


@dataclass(frozen=True, slots=True)
class Revealed:
    """What disclosures show: `value` holds nothing else than what they and the payload say."""

    value: Json = field(repr=False)
    closed: tuple[Closed, ...]


def conceal(fields: Mapping[str, Json]) -> Concealed:
    """Take `fields` apart into disclosures, down to the last member and element."""
    disclosures: list[Disclosure] = []
    tops = _disclosed([(name, fields[name]) for name in sorted(fields)], disclosures)
    return Concealed(tuple(_digests(tops, least=LEAST_AT_TOP)), (*tops, *disclosures))


def reveal(payload: Json, disclosures: Sequence[Disclosure]) -> Revealed:
    """What `disclosures` show of a payload with digests (RFC 9901 section 7.1, steps 3 to 5).

    Raises `InvalidDisclosure`, whose `reason` is permanent:

        repeated       a disclosure, or a digest, stands twice
        foreign        no digest of the payload, or of another disclosure, is its own
        misplaced      a member where an element is expected, or the other way round
        reserved-name  it calls itself `_sd` or `...`
        name-taken     a member of that name is there already
        too-deep       one within the other, deeper than JSON may be here
    """
    reading = _Reading(disclosures)
    value = reading.walk(payload, path="")
    return Revealed(value, tuple(reading.finish()))


def select(
    payload: Json, disclosures: Sequence[Disclosure], paths: Iterable[str]
) -> tuple[Disclosure, ...]:
    """The disclosures that show the fields at `paths` (`amount`, `exporter.country`, `goods[0]`)

    and no others: those on the way to each, its own, and those below it. Raises `InvalidField`.
    """
    reading = _Reading(disclosures)
    reading.walk(payload, path="")
    reading.finish()
    chosen: set[str] = set()
    for path in paths:
        if path not in reading.placed:
            flat = any(
                _is_below(path, place) and _is_whole(one.value)
                for place, one in reading.placed.items()
            )
            raise InvalidField(
                "fields",
                reason="not-separable" if flat else "unknown-field",
                detail=f"{path[:80]!r} "
                + ("can only be shown with all around it" if flat else "is no field of this deal"),
            )
        chosen.update(
            place
            for place in reading.placed
            if place == path or _is_below(path, place) or _is_below(place, path)
        )
    return tuple(one for place, one in reading.placed.items() if place in chosen)


class _Reading:
    """One pass over a payload. `placed` is where each disclosure belongs, by its path."""

    def __init__(self, disclosures: Sequence[Disclosure]) -> None:
        self.placed: dict[str, Disclosure] = {}
        self._given = {disclosure.digest: disclosure for disclosure in disclosures}
        if len(self._given) != len(disclosures):
            raise InvalidDisclosure("a disclosure is given twice", reason="repeated")
        self._seen: set[str] = set()
        self._used: set[str] = set()
        self._closed: dict[str, int] = {}

    def walk(self, value: Json, *, path: str, depth: int = 0) -> Json:
        if depth > canonical.MAX_DEPTH:
            raise InvalidDisclosure("one within the other, too deep", reason="too-deep")
        if isinstance(value, dict):
            return self._object(value, path, depth + 1)
        if isinstance(value, list):
            return self._array(value, path, depth + 1)
        return value

    def finish(self) -> list[Closed]:
        if len(self._used) != len(self._given):
            raise InvalidDisclosure("a disclosure belongs to something else", reason="foreign")
        return [Closed(path, count) for path, count in self._closed.items()]

    def _object(self, members: dict[str, Json], path: str, depth: int) -> Json:
        shown = {
            name: self.walk(value, path=join(path, name), depth=depth)
            for name, value in members.items()
            if name != DIGESTS and not (name == ALGORITHM and not path)
        }
        digests = members.get(DIGESTS, [])
        for digest in digests if isinstance(digests, list) else ():
            found = self._open(digest, path)
            if found is None:
                continue
            if found.name is None:
                raise InvalidDisclosure("an element stands for a member", reason="misplaced")
            if found.name in (DIGESTS, ELEMENT):
                raise InvalidDisclosure(f"no field is called {found.name}", reason="reserved-name")
            if found.name in shown:
                raise InvalidDisclosure(f"{found.name} is there twice", reason="name-taken")
            inside = join(path, found.name)
            self.placed[inside] = found
            shown[found.name] = self.walk(found.value, path=inside, depth=depth)
        return shown

    def _array(self, items: list[Json], path: str, depth: int) -> Json:
        shown: list[Json] = []
        for item in items:
            inside = join(path, len(shown))
            if not (isinstance(item, dict) and set(item) == {ELEMENT}):
                shown.append(self.walk(item, path=inside, depth=depth))
                continue
            found = self._open(item[ELEMENT], path)
            if found is None:
                continue
            if found.name is not None:
                raise InvalidDisclosure("a member stands for an element", reason="misplaced")
            self.placed[inside] = found
            shown.append(self.walk(found.value, path=inside, depth=depth))
        return shown

    def _open(self, digest: Json, path: str) -> Disclosure | None:
        if not isinstance(digest, str) or digest in self._seen:
            raise InvalidDisclosure("a digest stands twice", reason="repeated")
        self._seen.add(digest)
        found = self._given.get(digest)
        if found is None:
            self._closed[path] = self._closed.get(path, 0) + 1
        else:
            self._used.add(digest)
        return found


def _concealed(value: Json, disclosures: list[Disclosure]) -> Json:
    if isinstance(value, dict):
        members = _disclosed(list(value.items()), disclosures)
        disclosures += members
        return {DIGESTS: list(_digests(members, least=LEAST_INSIDE))}
    if isinstance(value, list):
        elements = _disclosed([(None, item) for item in value], disclosures)
        disclosures += elements
        return _mixed([element.digest for element in elements])
    return value


def _disclosed(
    items: Sequence[tuple[str | None, Json]], disclosures: list[Disclosure]
) -> list[Disclosure]:
    """Each of one place's members or elements; what lies inside them is added to `disclosures`."""
    salts = secrets.token_bytes(SALT_BYTES * len(items))
    return [
        Disclosure.of(
            name,
            _concealed(value, disclosures),
            salt=salts[SALT_BYTES * place : SALT_BYTES * (place + 1)],
        )
        for place, (name, value) in enumerate(items)
    ]


def _digests(disclosures: Sequence[Disclosure], *, least: int) -> list[str]:
    """In sorted order, decoys among them: neither order nor number tells of the fields."""
    own = [disclosure.digest for disclosure in disclosures]
    return sorted([*own, *_decoys(len(own), least=least)])


def _mixed(digests: list[str]) -> list[Json]:
    """Elements keep their order; decoys come between them anywhere."""
    mixed = _decoys(len(digests), least=LEAST_INSIDE)
    places = secrets.SystemRandom().sample(range(len(mixed) + len(digests)), len(digests))
    for place, digest in zip(sorted(places), digests, strict=True):
        mixed.insert(place, digest)
    return [{ELEMENT: digest} for digest in mixed]


def _decoys(count: int, *, least: int) -> list[str]:
    """RFC 9901 section 4.2.5, as many as bring `count` to a power of two, `least` at least.

    Random bytes themselves: hashed once more they would look the same.
    """
    missing = max(least, 1 << max(count - 1, 0).bit_length()) - count
    noise = secrets.token_bytes(32 * missing)
    return [encode_bytes(noise[start : start + 32]) for start in range(0, len(noise), 32)]


def _is_whole(value: Json) -> bool:
    """Whether a disclosed value has parts, and none that could be disclosed alone."""
    if isinstance(value, dict):
        return DIGESTS not in value
    return isinstance(value, list) and not any(
        isinstance(item, dict) and ELEMENT in item for item in value
    )


def _is_below(path: str, place: str) -> bool:
    return path.startswith((f"{place}.", f"{place}["))


_PATH: Final = re.compile(r"[A-Za-z]+(?:\.[A-Za-z]+|\[(?:0|[1-9][0-9]{0,3})\])*")


def read_paths(text: str) -> tuple[str, ...]:
    """The paths of a list such as `amount,exporter.country,goods[0].hsCode`.

    Raises `InvalidField`.
    """
    paths = tuple(part.strip() for part in text.split(","))
    for path in paths:
        if not _PATH.fullmatch(path):
            raise InvalidField("fields", reason="not-a-path", detail=f"cannot read {path[:80]!r}")
    return paths


def encode_bytes(data: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    plain = binascii.b2a_base64(data, newline=False)
    return plain.translate(_URL_SAFE).rstrip(b"=").decode("ascii")


def decode_bytes(text: str) -> bytes:
    """Inverse of `encode_bytes`; refuses padding, other alphabets and loose bits (`ValueError`)."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode_bytes(data) != text:
        raise ValueError("not canonical base64url")
    return data
