"""The browser and the service read the same manifests, and refuse the same bytes."""

import json
import random
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from nftsvc.core import canonical
from nftsvc.core.errors import NftsvcError
from nftsvc.core.manifest import Manifest
from tests import parts

pytestmark = pytest.mark.needs("node")

READER: Final = Path(__file__).parent / "js" / "manifests.mjs"
VECTORS: Final = Path(__file__).parents[1] / "vectors" / "verdicts.json"
ACCOUNT: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
TEXTS: Final = (
    *(
        "",
        " ",
        "\u3000",
        "\ufeff",
        "\x85",
        "\u2028",
        "\u200b",
        "\u202e",
        "😀",
        "a\nb",
        "\n",
        "a\tb",
    ),
    *(".a", "a.", "a/b", "x" * 201, "x" * 301, "가" * 90, "toString", "__proto__"),
    *("2026-02-29T09:00:00+09:00", "2026-11-22T09:00:00-00:00", "2026-11-22T24:00:00+00:00"),
    *("2026-11-22T09:00:00Z", "2026-11-22 09:00:00+00:00", "0000-01-01T00:00:00+00:00"),
    *("9999-12-31T23:59:59+23:59", "2026-11-22T09:00:00+24:00", "2026-11-22T09:00:00+09:00:30"),
    *("2026-11-22T09:00:00+09:00:00", "2026-11-22T09:00:00.5+00:00"),
    *(f"eip155:{chain}:{ACCOUNT}" for chain in (0, 1, 2**53 - 1, 2**53 + 1, 10**20)),
    *(f"eip155:1:{ACCOUNT.lower()}", "eip155:1:0x" + "0" * 40),
    *(f"eip155:{chain}/erc721:{ACCOUNT}/1" for chain in (0, 1, 2**53 + 1)),
    f"eip155:1/erc721:{ACCOUNT}/{2**256}",
    *("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKNGv6", "Qm" + "1" * 44, "b" + "a" * 57),
    *("bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi", "f01551220" + "00" * 32),
    *("image/png", "model/gltf-binary", "age-encryption.org/v1", "0" * 64, "A" * 64),
)
VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    1,
    2,
    -1,
    1023,
    1024,
    2**53 - 1,
    2**53,
    [],
    {},
    {"a": 1},
)
NAMES: Final = ("previous", "image", "sha256", "commitment", "surprise", "__proto__", "version")


def seeds() -> list[str]:
    texts = {
        text
        for vector in json.loads(VECTORS.read_text("utf-8"))
        for text in vector["facts"]["manifests"]
    }
    return sorted(text for text in texts if is_manifest(text.encode()))


def is_manifest(data: bytes) -> bool:
    try:
        Manifest.parse(data)
    except NftsvcError:
        return False
    return True


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) below `value`."""
    found: list[tuple[Any, Any]] = []
    for key in value if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], dict | list):
            found += places(value[key])
    return found


def mutated(text: str, *, dice: random.Random) -> bytes:
    value = json.loads(text)
    container, key = dice.choice(places(value))
    new = dice.choice(VALUES) if dice.random() < 0.3 else dice.choice(TEXTS)
    if dice.random() < 0.8:
        container[key] = new
    elif isinstance(container, dict):
        container[dice.choice(NAMES)] = new
    else:
        container.append(new)
    try:
        data = canonical.dump(value)
    except ValueError:
        data = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
    if dice.random() < 0.1:
        at = dice.randrange(len(data))
        data = data[:at] + dice.choice((b" ", b'"', b"\\", b"0", b"e", b"\0", b"\xff")) + data[at:]
    return data


def test_manifest__mutated__accepted_by_both_or_by_neither() -> None:
    dice = random.Random(20261122)
    sources = seeds()
    cases = [source.encode() for source in sources]
    cases += [mutated(dice.choice(sources), dice=dice) for _ in range(3000)]
    read = subprocess.run(
        [str(parts.find("node")), str(READER)],
        input=json.dumps([case.hex() for case in cases]),
        capture_output=True,
        text=True,
        check=True,
    )
    ours = [is_manifest(case) for case in cases]
    theirs = json.loads(read.stdout)
    assert [c for c, a, b in zip(cases, ours, theirs, strict=True) if a != b] == []
    assert sum(ours) > len(sources) + 100
