"""Puts more events behind a closed gate, straight into the database, so that a million need not be posted one by one.

Each is a copy of one that its lane holds already, with a number and a place of its own; so there must be some.
"""

import asyncio
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from switchbay.kit.ids import sortable_id
from switchbay.webhooks.tables import HELD

_AT_ONCE = 20_000
_COLUMNS = (
    "account_id",
    "id",
    "owner_id",
    "lane",
    "position",
    "event_key",
    "body",
    "status",
    "attempts",
    "created_at",
)
_LANES = (
    "SELECT lanes.account_id, lanes.owner_id, lanes.lane, lanes.next_position, held.event_key, held.body"
    " FROM webhook_lanes AS lanes JOIN webhook_deliveries AS held"
    " ON held.account_id = lanes.account_id AND held.owner_id = lanes.owner_id AND held.lane = lanes.lane"
    " AND held.status = 'pending' AND held.position = lanes.next_position - 1"
    f" WHERE lanes.wake_at = {HELD} ORDER BY lanes.lane"
)
_MOVE = (
    "UPDATE webhook_lanes SET next_position = {0}, last_at = {1}"
    " WHERE account_id = {2} AND owner_id = {3} AND lane = {4}"
)
_SEQUENCE = re.compile(rb'"sequence":\d+')
_NUMBER = re.compile(rb'"bench \d{9} ')

_Row = tuple[object, ...]


@dataclass(slots=True)
class _Lane:
    account_id: str
    owner_id: str
    lane: str
    next_position: int
    event_key: str
    body: bytes = field(repr=False)

    def row(self, number: int, at: int) -> _Row:
        """The next delivery."""
        place = self.next_position
        self.next_position += 1
        body = _SEQUENCE.sub(b'"sequence":%d' % (1_000_000 + place), self.body, 1)
        body = _NUMBER.sub(b'"bench %09d ' % number, body, 1)
        delivery = sortable_id("dlv", at, number.to_bytes(10, "big"))
        key = self.event_key
        return (self.account_id, delivery, self.owner_id, self.lane, place, key, body, "pending", 0, at)

    def moved(self, at: int) -> _Row:
        """What ``_MOVE`` asks for."""
        return (self.next_position, at, self.account_id, self.owner_id, self.lane)


def _rows(lanes: Sequence[_Lane], first: int, count: int, at: int) -> Iterator[list[_Row]]:
    for start in range(first, first + count, _AT_ONCE):
        numbers = range(start, min(first + count, start + _AT_ONCE))
        yield [lanes[number % len(lanes)].row(number, at) for number in numbers]


def _sqlite(path: Path, first: int, count: int, at: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    lanes = [_Lane(*row) for row in connection.execute(_LANES)]
    places = ", ".join("?" for _ in _COLUMNS)
    for rows in _rows(lanes, first, count, at):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(f"INSERT INTO webhook_deliveries ({', '.join(_COLUMNS)}) VALUES ({places})", rows)
        connection.execute("COMMIT")
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_MOVE.format(*"?????"), [lane.moved(at) for lane in lanes])
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


async def _postgresql(url: str, first: int, count: int, at: int) -> None:
    connection = await asyncpg.connect(url)
    lanes = [_Lane(*row) for row in await connection.fetch(_LANES)]
    for rows in _rows(lanes, first, count, at):
        await connection.copy_records_to_table("webhook_deliveries", records=rows, columns=_COLUMNS)
    await connection.executemany(_MOVE.format("$1", "$2", "$3", "$4", "$5"), [lane.moved(at) for lane in lanes])
    await connection.execute("ANALYZE webhook_deliveries")
    await connection.close()


def hold(database: str | Path, first: int, count: int, now_ms: int) -> range:
    """Have the lanes that are held hold ``count`` events more, numbered from ``first`` on; return their numbers."""
    if isinstance(database, Path):
        _sqlite(database, first, count, now_ms)
    else:
        asyncio.run(_postgresql(database, first, count, now_ms))
    return range(first, first + count)
