"""Bringing a database to the current schema: one Alembic history for both engines.

``python -m switchbay.infra.db.migrate`` reads the database's address from standard input; see ``revision.py`` for why a
server lets a child process do this.
"""

import asyncio
import sys

import asyncpg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from switchbay.infra.db.revision import MIGRATIONS

# Two nodes that start together must not migrate twice; the number is arbitrary and ours.
_ADVISORY_LOCK = 7_305_241


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: sa.Connection, revision: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
    command.upgrade(_config(connection), revision)


def migrate(url: str, revision: str = "head") -> None:
    """Upgrade the database at ``url`` to ``revision``, in one transaction. Call it outside an event loop."""
    if url.startswith("sqlite:"):
        engine = sa.create_engine(url)
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                # The driver would otherwise begin lazily; two processes that start together queue here.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                _upgrade(connection, revision)
                connection.commit()
        finally:
            engine.dispose()
        return
    asyncio.run(_migrate_postgresql(url, revision))


async def _migrate_postgresql(url: str, revision: str) -> None:
    address = sa.make_url(url).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(address)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, revision)
    finally:
        await engine.dispose()


def head_revision() -> str | None:
    """The newest revision in the history."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def current_revision(connection: sa.Connection) -> str | None:
    """The revision that a database is at."""
    return MigrationContext.configure(connection).get_current_revision()


def main() -> int:
    """Migrate the database whose address is on standard input; on failure say why in one line and return 1."""
    try:
        migrate(sys.stdin.readline().strip())
    except (SQLAlchemyError, CommandError, OSError, asyncpg.PostgresError) as error:
        sys.stderr.write(str(error.__cause__ or error).splitlines()[0] + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
