"""What becomes of files that nobody needs any more."""

import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from support.files_house import address, announce, file_event, get, picture, put, stored, upload, want
from support.messaging_stage import ACCOUNT, OTHER, Stage
from switchbay.infra.db import Tx, metadata
from switchbay.messaging.domain import AgentCaller
from switchbay.messaging.files import store
from switchbay.messaging.files.domain import read_path
from switchbay.messaging.files.spool import Spool
from switchbay.messaging.files.stores import StoreUnavailable
from switchbay.messaging.files.stores.disk import DiskStore
from switchbay.messaging.files.workers import purge_once

DAY_MS = 86_400_000
_TABLE = metadata.tables["messaging_files"]


async def purge(stage: Stage) -> int:
    return await purge_once(stage.db, DiskStore(stage.folder / "stored"), stage.clock.at_ms)


async def states(stage: Stage) -> list[str]:
    rows = await stage.db.read(lambda tx: tx.fetch(sa.select(_TABLE.c.state).order_by(_TABLE.c.created_at)))
    return [str(row[0]) for row in rows]


async def erase(stage: Stage, *conversations: str, account: str = ACCOUNT) -> int:
    return await stage.db.write(
        lambda tx: store.delete_files_of(tx, account, conversations, stage.clock.at_ms),
    )


async def test_an_announcement_is_forgotten_ten_minutes_after_its_address(stage: Stage) -> None:
    path, query = address(await announce(stage, 100))
    stage.clock.advance(seconds=659)
    assert (await purge(stage), await states(stage)) == (0, ["AWAITED"])
    stage.clock.advance(seconds=1)
    assert (await purge(stage), await states(stage)) == (1, [])
    stage.clock.advance(seconds=-650)
    assert (await put(stage, path, query, b"text")).status_code == 401


async def test_a_file_that_is_never_sent_is_deleted_after_a_week(stage: Stage) -> None:
    await upload(stage, picture())
    assert len(stored(stage)) == 2  # with its preview
    stage.clock.advance(ms=7 * DAY_MS - 1)
    assert (await purge(stage), len(stored(stage))) == (0, 2)
    stage.clock.advance(ms=1)
    assert (await purge(stage), await states(stage), stored(stage)) == (1, [], [])


async def test_a_file_that_was_sent_is_kept_as_long_as_its_conversation(stage: Stage) -> None:
    conversation, path = await stage.open(), await upload(stage, picture())
    assert (await stage.publish(conversation, file_event(path))).status == 200
    stage.clock.advance(ms=8 * DAY_MS)
    assert (await purge(stage), await purge(stage)) == (1, 0)
    stage.clock.advance(ms=800 * DAY_MS)
    assert await purge(stage) == 0
    assert (await get(stage, path)).status_code == 200


async def test_a_file_whose_conversation_never_came_about_is_deleted(stage: Stage) -> None:
    path = await upload(stage, picture())
    batch = [
        {"kind": "req", "id": "1", "type": "cm.ConsumerRequestConversation", "body": {"brandId": ACCOUNT}},
        {"kind": "req", "id": "2", "type": "ms.PublishEvent", "body": {"dialogId": "", "event": file_event(path)}},
    ]
    stage.webhooks.failure = RuntimeError("the transaction fails")
    assert (await stage.post("", batch)).status == 500
    found = await stage.files.get_file(ACCOUNT, AgentCaller("bob"), path)
    assert found.conversation_id is not None
    stage.clock.advance(ms=7 * DAY_MS)
    assert (await purge(stage), await states(stage), stored(stage)) == (1, [], [])


async def test_files_of_an_erased_conversation_are_gone_at_once_and_their_bytes_soon(stage: Stage) -> None:
    erased, kept = await stage.open(), await stage.open()
    gone, stays = await upload(stage, picture(color="red")), await upload(stage, picture(color="blue"))
    for conversation, path in ((erased, gone), (kept, stays)):
        assert (await stage.publish(conversation, file_event(path))).status == 200
    place, query = address(await want(stage, gone))
    assert await erase(stage, erased, account=OTHER) == 0
    assert (await erase(stage), await erase(stage, erased), await erase(stage, erased)) == (0, 1, 0)
    assert (await want(stage, gone)).error == 40421
    assert (await stage.http.get(place, params=query)).status_code == 404
    assert (await stage.publish(erased, file_event(gone))).error == 40005
    assert len(stored(stage)) == 4
    assert (await purge(stage), await states(stage), len(stored(stage))) == (1, ["STORED"], 2)
    assert (await get(stage, stays)).status_code == 200


