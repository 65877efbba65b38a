"""Commands that work on this host's own database and files, as its operator: folders, schema, the accounts room."""

import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from switchbay.accounts.public import Accounts, Actor, operator
from switchbay.infra.db import open_database
from switchbay.infra.db.revision import migrate_in_child
from switchbay.infra.machine import Randomness, SystemClock
from switchbay.infra.settings import Settings
from switchbay.kit.errors import AppError, Kind


def prepare_data_dir(settings: Settings) -> None:
    """Make the data folder, readable by its owner only; a folder that exists keeps its rights."""
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise AppError(
            Kind.INVALID, "data_dir_unusable", f"The data folder {settings.data_dir} cannot be made: {reason}."
        ) from error


def migrate_database(settings: Settings) -> None:
    """Bring the database of the settings to the current schema. Call it outside an event loop."""
    migrate_in_child(settings.database_address)


def _require_database(settings: Settings) -> None:
    """Refuse a SQLite file that is not there: opening it would make an empty one, which helps nobody."""
    scheme, _, path = settings.database_address.partition(":///")
    if scheme == "sqlite" and not Path(path).exists():
        raise AppError(Kind.NOT_FOUND, "database_missing", f"There is no database at {path}. Run switchbay init first.")


@asynccontextmanager
async def open_accounts(settings: Settings) -> AsyncIterator[Accounts]:
    """The accounts room over the database of the settings, for commands of the operator."""
    _require_database(settings)
    db = await open_database(
        settings.database_address,
        connections=1,
        statement_seconds=settings.database_statement_seconds,
        busy_ms=int(settings.database_busy_seconds * 1000),
    )
    try:
        accounts = Accounts.from_settings(db, SystemClock(), Randomness(), settings)
        try:
            yield accounts
        finally:
            await accounts.stop()
    finally:
        await db.close()


def this_operator() -> Actor:
    """Who acts, for the audit log: the system account that runs the command."""
    try:
        return operator(getpass.getuser())
    except (OSError, KeyError):
        return operator()
