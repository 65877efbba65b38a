"""SQL of client secrets."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from switchbay.apps.domain.installations import Installation
from switchbay.apps.domain.secrets import MOST_ENDED, ClientSecret, EndedSecret, Rotation
from switchbay.apps.tables import app_ended_secrets, app_secrets
from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value
from switchbay.infra.vault import Vault
from switchbay.kit.secret import Secret

_ACCOUNT: sa.BindParameter[str] = sa.bindparam("account")
_APP: sa.BindParameter[str] = sa.bindparam("app")
_COLUMNS = (
    app_secrets.c.installation_id,
    app_secrets.c.secret_id,
    app_secrets.c.name,
    app_secrets.c.digest,
    app_secrets.c.signs,
    app_secrets.c.created_at,
    app_secrets.c.not_after,
    app_secrets.c.last_used_at,
)
_OF_ALL = (
    sa.select(*_COLUMNS)
    .where(app_secrets.c.account_id == _ACCOUNT)
    .order_by(app_secrets.c.created_at, app_secrets.c.secret_id)
)
_OF_ONE = _OF_ALL.where(app_secrets.c.installation_id == _APP)
_SEALED = sa.select(app_secrets.c.installation_id, app_secrets.c.secret_id, app_secrets.c.sealed).where(
    app_secrets.c.account_id == _ACCOUNT, app_secrets.c.installation_id.in_(sa.bindparam("apps", expanding=True))
)
_DROP_ALL = sa.delete(app_secrets).where(app_secrets.c.account_id == _ACCOUNT, app_secrets.c.installation_id == _APP)
_DROP = _DROP_ALL.where(app_secrets.c.secret_id == sa.bindparam("secret"))
_ENDED = (
    sa.select(app_secrets.c.account_id, app_secrets.c.installation_id)
    .where(app_secrets.c.not_after <= sa.bindparam("now"))
    .order_by(app_secrets.c.not_after)
    .limit(100)
)
_THEIR_ENDED = sa.and_(app_ended_secrets.c.account_id == _ACCOUNT, app_ended_secrets.c.installation_id == _APP)
_ENDED_OF_ONE = (
    sa.select(app_ended_secrets)
    .where(_THEIR_ENDED)
    .order_by(app_ended_secrets.c.ended_at.desc(), app_ended_secrets.c.secret_id.desc())
    .limit(MOST_ENDED)
)
_DROP_ENDED = sa.delete(app_ended_secrets).where(_THEIR_ENDED)
_FORGET_ENDED = sa.delete(app_ended_secrets).where(app_ended_secrets.c.ended_at < sa.bindparam("before"))
_KEYS = ("account_id", "installation_id", "secret_id")


def _context(account_id: str, installation_id: str, secret_id: str) -> str:
    return f"app_secrets/{account_id}/{installation_id}/{secret_id}"


def seal(vault: Vault, account_id: str, installation_id: str, secret_id: str, secret: Secret) -> bytes:
    """Seal a client secret for its row."""
    return vault.seal(secret, _context(account_id, installation_id, secret_id))


async def list_of_account(tx: Tx, account_id: str) -> dict[str, list[ClientSecret]]:
    """The secrets of every app of an account, from the oldest to the newest."""
    found: dict[str, list[ClientSecret]] = {}
    for row in await tx.fetch(_OF_ALL, {"account": account_id}):
        found.setdefault(row["installation_id"], []).append(_secret(row))
    return found


async def list_of_app(tx: Tx, account_id: str, installation_id: str) -> list[ClientSecret]:
    """The secrets of one app, from the oldest to the newest."""
    return [_secret(row) for row in await tx.fetch(_OF_ONE, {"account": account_id, "app": installation_id})]


async def open_texts(
    tx: Tx, vault: Vault, account_id: str, installation_ids: Sequence[str]
) -> dict[tuple[str, str], Secret]:
    """The texts of the secrets of some apps, by (installation id, secret id)."""
    if not installation_ids:
        return {}
    rows = await tx.fetch(_SEALED, {"account": account_id, "apps": list(installation_ids)})
    return {
        (row["installation_id"], row["secret_id"]): vault.open(
            row["sealed"], _context(account_id, row["installation_id"], row["secret_id"])
        )
        for row in rows
    }


async def insert(tx: Tx, installation: Installation, secret: ClientSecret, sealed: bytes) -> None:
    """Store a new secret of an app."""
    await tx.insert(
        app_secrets,
        {
            "account_id": installation.account_id,
            "installation_id": installation.installation_id,
            "secret_id": secret.secret_id,
            "name": secret.name,
            "sealed": sealed,
            "digest": secret.digest,
            "signs": secret.signs,
            "created_at": secret.created_at,
            "not_after": secret.not_after,
            "last_used_at": secret.last_used_at,
        },
    )


async def settle(tx: Tx, installation: Installation, rotation: Rotation, now: int) -> Installation:
    """Store what a rotation leaves of the secrets that are stored already, and return the app as it is then."""
    await end(tx, installation, rotation.ended, now)
    await update(tx, installation, rotation.kept)
    return installation.with_secrets(rotation.kept)


async def update(tx: Tx, installation: Installation, secrets: Sequence[ClientSecret]) -> None:
    """Store which secrets sign and when they end."""
    rows: list[dict[str, Value]] = [
        {
            "account_id": installation.account_id,
            "installation_id": installation.installation_id,
            "secret_id": secret.secret_id,
            "signs": secret.signs,
            "not_after": secret.not_after,
        }
        for secret in secrets
    ]
    await tx.update_many(app_secrets, rows, keys=_KEYS)


async def end(tx: Tx, installation: Installation, secrets: Sequence[ClientSecret], now: int) -> None:
    """Forget some secrets of an app, but for their names and digests."""
    rows: list[dict[str, Value]] = [
        {
            "account_id": installation.account_id,
            "installation_id": installation.installation_id,
            "secret_id": secret.secret_id,
            "name": secret.shown_name,
            "digest": secret.digest,
            "ended_at": min(now, secret.not_after or now),
        }
        for secret in secrets
    ]
    await tx.insert_many(app_ended_secrets, rows, ignore_conflicts=True)
    for secret in secrets:
        key = {"account": installation.account_id, "app": installation.installation_id, "secret": secret.secret_id}
        await tx.execute(_DROP, key)


async def drop_all(tx: Tx, account_id: str, installation_id: str) -> None:
    """Forget every secret of an app, also those that ended."""
    await tx.execute(_DROP_ALL, {"account": account_id, "app": installation_id})
    await tx.execute(_DROP_ENDED, {"account": account_id, "app": installation_id})


async def list_remembered(tx: Tx, account_id: str, installation_id: str) -> list[EndedSecret]:
    """The ended secrets of an app that are remembered, the last one first."""
    return [
        EndedSecret(row["secret_id"], row["name"], row["digest"], row["ended_at"])
        for row in await tx.fetch(_ENDED_OF_ONE, {"account": account_id, "app": installation_id})
    ]


async def forget_ended(tx: Tx, before: int) -> int:
    """Forget the secrets, of any app, that ended before an instant; return how many."""
    return await tx.execute(_FORGET_ENDED, {"before": before})


async def record_uses(tx: Tx, uses: Mapping[tuple[str, str, str], int]) -> None:
    """Store when secrets, by (account id, installation id, secret id), were last used."""
    rows: list[dict[str, Value]] = [
        {"account_id": account_id, "installation_id": app, "secret_id": secret_id, "last_used_at": at}
        for (account_id, app, secret_id), at in sorted(uses.items())
    ]
    await tx.update_many(app_secrets, rows, keys=_KEYS)


async def list_ended(tx: Tx, now: int) -> list[tuple[str, str]]:
    """Up to 100 apps, as (account id, installation id), that have a secret whose time is over."""
    return [(str(row[0]), str(row[1])) for row in await tx.fetch(_ENDED, {"now": now})]


def _secret(row: Row) -> ClientSecret:
    return ClientSecret(
        secret_id=row["secret_id"],
        digest=row["digest"],
        created_at=row["created_at"],
        not_after=row["not_after"],
        last_used_at=row["last_used_at"],
        signs=row["signs"],
        name=row["name"],
    )
