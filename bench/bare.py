"""Bare figures to compare with: requests to an endpoint that does nothing, commits without the server."""

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path

import asyncpg
from pyreqwest.client import ClientBuilder

from bench.stage import Stage

_BARE_REQUESTS = 20_000
_BARE_COMMITS = 1_000


async def empty_endpoint(stage: Stage, connections: int = 64) -> float:
    """Requests a second that an endpoint which does nothing answers, over so many connections."""
    url = f"{stage.server_url}/livez"
    left = _BARE_REQUESTS
    async with ClientBuilder().add_root_certificate_pem(stage.ca.read_bytes()).no_proxy().build() as client:

        async def worker() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                answer = await client.get(url).build().send()
                await answer.bytes()

        begun = time.monotonic()
        await asyncio.gather(*(worker() for _ in range(connections)))
        return _BARE_REQUESTS / (time.monotonic() - begun)


def _sqlite_commits(rows: int) -> float:
    """Durable commits a second of ``rows`` rows each on a bare SQLite connection."""
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
        begun = time.monotonic()
        for _ in range(_BARE_COMMITS):
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO t (body) VALUES (?)", [(b"x" * 400,)] * rows)
            connection.execute("COMMIT")
        seconds = time.monotonic() - begun
        connection.close()
        return _BARE_COMMITS / seconds


async def _postgresql_commits(url: str, rows: int) -> float:
    """Durable commits a second of ``rows`` rows each on a bare connection."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, body bytea)")
    begun = time.monotonic()
    for _ in range(_BARE_COMMITS):
        await connection.execute("INSERT INTO bare (body) SELECT unnest($1::bytea[])", [b"x" * 400] * rows)
    seconds = time.monotonic() - begun
    await connection.execute("DROP TABLE bare")
    await connection.close()
    return _BARE_COMMITS / seconds


def commits(stage: Stage, rows: int) -> float:
    """Durable commits a second of ``rows`` rows each on the stage's kind of database."""
    if stage.engine == "sqlite":
        return _sqlite_commits(rows)
    return asyncio.run(_postgresql_commits(stage.database_url, rows))
