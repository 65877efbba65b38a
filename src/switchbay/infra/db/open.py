"""Opening a database from its address."""

from pathlib import Path

from switchbay.infra.db.door import Database
from switchbay.infra.db.sqlite import SqliteDatabase
from switchbay.infra.db.turns import Turns
from switchbay.kit.errors import AppError, Kind


async def open_database(
    url: str,
    *,
    connections: int = 10,
    statement_seconds: float = 10.0,
    busy_ms: int = 5_000,
    turns: Turns | None = None,
) -> Database:
    """Open ``sqlite:///path`` or ``postgresql://user:password@host/name``.

    ``turns`` are for the processes of one node that write to one SQLite file.
    """
    if url.startswith("sqlite:///"):
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")), busy_ms=busy_ms, turns=turns)
    if url.startswith(("postgresql://", "postgres://")):
        from switchbay.infra.db.postgres import PostgresDatabase  # noqa: PLC0415 - only who uses it pays for its memory

        return await PostgresDatabase.open(url, connections=connections, statement_seconds=statement_seconds)
    raise AppError(
        Kind.INVALID, "database_url_unknown", "The database address must start with sqlite:/// or postgresql://."
    )
