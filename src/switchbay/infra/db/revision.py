"""Which schema a database has, without loading Alembic: a server that has nothing to migrate stays 15 MB smaller."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from switchbay.infra.db.errors import DatabaseUnavailable
from switchbay.kit.errors import AppError, Kind

MIGRATIONS = Path(__file__).parent.parent.parent / "migrations"
_CURRENT = "SELECT version_num FROM alembic_version"


def newest_revision() -> str:
    """The revision of the newest migration: its files are numbered, and the number is the revision."""
    return max(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def find_revision(url: str) -> str | None:
    """The revision that the database at ``url`` is at; None before the first. Call it outside an event loop."""
    if url.startswith("sqlite:"):
        return _find_sqlite(Path(url.removeprefix("sqlite:///")))
    import asyncpg  # noqa: PLC0415 - only who uses it pays for its memory

    try:
        return asyncio.run(_find_postgresql(url))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseUnavailable(str(error) or type(error).__name__) from error


def _find_sqlite(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path)) as connection:
            row = connection.execute(_CURRENT).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise DatabaseUnavailable(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise DatabaseUnavailable(str(error)) from error
    return None if row is None else str(row[0])


async def _find_postgresql(url: str) -> str | None:
    import asyncpg  # noqa: PLC0415 - as above

    connection = await asyncpg.connect(url, timeout=10)
    try:
        found = await connection.fetchval(_CURRENT)
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await connection.close()
    return None if found is None else str(found)


def migrate_in_child(url: str) -> None:
    """Bring the database at ``url`` to the newest schema, in a child process, if it is not there yet."""
    if find_revision(url) == newest_revision():
        return
    child = subprocess.run(
        [sys.executable, "-m", "switchbay.infra.db.migrate"], input=url, capture_output=True, text=True, check=False
    )
    if child.returncode:
        reason = (child.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise AppError(
            Kind.UNAVAILABLE, "migration_failed", f"The database cannot be brought to the current schema: {reason}."
        )
