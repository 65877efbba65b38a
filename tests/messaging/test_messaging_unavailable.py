"""A database that is locked, gone or full: 503 with Retry-After, and nothing that was acknowledged is lost."""

import asyncio
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from support.messaging_stage import Stage, stage_on
from switchbay.infra.db import open_database
from switchbay.infra.machine import ManualClock, Randomness


def copied(template: Path, folder: Path) -> Path:
    """An empty database file of the test's own."""
    path = folder / "test.db"
    path.write_bytes(template.read_bytes())
    return path


async def test_a_database_that_is_closed_answers_503(stage: Stage) -> None:
    conversation = await stage.open()
    known = len(stage.webhooks.seen)
    await stage.db.close()
    for answered in (await stage.say(conversation), await stage.close(conversation)):
        assert (answered.status, answered.error) == (503, 50301)
        assert answered.headers["retry-after"] == "1"
    assert len(stage.webhooks.seen) == known


async def test_a_room_that_cannot_forget_keeps_running(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("switchbay.messaging.service._TIDY_SECONDS", 0.001)
    await stage.messaging.start()
    await stage.db.close()
    await asyncio.sleep(0.05)
    running = [task for task in asyncio.all_tasks() if task.get_name() == "messaging-tidy"]
    assert [task.done() for task in running] == [False]
    await stage.messaging.stop()


async def test_a_locked_database_answers_503_and_works_again_when_it_is_free(
    sqlite_template: Path, tmp_path: Path, clock: ManualClock, randomness: Randomness
) -> None:
    path = copied(sqlite_template, tmp_path)
    db = await open_database(f"sqlite:///{path}", busy_ms=50)
    async with stage_on(db, clock, randomness) as stage:
        conversation = await stage.open()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        answers = await asyncio.gather(*(stage.say(conversation) for _ in range(5)))
        assert [(one.status, one.error) for one in answers] == [(503, 50301)] * 5
        other.execute("ROLLBACK")
        other.close()
        assert (await stage.rows())["events"] == 0
        assert len(stage.webhooks.seen) == 1
        assert (await stage.say(conversation)).body["body"] == {"sequence": 0}
    await db.close()


async def test_a_full_disk_answers_503(
    sqlite_template: Path, tmp_path: Path, clock: ManualClock, randomness: Randomness
) -> None:
    path = copied(sqlite_template, tmp_path)
    db = await open_database(f"sqlite:///{path}")
    async with stage_on(db, clock, randomness) as stage:
        conversation = await stage.open()
        await stage.say(conversation)
        connection: sqlite3.Connection = db._connection  # type: ignore[attr-defined]  # the only way to fill the disk
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")
        answers = [await stage.say(conversation, "x" * 7_000) for _ in range(8)]
        full = [one for one in answers if one.status != 200]
        assert full
        assert {(one.status, one.error) for one in full} == {(503, 50301)}
        connection.execute("PRAGMA max_page_count=1000000")
        accepted = 1 + len(answers) - len(full)
        assert (await stage.say(conversation)).body["body"] == {"sequence": accepted}
        assert (await stage.rows())["events"] == accepted + 1
    await db.close()


async def test_connections_that_are_cut_answer_503_and_are_made_anew(stage: Stage, database_url: str) -> None:
    if stage.db.engine == "sqlite":
        pytest.skip("SQLite has no connections to cut")
    conversation = await stage.open()
    acknowledged = 0
    name = urlsplit(database_url).path.removeprefix("/")
    admin = await asyncpg.connect(database_url)
    try:
        for _ in range(5):
            sends = [asyncio.create_task(stage.say(conversation)) for _ in range(20)]
            await asyncio.sleep(0.005)
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
                name,
            )
            answers = await asyncio.gather(*sends)
            assert {one.status for one in answers} <= {200, 503}
            acknowledged += sum(one.status == 200 for one in answers)
    finally:
        await admin.close()
    last = await stage.say(conversation)
    assert last.status == 200
    events = (await stage.rows())["events"]
    assert events == last.body["body"]["sequence"] + 1
    assert events >= acknowledged + 1
