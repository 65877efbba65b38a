"""Puts delivered messages of long ago into the log, straight into the database, so that a large log can be measured.

Each message is what a real one leaves behind: an event, a delivery that was delivered, and its attempt. They belong to
conversations of their own, ten thousand of them.
"""

import asyncio
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

import asyncpg

from switchbay.kit.ids import sortable_id

_CONVERSATIONS = 10_000
_AT_ONCE = 20_000
_LONG_AGO_MS = 86_400_000
_TABLES = {
    "messaging_events": (
        "account_id",
        "conversation_id",
        "dialog_id",
        "sequence",
        "originator_id",
        "role",
        "audience",
        "event",
        "server_timestamp",
    ),
    "webhook_deliveries": (
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
        "finished_at",
    ),
    "webhook_attempts": (
        "account_id",
        "delivery_id",
        "number",
        "started_at",
        "total_ms",
        "address",
        "status",
        "response_headers",
        "response_body",
        "outcome",
    ),
}
_EVENT = '{"type":"ContentEvent","contentType":"text/plain","message":"' + "x" * 120 + '"}'
_BODY = b"x" * 420
_HEADERS = '[["Server","nginx"],["Date","Sun, 22 Nov 2026 20:00:00 GMT"],["Content-Length","0"]]'

_Row = tuple[object, ...]


def _rows(account: str, app: str, numbers: range, until_ms: int) -> Iterator[tuple[_Row, _Row, _Row]]:
    """The three rows of each message; the later ones are the more recent."""
    kind = "ms.MessagingEventNotification.ContentEvent"
    for number in numbers:
        conversation = str(uuid.UUID(int=number % _CONVERSATIONS))
        place = number // _CONVERSATIONS
        at = until_ms + number // 100
        delivery = sortable_id("dlv", at, number.to_bytes(10, "big"))
        yield (
            (account, conversation, conversation, place, "consumer", "CONSUMER", "ALL", _EVENT, at),
            (account, delivery, app, conversation, place, kind, _BODY, "delivered", 1, at, at),
            (account, delivery, 1, at, 2, "127.0.0.1", 200, _HEADERS, b"", "delivered"),
        )


def _parts(account: str, app: str, first: int, count: int, now_ms: int) -> Iterator[dict[str, list[_Row]]]:
    for start in range(first, first + count, _AT_ONCE):
        numbers = range(start, min(first + count, start + _AT_ONCE))
        parts = zip(*_rows(account, app, numbers, now_ms - _LONG_AGO_MS), strict=True)
        yield {table: list(rows) for table, rows in zip(_TABLES, parts, strict=True)}


def _sqlite(path: Path, parts: Iterator[dict[str, list[_Row]]]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    for part in parts:
        connection.execute("BEGIN IMMEDIATE")
        for table, rows in part.items():
            columns = _TABLES[table]
            places = ", ".join("?" for _ in columns)
            connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)
        connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


async def _postgresql(url: str, parts: Iterator[dict[str, list[_Row]]]) -> None:
    connection = await asyncpg.connect(url)
    for part in parts:
        for table, rows in part.items():
            await connection.copy_records_to_table(table, records=rows, columns=_TABLES[table])
    for table in _TABLES:
        await connection.execute(f"ANALYZE {table}")
    await connection.close()


def fill(database: str | Path, account: str, app: str, first: int, count: int, now_ms: int) -> None:
    """Add ``count`` messages, numbered from ``first`` on, to the database at this address or path."""
    parts = _parts(account, app, first, count, now_ms)
    if isinstance(database, Path):
        _sqlite(database, parts)
    else:
        asyncio.run(_postgresql(database, parts))
