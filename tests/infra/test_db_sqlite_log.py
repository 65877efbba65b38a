"""What a write has told is on the disk; what is not on the disk yet is told by no read."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from switchbay.infra.db import DatabaseUnavailable, Tx
from switchbay.infra.db.sqlite import SqliteDatabase
from switchbay.infra.db.sqlite_log import Log
from switchbay.infra.db.turns import OwnMarks, Turns

_MAKE = sa.text("CREATE TABLE things (name TEXT)")
_PUT = sa.text("INSERT INTO things VALUES ('x')")
_COUNT = sa.text("SELECT count(*) FROM things")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with a log, opened by nobody else."""
    opened = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    opened.execute("PRAGMA journal_mode=WAL")
    opened.execute("CREATE TABLE things (name)")
    yield opened
    opened.close()


def test_a_commit_counts_as_durable_only_when_it_was_waited_for(connection: sqlite3.Connection, tmp_path: Path) -> None:
    marks = OwnMarks()
    log = Log(connection, tmp_path / "x.db", marks)
    first, second = log.begin(), log.begin()
    assert (first, second, marks.durable) == (1, 2, 0)
    log.make_durable(first)
    assert marks.durable == 1
    log.make_durable(second)
    log.make_durable(first)
    assert marks.durable == 2
    log.close()


def test_a_disk_that_fails_makes_nothing_durable(connection: sqlite3.Connection, tmp_path: Path) -> None:
    marks = OwnMarks()
    log = Log(connection, tmp_path / "x.db", marks)
    log.begin()
    log._file, other = os.pipe()  # what cannot be written out to any disk
    with pytest.raises(DatabaseUnavailable):
        log.make_durable(1)
    with pytest.raises(DatabaseUnavailable):
        log.make_seen_durable()
    assert marks.durable == 0
    os.close(other)
    log.close()


def test_without_a_log_sqlite_itself_waits_for_the_disk(connection: sqlite3.Connection, tmp_path: Path) -> None:
    assert connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0] == "delete"
    connection.execute("PRAGMA synchronous=NORMAL")
    log = Log(connection, tmp_path / "x.db", OwnMarks())
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    log.make_durable(log.begin())
    log.close()


async def test_after_a_write_that_cannot_be_made_durable_all_is_unavailable(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "x.db")
    await database.write(lambda tx: tx.execute(_MAKE))
    assert database._log._marks.durable == database._log._marks.begun == 1
    kept = database._log._file
    database._log._file, other = os.pipe()
    called: list[str] = []

    async def put(tx: Tx) -> None:
        tx.on_commit(lambda: called.append("told"))
        await tx.execute(_PUT)

    try:
        with pytest.raises(DatabaseUnavailable):
            await database.write(put)
        with pytest.raises(DatabaseUnavailable):
            await database.read(lambda tx: tx.fetch(_COUNT))
        assert called == []
        os.close(database._log._file)
        database._log._file = kept  # the disk works again, and nobody knows what it lost
        with pytest.raises(DatabaseUnavailable):
            await database.write(put)
        with pytest.raises(DatabaseUnavailable):
            await database.read(lambda tx: tx.fetch(_COUNT))
        assert called == []
    finally:
        os.close(other)
        await database.close()


_TWO_PROCESSES = """
import os
from switchbay.infra.db.turns import Turns
turns = Turns()
if os.fork() == 0:
    turns.take(1)
    turns.marks.begun += 1
    turns.give()
    turns.marks.durable = 7
    os._exit(0)
os.wait()
print(turns.take(1), turns.marks.begun, turns.marks.durable)
"""


def test_processes_of_one_node_share_their_marks() -> None:
    words = [sys.executable, "-c", _TWO_PROCESSES]
    run = subprocess.run(words, capture_output=True, text=True, check=True)  # noqa: S603 - words of our own
    assert run.stdout.split() == ["True", "1", "7"]


async def test_what_one_process_has_committed_another_reads_when_it_is_on_the_disk(tmp_path: Path) -> None:
    turns = Turns()
    first = SqliteDatabase(tmp_path / "x.db", turns=turns)
    second = SqliteDatabase(tmp_path / "x.db", turns=turns)
    try:
        await first.write(lambda tx: tx.execute(_MAKE))
        turns.marks.durable = 0  # as if the first one still waited for the disk
        second._log._file, other = os.pipe()
        with pytest.raises(DatabaseUnavailable):
            await second.read(lambda tx: tx.fetch(_COUNT))
        await asyncio.gather(*(first.write(lambda tx: tx.execute(_PUT)) for _ in range(5)))
        row = await second.read(lambda tx: tx.fetch_one(_COUNT))
        assert row is not None
        assert row[0] == 5
        os.close(other)
    finally:
        await second.close()
        await first.close()
