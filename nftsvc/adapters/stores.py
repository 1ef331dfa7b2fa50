"""The stores that the settings name, each in one line.

`embedded`, `embedded:/folder`,
`kubo+http://host:5001?bearer_file=/file` (or `basic_file`),
`s3+https://host/bucket/prefix?key_file=/file` (and `region`),
`pinning+https://host/psa?token_file=/file&gateway=https://host&kubo=http://host:5001` (and the
`bearer_file` or `basic_file` of that Kubo node, from which the service fetches).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from nftsvc.adapters.embedded_store import EmbeddedStore
from nftsvc.adapters.kubo_store import KuboStore
from nftsvc.adapters.pinning_store import PinningStore
from nftsvc.adapters.replicated_store import ReplicatedStore
from nftsvc.core.errors import Misconfigured
from nftsvc.ports import ContentStore

_KUBO: Final = {"bearer_file", "basic_file"}
_OPTIONS: Final = {
    "kubo": _KUBO,
    "s3": {"key_file", "region"},
    "pinning": _KUBO | {"token_file", "gateway", "kubo"},
}


def open_stores(lines: Sequence[str], *, folder: Path, wanted: int) -> ContentStore:
    """The store that these lines make up. Raises `Misconfigured`."""
    stores = [open_store(line, folder=folder) for line in lines]
    names = [store.name for store in stores]
    if len(set(names)) < len(names):
        raise Misconfigured(f"NFTSVC_STORES: the same store twice ({', '.join(names)})")
    if wanted > len(stores):
        raise Misconfigured(f"NFTSVC_REPLICAS: {wanted} of {len(stores)} stores")
    return stores[0] if len(stores) == 1 else ReplicatedStore(stores, wanted=wanted)


def open_store(line: str, *, folder: Path) -> ContentStore:
    """The store of one line; `embedded` alone is in `folder`. Raises `Misconfigured`."""
    if line == "embedded":
        return EmbeddedStore(folder)
    if line.startswith("embedded:/"):
        return EmbeddedStore(Path(line.removeprefix("embedded:")), name=line)
    kind, plus, address = line.partition("+")
    parts = urlsplit(address)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not plus or kind not in _OPTIONS or not parts.hostname or "@" in parts.netloc:
        # It may hold a password where it should name a file with one.
        raise Misconfigured(f"NFTSVC_STORES: {line.rpartition('@')[2]!r} names no store")
    if unknown := options.keys() - _OPTIONS[kind]:
        raise Misconfigured(f"NFTSVC_STORES: a {kind} store has no {', '.join(sorted(unknown))}")
    name = f"{kind} {parts.netloc}{parts.path.rstrip('/')}"
    files = {key: Path(value) for key, value in options.items() if key.endswith("_file")}
    if kind == "s3":
        bucket, _, prefix = parts.path.strip("/").partition("/")
        if not bucket or "key_file" not in files:
            raise Misconfigured("NFTSVC_STORES: an s3 store needs a bucket and a key_file")
        # Imported only where it is used: it loads a whole runtime.
        from nftsvc.adapters.s3_store import S3Store  # noqa: PLC0415

        return S3Store(
            f"{parts.scheme}://{parts.netloc}",
            bucket=bucket,
            prefix=prefix,
            region=options.get("region", "us-east-1"),
            key_file=files["key_file"],
            name=name,
        )
    url = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
    node = files.get("bearer_file"), files.get("basic_file")
    if kind == "kubo":
        return KuboStore(url, name=name, bearer_file=node[0], basic_file=node[1])
    if lacking := {"token_file", "gateway", "kubo"} - options.keys():
        raise Misconfigured(f"NFTSVC_STORES: a pinning store needs {', '.join(sorted(lacking))}")
    return PinningStore(
        url,
        name=name,
        token_file=files["token_file"],
        gateway=options["gateway"],
        origin=KuboStore(
            options["kubo"], name=f"origin of {name}", bearer_file=node[0], basic_file=node[1]
        ),
    )
