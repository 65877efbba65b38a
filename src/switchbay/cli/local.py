"""Commands that work on this host's own database and files, as its operator: settings, folders, the accounts room."""

import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer
from alembic.util import CommandError
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from switchbay.accounts.public import Accounts, Actor, operator
from switchbay.infra.db import open_database
from switchbay.infra.db.migrate import migrate
from switchbay.infra.machine import Randomness, SystemClock
from switchbay.infra.settings import Settings
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of the database and keys (SWITCHBAY_DATA_DIR).")
]
DatabaseUrl = Annotated[str | None, typer.Option("--database-url", help="Database (SWITCHBAY_DATABASE_URL).")]


def load_settings(**given: Any) -> Settings:  # noqa: ANN401 - any setting, which pydantic checks
    """Read the settings from the environment and ``switchbay.toml``; what is given and not None wins."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        # Names and reasons only: the values may be secrets.
        found = [f"{'.'.join(str(step) for step in problem['loc'])}: {problem['msg']}" for problem in error.errors()]
        raise _invalid("; ".join(found), list(found)) from None
    except ValueError as error:  # a file that is not TOML
        raise _invalid(f"switchbay.toml: {error}", []) from error


def _invalid(reason: str, found: list[JsonValue]) -> AppError:
    return AppError(Kind.INVALID, "settings_invalid", f"The settings cannot be used: {reason}.", {"found": found})


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
    try:
        migrate(settings.database_address)
    except (SQLAlchemyError, CommandError, OSError, asyncpg.PostgresError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise AppError(
            Kind.UNAVAILABLE, "migration_failed", f"The database cannot be brought to the current schema: {reason}."
        ) from error


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
