"""Commands that work on this host's own database and files, as its operator: folders, schema, the accounts room."""

import getpass
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from switchbay.accounts.public import Accounts, Actor, EndedSession, EndReason, operator
from switchbay.infra.db import Tx, open_database
from switchbay.infra.db.revision import migrate_in_child
from switchbay.infra.machine import Randomness, SystemClock
from switchbay.infra.settings import Settings
from switchbay.infra.vault import Vault, load_vault
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.secret import Secret


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


class _ClosedVault(Vault):
    """The vault of a host without the master keys, which most commands do well without. It never makes new keys."""

    def __init__(self) -> None:
        """Hold no key."""

    def seal(self, plain: Secret | bytes, context: str) -> bytes:
        """Refuse."""
        del plain
        raise _no_key(context)

    def open_bytes(self, sealed: bytes, context: str) -> bytes:
        """Refuse."""
        del sealed
        raise _no_key(context)


def _no_key(context: str) -> AppError:
    return AppError(
        Kind.INVALID,
        "master_key_missing",
        "This needs the server's master keys: set SWITCHBAY_MASTER_KEYS, or name its data folder.",
        {"for": context},
    )


def _open_vault(settings: Settings) -> Vault:
    key_file = settings.data_dir / "master.key"
    configured = settings.master_keys.get_secret_value()
    return load_vault(configured, key_file) if configured or key_file.exists() else _ClosedVault()


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
        accounts = Accounts.from_settings(db, SystemClock(), Randomness(), _open_vault(settings), settings)
        accounts.on_session_end(_end_what_was_issued)
        try:
            yield accounts
        finally:
            await accounts.stop()
    finally:
        await db.close()


async def _end_what_was_issued(tx: Tx, account_id: str, ended: Sequence[EndedSession], reason: EndReason) -> None:
    """What apps were given in a session ends with it here too; a server tells them within seconds."""
    # Loaded where sessions end only: it takes a second, and most commands end none.
    from switchbay.oauth.public import end_what_was_issued  # noqa: PLC0415

    await end_what_was_issued(tx, account_id, ended, reason, Randomness(), SystemClock().now_ms())


def this_operator() -> Actor:
    """Who acts, for the audit log: the system account that runs the command."""
    try:
        return operator(getpass.getuser())
    except (OSError, KeyError):
        return operator()
