"""Files in an S3-compatible store: a real server, over TLS, which verifies every signature."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import obstore
import pytest

from support.certs import make_authority
from support.files_house import address, announce, get, noise, picture, put, stored, upload
from support.messaging_stage import ACCOUNT, Stage, stage_on
from support.s3_server import BUCKET, S3Server, s3_server
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.kit.errors import AppError
from switchbay.kit.secret import Secret
from switchbay.messaging.files.stores import FileDamaged, FileMissing, StoreUnavailable
from switchbay.messaging.files.stores.s3 import Bucket, BucketStore
from switchbay.messaging.files.transfer import Rules
from switchbay.messaging.files.workers import purge_once


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for all tests of this module."""
    with s3_server(make_authority(tmp_path_factory.mktemp("authority"))) as server:
        yield server


@pytest.fixture
def bucket(server: S3Server, tmp_path: Path) -> Bucket:
    """A part of the bucket that is this test's own."""
    return Bucket(
        BUCKET,
        endpoint=server.endpoint,
        key=server.key,
        secret=Secret(server.secret),
        prefix=tmp_path.name,
        ca_file=server.ca_file,
    )


@pytest.fixture
async def stage(
    bucket: Bucket, sqlite_db: Database, clock: ManualClock, randomness: Randomness
) -> AsyncIterator[Stage]:
    """The room with its files in the bucket."""
    rules = Rules(most_bytes=20_000_000)
    async with stage_on(sqlite_db, clock, randomness, objects=BucketStore(bucket), rules=rules) as stage:
        yield stage


def names(bucket: Bucket) -> list[str]:
    store = BucketStore(bucket)._store
    return sorted(found["path"] for page in obstore.list(store) for found in page)


@pytest.mark.parametrize("sides", [(40, 30), (2_300, 2_300)], ids=["small", "in parts"])
async def test_a_file_goes_into_the_bucket_and_comes_back(stage: Stage, bucket: Bucket, sides: tuple[int, int]) -> None:
    content = noise(sides)
    assert (len(content) > 5 * 1024 * 1024) == (sides[0] > 1_000)
    path = await upload(stage, content)
    file_id = path.rpartition("/")[2]
    place = f"{ACCOUNT}/{file_id[:2]}/{file_id[2:4]}/{file_id}"
    assert names(bucket) == [place, place + ".preview"]
    assert stored(stage) == []
    assert (await get(stage, path)).content == content
    part = await get(stage, path, Range="bytes=100-1099")
    assert (part.status_code, part.content) == (206, content[100:1_100])
    preview = await stage.files.preview_of(ACCOUNT, path)
    assert preview is not None
    assert preview.startswith("data:image/jpeg;base64,")


async def test_a_file_that_is_deleted_leaves_the_bucket(stage: Stage, bucket: Bucket) -> None:
    await upload(stage, picture())
    stage.clock.advance(seconds=7 * 86_400)
    assert await purge_once(stage.db, BucketStore(bucket), stage.clock.at_ms) == 1
    assert names(bucket) == []


async def test_a_file_that_was_changed_in_the_bucket_is_not_given_out_whole(stage: Stage, bucket: Bucket) -> None:
    content = noise((900, 900))
    path = await upload(stage, content)
    place = names(bucket)[0]
    store = BucketStore(bucket)._store
    obstore.put(store, place, content[:-1] + bytes([content[-1] ^ 1]))
    file = await stage.files.transfer.find(ACCOUNT, path.rpartition("/")[2])
    given = bytearray()

    async def read() -> None:
        async for part in await stage.files.transfer.read(file, 0, file.size):
            given.extend(part)

    with pytest.raises(AppError) as caught:
        await read()
    assert caught.value.code == "file_damaged"
    assert 0 < len(given) < len(content)
    assert content.startswith(given)
    obstore.put(store, place, content + b"\0")
    answer = await get(stage, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "file_damaged")
    obstore.delete(store, place)
    assert (await get(stage, path)).json()["error"]["code"] == "file_damaged"


@pytest.mark.parametrize(
    "wrong",
    [{"secret": Secret("wrong")}, {"name": "other-bucket"}, {"ca_file": None}, {"endpoint": "https://localhost:1"}],
    ids=["secret", "bucket", "authority", "nobody there"],
)
async def test_a_store_that_cannot_be_used_is_unavailable_and_nothing_is_lost(
    bucket: Bucket, wrong: dict[str, object], sqlite_db: Database, clock: ManualClock, randomness: Randomness
) -> None:
    broken = BucketStore(replace(bucket, **wrong))  # type: ignore[arg-type]  # one field of any type
    async with stage_on(sqlite_db, clock, randomness, objects=broken) as stage:
        path, query = address(await announce(stage, 10_000))
        answer = await put(stage, path, query, picture())
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "file_store_unavailable")
        assert "localhost" not in answer.text
        assert names(bucket) == []


async def test_what_the_bucket_does_not_have(bucket: Bucket) -> None:
    store = BucketStore(bucket)
    await store.remove("none")
    with pytest.raises(FileMissing):
        await store.read_bytes("none", 10)
    with pytest.raises(FileMissing):
        await anext(store.read("none", 0, 1, 1, ""))
    await store.keep_bytes("long", b"x" * 11)
    with pytest.raises(FileDamaged):
        await store.read_bytes("long", 10)
    await store.close()


async def test_trouble_is_told_in_one_line(bucket: Bucket) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        await BucketStore(replace(bucket, secret=Secret("wrong"))).read_bytes("x", 1)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize("wrong", [{"endpoint": "not an address"}, {"ca_file": Path("/nowhere")}])
def test_settings_that_cannot_be_used(bucket: Bucket, wrong: dict[str, object]) -> None:
    with pytest.raises(AppError) as caught:
        BucketStore(replace(bucket, **wrong))  # type: ignore[arg-type]  # one field of any type
    assert caught.value.code == "file_store_malformed"
