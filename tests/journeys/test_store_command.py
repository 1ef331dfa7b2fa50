"""`nftsvc store` on a damaged store, and archives to and from a real Kubo."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nftsvc.adapters.embedded_store import EmbeddedStore
from nftsvc.bootstrap import bootstrap
from nftsvc.core import car
from nftsvc.core.cid import Cid
from nftsvc.core.errors import ContentCorrupt, ContentMissing, InvalidMedia
from nftsvc.core.types import AssetKind
from nftsvc.core.unixfs import CHUNK_BYTES, UnixfsBuilder, cid_of_bytes
from tests.kubo import KuboNode
from tests.platform import Platform, content_parts, pdf, product, until

NFTSVC = str(Path(sys.executable).with_name("nftsvc"))


def nftsvc(*arguments: object, **environment: str) -> tuple[int, bytes, str]:
    """Exit code, standard output, standard error."""
    done = subprocess.run(
        [NFTSVC, *map(str, arguments)],
        capture_output=True,
        check=False,
        env=os.environ | environment,
    )
    return done.returncode, done.stdout, done.stderr.decode()


def content(seed: str, size: int = 3 * CHUNK_BYTES + 5) -> bytes:
    return hashlib.shake_128(seed.encode()).digest(size)


async def stream(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "data" / "content").mkdir(parents=True)
    return tmp_path / "data"


@pytest.fixture
def store(data_dir: Path) -> EmbeddedStore:
    return EmbeddedStore(data_dir / "content")


def damage(store: EmbeddedStore, cid: Cid) -> None:
    data = bytearray(store.path_of(cid).read_bytes())
    data[-9] ^= 1
    store.path_of(cid).write_bytes(data)


async def test_store_check__whole_then_damaged__says_which(
    data_dir: Path, store: EmbeddedStore
) -> None:
    cids = [await store.put(stream(content(name))) for name in "abc"]
    assert nftsvc("store", "check", "--data-dir", data_dir)[0] == 0
    damage(store, cids[1])
    code, out, _ = nftsvc("store", "check", "--data-dir", data_dir, "--json")
    said = json.loads(out)
    assert (code, said["contents"]) == (1, 3)
    assert [(d["cid"], d["code"]) for d in said["damaged"]] == [(str(cids[1]), "content-corrupt")]
    assert said["bytes"] == 2 * len(content("a"))


async def test_store_repair__without_a_source__sets_aside_what_is_damaged(
    data_dir: Path, store: EmbeddedStore
) -> None:
    whole, damaged = [await store.put(stream(content(name))) for name in "ab"]
    damage(store, damaged)
    code, out, _ = nftsvc("store", "repair", "--data-dir", data_dir, "--json")
    assert (code, json.loads(out)) == (
        1,
        {"repaired": [], "missing": [str(damaged)], "unreadable": []},
    )
    assert await store.verify(whole)
    with pytest.raises(ContentMissing):
        await store.verify(damaged)
    assert nftsvc("store", "check", "--data-dir", data_dir)[0] == 0
    assert len(list((data_dir / "content/damaged").iterdir())) == 1


@pytest.mark.needs("kubo")
async def test_store_repair__from_kubo__has_it_whole_again(
    data_dir: Path, store: EmbeddedStore, kubo: KuboNode
) -> None:
    lost, unknown = [await store.put(stream(content(f"repair {name}"))) for name in "ab"]
    kubo.ipfs("dag", "import", str(store.path_of(lost)))
    damage(store, lost)
    damage(store, unknown)
    code, out, _ = nftsvc(
        *("store", "repair", "--data-dir", data_dir, "--json"),
        *("--kubo", kubo.url, "--bearer-file", kubo.bearer_file),
    )
    assert (code, json.loads(out)) == (
        1,
        {"repaired": [str(lost)], "missing": [str(unknown)], "unreadable": []},
    )
    assert await store.verify(lost) == len(content("x"))


def test_store_repair__node_away__could_not_ask_and_changes_nothing(
    data_dir: Path, store: EmbeddedStore
) -> None:
    cid = cid_of_bytes(b"x")
    store.path_of(cid).parent.mkdir()
    store.path_of(cid).write_bytes(b"rot")
    code, _, complaint = nftsvc(
        "store", "repair", "--data-dir", data_dir, "--kubo", "http://127.0.0.1:1"
    )
    assert (code, "content-unavailable" in complaint) == (2, True)
    assert store.path_of(cid).read_bytes() == b"rot"


@pytest.mark.needs("kubo")
async def test_store__exported_to_kubo_and_back__is_the_same_content(
    data_dir: Path, tmp_path: Path, kubo: KuboNode
) -> None:
    data = content("there and back", 200 * CHUNK_BYTES + 1)
    cid = await EmbeddedStore(data_dir / "content").put(stream(data))
    archive = tmp_path / "out.car"
    assert nftsvc("store", "export", cid, "--data-dir", data_dir, "-o", archive)[0] == 0
    assert nftsvc("store", "export", cid, "--data-dir", data_dir)[1] == archive.read_bytes()
    kubo.ipfs("dag", "import", str(archive))
    assert kubo.ipfs("cat", str(cid)) == data

    theirs = tmp_path / "theirs.car"
    theirs.write_bytes(kubo.ipfs("dag", "export", str(cid)))
    assert theirs.read_bytes() == archive.read_bytes()
    ours = EmbeddedStore(data_dir / "content").path_of(cid)
    assert ours.read_bytes() != theirs.read_bytes(), "our blocks stand in another order"
    for number, taken in enumerate((theirs, ours)):
        other = tmp_path / f"other{number}"
        (other / "content").mkdir(parents=True)
        code, out, _ = nftsvc("store", "import", taken, "--data-dir", other)
        assert (code, out.decode().strip()) == (0, str(cid))
        assert await EmbeddedStore(other / "content").verify(cid) == len(data)


@pytest.mark.needs("kubo")
async def test_store_import__file_that_kubo_chunked_otherwise__is_kept_under_its_cid(
    tmp_path: Path, store: EmbeddedStore, kubo: KuboNode
) -> None:
    data = content("otherwise", 50_000)
    told = kubo.ipfs(
        *("add", "--quieter", "--cid-version=1", "--raw-leaves=false", "--chunker=size-1000"),
        stdin=data,
    )
    cid = Cid.parse(told.decode().strip())
    (tmp_path / "its.car").write_bytes(kubo.ipfs("dag", "export", str(cid)))
    assert await store.take(tmp_path / "its.car") == [cid]
    assert b"".join([part async for part in store.read(cid)]) == data


def archive_of(data: bytes) -> bytes:
    builder = UnixfsBuilder()
    blocks = [*builder.feed(data), *builder.finish()]
    return car.header(builder.root) + b"".join(map(car.section, blocks))


@pytest.mark.parametrize(
    ("archive", "error"),
    [
        pytest.param(b"%PDF-1.7", InvalidMedia, id="not an archive"),
        pytest.param(b"", InvalidMedia, id="empty"),
        pytest.param(archive_of(content("c"))[:-1], InvalidMedia, id="cut"),
        pytest.param(archive_of(content("c"))[: car.HEADER_BYTES], ContentMissing, id="no blocks"),
        pytest.param(
            archive_of(content("c")).replace(content("c")[:9], b"forgotten", 1),
            ContentCorrupt,
            id="another byte",
        ),
    ],
)
async def test_store_import__archive_that_is_false__leaves_nothing(
    tmp_path: Path, store: EmbeddedStore, archive: bytes, error: type[Exception]
) -> None:
    (tmp_path / "false.car").write_bytes(archive)
    with pytest.raises(error):
        await store.take(tmp_path / "false.car")
    assert [*store.contents()] == []
    assert not list((tmp_path / "data/content/incoming").iterdir())


def test_store_commands__wrong_use_and_false_archives__have_their_exit_codes(
    tmp_path: Path, data_dir: Path
) -> None:
    missing = cid_of_bytes(b"nowhere")
    (tmp_path / "no.car").write_bytes(archive_of(b"x")[: car.HEADER_BYTES])
    (tmp_path / "no.pdf").write_bytes(b"%PDF-1.7")
    folder = ("--data-dir", data_dir)
    assert nftsvc("store", "check", "--data-dir", tmp_path / "none")[0] == 64
    assert nftsvc("store", "check", "--data-dir", tmp_path)[0] == 64
    assert nftsvc("store", "export", "what", *folder)[0] == 64
    assert nftsvc("store", "export", missing, *folder)[0] == 1
    assert nftsvc("store", "import", tmp_path / "no.car", *folder)[0] == 1
    assert nftsvc("store", "import", tmp_path / "no.pdf", *folder)[0] == 64


@pytest.mark.needs("kubo")
async def test_store__packed_content_damaged__is_found_fetched_and_exported(
    data_dir: Path, tmp_path: Path, store: EmbeddedStore, kubo: KuboNode
) -> None:
    datas = [content(f"packed {number}", 500) for number in range(20)]
    cids = await store.put_many([stream(data) for data in datas])
    await store.close()
    (pack,) = (data_dir / "content" / "packs").glob("*.car")
    kubo.ipfs("dag", "import", str(pack))
    damaged = bytearray(pack.read_bytes())
    damaged[damaged.index(datas[4]) + 100] ^= 1
    pack.write_bytes(damaged)
    code, out, _ = nftsvc("store", "check", "--data-dir", data_dir, "--json")
    said = json.loads(out)
    assert (code, said["contents"]) == (1, 20)
    assert [found["cid"] for found in said["damaged"]] == [str(cids[4])]
    code, out, _ = nftsvc(
        *("store", "repair", "--data-dir", data_dir, "--json"),
        *("--kubo", kubo.url, "--bearer-file", kubo.bearer_file),
    )
    assert (code, json.loads(out)["repaired"]) == (0, [str(cids[4])])
    assert nftsvc("store", "check", "--data-dir", data_dir)[0] == 0
    for number in (4, 5):
        out_file = tmp_path / f"{number}.car"
        assert (
            nftsvc("store", "export", cids[number], "--data-dir", data_dir, "-o", out_file)[0] == 0
        )
        assert out_file.read_bytes() == kubo.ipfs("dag", "export", str(cids[number]))


async def test_store_import__a_whole_pack__takes_every_content(
    data_dir: Path, tmp_path: Path
) -> None:
    other = EmbeddedStore(tmp_path / "other")
    datas = [content(f"taken {number}", 500) for number in range(20)]
    cids = await other.put_many([stream(data) for data in datas])
    await other.close()
    (pack,) = (tmp_path / "other" / "packs").glob("*.car")
    code, out, _ = nftsvc("store", "import", pack, "--data-dir", data_dir)
    assert (code, out.decode().split()) == (0, [str(cid) for cid in cids])
    assert await EmbeddedStore(data_dir / "content").verify_many(cids) == [500] * 20


async def test_store_repair__damaged_packed_content_and_no_source__sets_it_aside(
    data_dir: Path, store: EmbeddedStore
) -> None:
    datas = [content(f"aside {number}", 500) for number in range(5)]
    cids = await store.put_many([stream(data) for data in datas])
    await store.close()
    (pack,) = (data_dir / "content" / "packs").glob("*.car")
    damaged = bytearray(pack.read_bytes())
    damaged[damaged.index(datas[2]) + 100] ^= 1
    pack.write_bytes(damaged)
    code, out, _ = nftsvc("store", "repair", "--data-dir", data_dir, "--json")
    assert (code, json.loads(out)["missing"]) == (1, [str(cids[2])])
    assert nftsvc("store", "check", "--data-dir", data_dir)[0] == 0
    assert set(store.contents()) == set(cids) - {cids[2]}
    assert len(list((data_dir / "content" / "damaged").iterdir())) == 1
    await store.close()


async def test_store_audit__after_a_loss__mends_it_and_says_what_it_was(
    anvil_platform: Platform, tmp_path: Path
) -> None:
    stores = {
        "NFTSVC_STORES": f"embedded,embedded:{tmp_path}/second",
        "NFTSVC_REPLICAS": "2",
        **anvil_platform.environment,
    }
    assert json.loads(nftsvc("store", "audit", "--json", **stores)[1])["audits"] == 0
    settings = anvil_platform.settings(
        stores=("embedded", f"embedded:{tmp_path}/second"), replicas=2, audit_seconds=0.2
    )
    application = bootstrap(settings)
    await application.start()
    try:
        parts = content_parts(product(), ("a.pdf", "application/pdf", pdf("x" * 300_000)))
        accepted = await application.accept(AssetKind.PRODUCT_CONTENT, key="a", parts=parts)
        view = await until(application, accepted.id, "finalized")
        document = Cid.parse(view.documents[0].cid)
        second = EmbeddedStore(tmp_path / "second")
        await second.remove(document)
        while (await application.stores()).records[1].repaired == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        assert await second.verify(document) == view.documents[0].size
        assert (await application.stores()).lacking == 0
    finally:
        await application.stop()
    own = EmbeddedStore(settings.data_dir / "content")
    damage(own, document)
    code, out, _ = nftsvc("store", "audit", "--all", "--json", **stores)
    said = json.loads(out)
    assert (code, said["audits"], said["lacking"]) == (0, 5, 0)
    assert [(found["cid"], found["store"], found["result"]) for found in said["findings"]] == [
        (str(document), "embedded", "corrupt"),
        (str(document), "embedded", "repaired"),
    ]
    for store in (own, second):
        await store.remove(document)
    code, out, _ = nftsvc("store", "audit", "--all", **stores)
    assert (code, "1 contents in fewer than 2 stores" in out.decode()) == (1, True)
    assert nftsvc("store", "audit", **(stores | {"NFTSVC_REPLICAS": "3"}))[0] == 64