class Failing(DiskStore):
    """A store whose server is away."""

    async def remove(self, name: str) -> None:
        raise StoreUnavailable("away")

    async def keep(self, name: str, path: Path) -> None:
        raise StoreUnavailable("away")


async def test_bytes_that_cannot_be_removed_are_removed_later_and_hold_up_no_others(stage: Stage) -> None:
    await upload(stage, picture())
    stage.clock.advance(ms=7 * DAY_MS)
    away = Failing(stage.folder / "stored")
    assert await purge_once(stage.db, away, stage.clock.at_ms) == 1
    assert (await states(stage), len(stored(stage))) == (["DOOMED"], 2)
    assert await purge(stage) == 0
    stage.clock.advance(seconds=300)
    assert (await purge(stage), await states(stage), stored(stage)) == (1, [], [])


async def test_an_upload_that_a_crash_ended_while_it_was_stored_is_deleted(stage: Stage) -> None:
    path, _ = address(await announce(stage, 100))
    file_id = read_path(path, ACCOUNT)
    assert file_id is not None
    now = stage.clock.at_ms

    async def claim(tx: Tx) -> bool:
        return await store.claim_upload(tx, ACCOUNT, file_id, now + 600_000, size=5, preview_size=2, most=7)

    assert await stage.db.write(claim)
    assert (await stage.files.get_usage(ACCOUNT)).used == 7
    place = stage.folder / "stored" / ACCOUNT / file_id[:2] / file_id[2:4] / file_id
    place.parent.mkdir(parents=True)
    place.write_bytes(b"half of it")
    stage.clock.advance(seconds=599)
    assert await purge(stage) == 0
    stage.clock.advance(seconds=1)
    assert (await purge(stage), await states(stage), stored(stage)) == (1, [], [])
    assert (await stage.files.get_usage(ACCOUNT)).used == 0


async def test_a_file_that_is_erased_while_it_is_stored_stays_erased(stage: Stage) -> None:
    conversation = await stage.open()
    bearer = {"Authorization": "Bearer " + await stage.bearer("bob")}
    body = {"file_size": 10_000, "file_type": "PNG", "conversation": conversation}
    answer = await stage.http.post(f"/switchbay/v1/accounts/{ACCOUNT}/files", json=body, headers=bearer)
    keep = DiskStore.keep

    async def keep_late(self: DiskStore, name: str, path: Path) -> None:
        await erase(stage, conversation)
        assert await purge(stage) == 1
        await keep(self, name, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DiskStore, "keep", keep_late)
        response = await put(stage, answer.json()["relative_path"], answer.json()["query"], picture())
    assert response.status_code == 401
    assert (await states(stage), stored(stage)) == ([], [])


async def test_an_upload_that_the_store_does_not_take_may_be_tried_again(stage: Stage) -> None:
    path, query = address(await announce(stage, 10_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DiskStore, "keep", Failing.keep)
        failed = await put(stage, path, query, picture())
    assert (failed.status_code, failed.json()["error"]["code"]) == (503, "file_store_unavailable")
    assert "away" not in failed.text
    assert (failed.headers["retry-after"], await states(stage), stored(stage)) == ("5", ["AWAITED"], [])
    assert (await put(stage, path, query, picture())).status_code == 201


async def test_two_nodes_tidy_at_once_without_harm(stage: Stage) -> None:
    for _ in range(3):
        await upload(stage, picture())
    stage.clock.advance(ms=7 * DAY_MS)

    async def doom(tx: Tx) -> int:
        return (await store.doom_due_files(tx, stage.clock.at_ms))[0]

    assert await stage.db.write(doom) == 3  # one node, which then stops
    assert (await purge(stage), await states(stage), stored(stage)) == (3, [], [])
    assert await purge(stage) == 0


def test_what_a_crash_left_in_the_spool_is_removed_by_age(tmp_path: Path) -> None:
    spool, now = Spool(tmp_path), 1_700_000_000_000
    for name, age in (("old", 3_601), ("young", 3_599)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (now / 1_000 - age, now / 1_000 - age))
    assert (spool.sweep(now), spool.sweep(now)) == (1, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["young"]
    assert Spool(tmp_path / "absent").sweep(now) == 0
