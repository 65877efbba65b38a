"""The database door behaves the same on both engines."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as upsert

from switchbay.infra.db import Database, DatabaseUnavailable, Tx, UniqueViolation, open_database
from switchbay.infra.db.door import Value
from switchbay.kit.errors import AppError

_OWN = sa.MetaData()
_THINGS = sa.Table(
    "things",
    _OWN,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("data", sa.LargeBinary),
)
_ALL = sa.select(_THINGS).order_by(_THINGS.c.name)
_ONE = sa.select(_THINGS).where(_THINGS.c.name == sa.bindparam("name"))
_SOME = sa.select(_THINGS.c.name).where(_THINGS.c.name.in_(sa.bindparam("names", expanding=True)))
_ADD = sa.update(_THINGS).where(_THINGS.c.name == sa.bindparam("wanted")).values(number=_THINGS.c.number + 1)
_COUNT = sa.select(sa.func.count()).select_from(_THINGS)


async def _put(tx: Tx, *names: str) -> None:
    for name in names:
        await tx.insert(_THINGS, {"account_id": "a", "name": name, "number": 0, "active": True, "data": None})


async def _put_one(tx: Tx, name: str) -> None:
    await _put(tx, name)


@pytest.fixture
async def things(fresh_database_url: str) -> AsyncIterator[Database]:
    """A database with a table of things."""
    database_url = fresh_database_url
    db = await open_database(database_url, connections=4)
    if db.engine == "sqlite":
        engine = sa.create_engine(database_url)
        _OWN.create_all(engine)
        engine.dispose()
    else:
        import asyncpg  # noqa: PLC0415 - the door offers no DDL

        connection = await asyncpg.connect(database_url)
        await connection.execute(
            "CREATE TABLE things (account_id text, name text, number bigint NOT NULL, active boolean NOT NULL,"
            " data bytea, PRIMARY KEY (account_id, name))"
        )
        await connection.close()
    yield db
    await db.close()


async def _names(db: Database) -> list[str]:
    return [row["name"] for row in await db.read(lambda tx: tx.fetch(_ALL))]


async def test_values_of_every_column_type_come_back_as_they_went_in(things: Database) -> None:
    row: Mapping[str, Value] = {"account_id": "a", "name": "ü😀", "number": 2**62, "active": False, "data": b"\x00\xff"}
    await things.write(lambda tx: tx.insert(_THINGS, row))
    found = await things.read(lambda tx: tx.fetch_one(_ONE, {"name": "ü😀"}))
    assert found is not None
    assert [found[name] for name in row] == ["a", "ü😀", 2**62, False, b"\x00\xff"]
    assert found["active"] is False


async def test_a_work_that_raises_stores_nothing_and_runs_no_callback(things: Database) -> None:
    called: list[str] = []

    async def fails(tx: Tx) -> None:
        await _put(tx, "x")
        tx.on_commit(lambda: called.append("x"))
        raise AppErrorLike

    with pytest.raises(AppErrorLike):
        await things.write(fails)
    assert await _names(things) == []
    assert called == []


class AppErrorLike(Exception):
    """Any error a room may raise inside a work."""


async def test_one_failing_work_does_not_spoil_those_committed_with_it(things: Database) -> None:
    async def good(tx: Tx, name: str) -> str:
        await _put(tx, name)
        return name

    async def bad(tx: Tx) -> str:
        await _put(tx, "bad")
        raise AppErrorLike

    works = [things.write(partial(good, name=f"n{number:02}")) for number in range(30)]
    works.insert(7, things.write(bad))
    results = await asyncio.gather(*works, return_exceptions=True)
    assert isinstance(results[7], AppErrorLike)
    assert await _names(things) == [f"n{number:02}" for number in range(30)]


async def test_callbacks_run_on_the_loop_after_the_commit(things: Database) -> None:
    loop = asyncio.get_running_loop()
    seen: list[object] = []

    async def work(tx: Tx) -> None:
        await _put(tx, "x")
        tx.on_commit(lambda: seen.append(asyncio.get_running_loop()))

    await things.write(work)
    assert seen == [loop]


async def test_a_taken_key_is_a_unique_violation(things: Database) -> None:
    await things.write(lambda tx: _put(tx, "x"))
    with pytest.raises(UniqueViolation):
        await things.write(lambda tx: _put(tx, "x"))
    assert await _names(things) == ["x"]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 100, 700])
async def test_insert_many_stores_every_row(things: Database, count: int) -> None:
    rows = [
        {"account_id": "a", "name": f"n{place:04}", "number": place, "active": place % 2 == 0, "data": None}
        for place in range(count)
    ]
    assert await things.write(lambda tx: tx.insert_many(_THINGS, rows)) == count
    found = await things.read(lambda tx: tx.fetch(_ALL))
    assert [(row["name"], row["number"], row["active"]) for row in found] == [
        (f"n{place:04}", place, place % 2 == 0) for place in range(count)
    ]


async def test_insert_many_can_pass_over_taken_keys(things: Database) -> None:
    await things.write(lambda tx: _put(tx, "b"))
    rows = [{"account_id": "a", "name": name, "number": 9, "active": True, "data": None} for name in ("a", "b", "c")]
    assert await things.write(lambda tx: tx.insert_many(_THINGS, rows, ignore_conflicts=True)) == 2
    found = await things.read(lambda tx: tx.fetch(_ALL))
    assert [(row["name"], row["number"]) for row in found] == [("a", 9), ("b", 0), ("c", 9)]


async def test_update_many_gives_each_row_its_own_values_and_tells_which_it_found(things: Database) -> None:
    await things.write(lambda tx: _put(tx, "a", "b", "c"))
    rows: list[Mapping[str, Value]] = [
        {"account_id": "a", "name": "a", "number": 1, "data": b"1", "active": False},
        {"account_id": "a", "name": "c", "number": 3, "data": None, "active": True},
        {"account_id": "a", "name": "missing", "number": 4, "data": None, "active": True},
    ]
    updated = await things.write(
        lambda tx: tx.update_many(_THINGS, rows, keys=("account_id", "name"), returning=("name",))
    )
    assert sorted(row["name"] for row in updated) == ["a", "c"]
    found = await things.read(lambda tx: tx.fetch(_ALL))
    assert [(row["name"], row["number"], row["active"], row["data"]) for row in found] == [
        ("a", 1, False, b"1"),
        ("b", 0, True, None),
        ("c", 3, True, None),
    ]


@pytest.mark.parametrize("names", [[], ["a"], ["c", "a", "zz"]])
async def test_a_list_of_values_expands(things: Database, names: list[str]) -> None:
    await things.write(lambda tx: _put(tx, "a", "b", "c"))
    found = await things.read(lambda tx: tx.fetch(_SOME, {"names": names}))
    assert sorted(row["name"] for row in found) == sorted({"a", "b", "c"} & set(names))


async def test_an_upsert_built_once_runs_on_both_engines(things: Database) -> None:
    insert = upsert(_THINGS)
    statement = (
        insert.values({column.name: sa.bindparam(column.name) for column in _THINGS.columns})
        .on_conflict_do_update(
            index_elements=["account_id", "name"], set_={"number": _THINGS.c.number + insert.excluded.number}
        )
        .returning(_THINGS.c.number)
    )
    row: Mapping[str, Value] = {"account_id": "a", "name": "x", "number": 5, "active": True, "data": None}
    first = await things.write(lambda tx: tx.fetch_one(statement, row))
    second = await things.write(lambda tx: tx.fetch_one(statement, row))
    assert first is not None
    assert second is not None
    assert (first["number"], second["number"]) == (5, 10)


async def test_increments_from_many_tasks_are_all_counted(things: Database) -> None:
    await things.write(lambda tx: _put(tx, "x"))
    changed = await asyncio.gather(*(things.write(lambda tx: tx.execute(_ADD, {"wanted": "x"})) for _ in range(200)))
    assert changed == [1] * 200
    row = await things.read(lambda tx: tx.fetch_one(_ONE, {"name": "x"}))
    assert row is not None
    assert row["number"] == 200


async def test_a_cancelled_caller_does_not_undo_or_block_the_others(things: Database) -> None:
    tasks = [asyncio.create_task(things.write(partial(_put_one, name=f"n{number}"))) for number in range(10)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert set(await _names(things)) >= {f"n{number}" for number in range(1, 10)}


async def test_a_read_cannot_write(things: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        await things.read(lambda tx: _put(tx, "x"))
    assert await _names(things) == []


async def test_a_closed_database_says_so(database_url: str) -> None:
    database = await open_database(database_url)
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda tx: tx.execute(_ADD, {"wanted": "x"}))


async def test_a_work_that_awaits_something_else_is_refused_on_sqlite(sqlite_template: Path, tmp_path: Path) -> None:
    async def sleeps(_tx: Tx) -> None:
        await asyncio.sleep(0)

    database = await open_database(f"sqlite:///{tmp_path / 'x.db'}")
    try:
        with pytest.raises(RuntimeError, match="await nothing but its transaction"):
            await database.write(sleeps)
    finally:
        await database.close()


async def test_a_statement_that_is_wrong_is_not_called_unavailable(db: Database) -> None:
    nothing: sa.Select[tuple[object]] = sa.select(sa.column("x")).select_from(sa.table("no_such_table"))
    with pytest.raises(Exception, match="no_such_table") as caught:
        await db.read(lambda tx: tx.fetch(nothing))
    assert not isinstance(caught.value, DatabaseUnavailable)


async def test_a_sqlite_file_locked_by_another_process_is_unavailable_then_works_again(tmp_path: Path) -> None:
    path = tmp_path / "locked.db"
    database = await open_database(f"sqlite:///{path}", busy_ms=20)
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("CREATE TABLE things (account_id, name, number, active, data, PRIMARY KEY (account_id, name))")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable) as caught:
            await database.write(lambda tx: _put(tx, "x"))
        assert caught.value.retry_after == 1
        other.execute("ROLLBACK")
        await database.write(lambda tx: _put(tx, "y"))
        assert await _names(database) == ["y"]
    finally:
        other.close()
        await database.close()


async def test_a_full_sqlite_disk_is_unavailable_and_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    path = tmp_path / "full.db"
    database = await open_database(f"sqlite:///{path}")
    engine = sa.create_engine(f"sqlite:///{path}")
    _OWN.create_all(engine)
    engine.dispose()

    def big(name: str) -> dict[str, str | int | bool | bytes]:
        return {"account_id": "a", "name": name, "number": 0, "active": True, "data": b"x" * 100_000}

    async def put_big(tx: Tx, name: str) -> None:
        await tx.insert(_THINGS, big(name))

    async def limit_pages(tx: Tx) -> None:
        connection: sqlite3.Connection = tx._connection  # type: ignore[attr-defined]  # the SQLite driver's own
        connection.execute("PRAGMA max_page_count=100")

    try:
        await database.write(limit_pages)
        await database.write(lambda tx: tx.insert(_THINGS, big("first")))
        results = await asyncio.gather(
            *(database.write(partial(put_big, name=f"more{number}")) for number in range(10)),
            return_exceptions=True,
        )
        refused = [result for result in results if isinstance(result, DatabaseUnavailable)]
        assert refused
        stored = len(results) - len(refused)
        row = await database.read(lambda tx: tx.fetch_one(_COUNT))
        assert row is not None
        assert row[0] == 1 + stored
    finally:
        await database.close()


async def test_a_postgresql_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(DatabaseUnavailable):
        await open_database("postgresql://nobody@127.0.0.1:1/none")


async def test_an_unknown_address_is_refused() -> None:
    with pytest.raises(AppError) as caught:
        await open_database("mysql://localhost/x")
    assert caught.value.code == "database_url_unknown"
