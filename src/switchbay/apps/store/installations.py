"""SQL of installed applications and of the revision that each account's apps have together."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as upsert

from switchbay.apps.domain.installations import Installation
from switchbay.apps.domain.secrets import ClientSecret
from switchbay.apps.store import conversations, secrets
from switchbay.apps.tables import app_collections, app_installations
from switchbay.infra.db import Row, Tx
from switchbay.infra.db.lists import any_of, places
from switchbay.infra.vault import Vault
from switchbay.infra.web import decode_json, json_bytes
from switchbay.kit.jsonvalue import JsonValue

_COLUMNS = (
    app_installations.c.installation_id,
    app_installations.c.enabled,
    app_installations.c.document,
    app_installations.c.created_at,
    app_installations.c.updated_at,
    app_installations.c.not_before,
    *conversations.COLUMNS,
)
_ACCOUNT: sa.BindParameter[str] = sa.bindparam("account")
_APP: sa.BindParameter[str] = sa.bindparam("app")

_NEXT_REVISION = (
    upsert(app_collections)
    .values(account_id=_ACCOUNT, revision=1)
    .on_conflict_do_update(index_elements=["account_id"], set_={"revision": app_collections.c.revision + 1})
    .returning(app_collections.c.revision)
)
_REVISION = sa.select(app_collections.c.revision).where(app_collections.c.account_id == _ACCOUNT)
_LIVE = sa.and_(app_installations.c.account_id == _ACCOUNT, app_installations.c.live_name.is_not(None))
_APPS = sa.select(*_COLUMNS).select_from(conversations.WITH_APPS).where(_LIVE)
_ALL = _APPS.order_by(app_installations.c.created_at, app_installations.c.installation_id)
_ONE = _APPS.where(app_installations.c.installation_id == _APP)
_LOCKED = _ONE.with_for_update(of=app_installations)
_NAMED = sa.select(app_installations.c.installation_id).where(
    app_installations.c.account_id == _ACCOUNT, app_installations.c.live_name == sa.bindparam("name")
)
_UPDATE = (
    sa.update(app_installations)
    .where(app_installations.c.account_id == _ACCOUNT, app_installations.c.installation_id == _APP)
    .values(
        live_name=sa.bindparam("name"),
        enabled=sa.bindparam("is_enabled"),
        document=sa.bindparam("sealed_document"),
        updated_at=sa.bindparam("now"),
        deleted_at=sa.bindparam("gone_at"),
        not_before=sa.bindparam("epoch"),
    )
)


def _context(account_id: str, installation_id: str) -> str:
    return f"app_installations/{account_id}/{installation_id}/document"


def seal_document(vault: Vault, account_id: str, installation_id: str, document: Mapping[str, JsonValue]) -> bytes:
    """Seal a manifest for its row."""
    return vault.seal(json_bytes(document), _context(account_id, installation_id))


async def next_revision(tx: Tx, account_id: str) -> int:
    """Raise the account's revision, by one, and return it. Changes of one account wait here for each other."""
    row = await tx.fetch_one(_NEXT_REVISION, {"account": account_id})
    if row is None:
        raise RuntimeError("an upsert returned nothing")
    return int(row[0])


async def find_revision(tx: Tx, account_id: str) -> int:
    """The account's revision; 0 before the first app."""
    row = await tx.fetch_one(_REVISION, {"account": account_id})
    return 0 if row is None else int(row[0])


_MOST_AT_ONCE: Final = 512
_ALL_REVISIONS: Final = sa.select(app_collections.c.account_id, app_collections.c.revision)


@lru_cache(maxsize=16)
def _revisions(count: int) -> sa.Select[tuple[str, int]]:
    return _ALL_REVISIONS.where(app_collections.c.account_id.in_(any_of("a", count)))


async def find_revisions(tx: Tx, account_ids: Collection[str]) -> dict[str, int]:
    """The revisions of these accounts, and perhaps of others; those without any app are missing."""
    if not account_ids:
        return {}
    if len(account_ids) > _MOST_AT_ONCE:
        rows = await tx.fetch(_ALL_REVISIONS)
    else:
        count, params = places("a", account_ids)
        rows = await tx.fetch(_revisions(count), params)
    return {str(row[0]): int(row[1]) for row in rows}


async def list_all(tx: Tx, vault: Vault, account_id: str) -> tuple[Installation, ...]:
    """Every app of the account that is not deleted, the oldest first."""
    theirs = await secrets.list_of_account(tx, account_id)
    return tuple(
        _installation(vault, account_id, row, theirs.get(row["installation_id"], ()))
        for row in await tx.fetch(_ALL, {"account": account_id})
    )


async def find(
    tx: Tx, vault: Vault, account_id: str, installation_id: str, *, lock: bool = False
) -> Installation | None:
    """An app that is not deleted, its secrets from the oldest to the newest; locked, if asked, until the commit."""
    row = await tx.fetch_one(_LOCKED if lock else _ONE, {"account": account_id, "app": installation_id})
    if row is None:
        return None
    return _installation(vault, account_id, row, await secrets.list_of_app(tx, account_id, installation_id))


async def find_named(tx: Tx, account_id: str, live_name: str) -> str | None:
    """The id of the app that has this name now."""
    row = await tx.fetch_one(_NAMED, {"account": account_id, "name": live_name})
    return None if row is None else str(row[0])


async def insert(tx: Tx, installation: Installation, live_name: str, sealed_document: bytes) -> None:
    """Store a new app, without its secrets."""
    await tx.insert(
        app_installations,
        {
            "account_id": installation.account_id,
            "installation_id": installation.installation_id,
            "live_name": live_name,
            "enabled": installation.enabled,
            "document": sealed_document,
            "created_at": installation.created_at,
            "updated_at": installation.updated_at,
            "deleted_at": None,
            "not_before": installation.not_before,
        },
    )


async def update(
    tx: Tx,
    installation: Installation,
    live_name: str | None,
    sealed_document: bytes,
    *,
    deleted_at: int | None = None,
) -> None:
    """Store an app's new state; without a ``live_name`` it is deleted."""
    await tx.execute(
        _UPDATE,
        {
            "account": installation.account_id,
            "app": installation.installation_id,
            "name": live_name,
            "is_enabled": installation.enabled,
            "sealed_document": sealed_document,
            "now": installation.updated_at,
            "gone_at": deleted_at,
            "epoch": installation.not_before,
        },
    )


def _installation(vault: Vault, account_id: str, row: Row, theirs: Sequence[ClientSecret]) -> Installation:
    installation_id = str(row["installation_id"])
    document = decode_json(vault.open_bytes(row["document"], _context(account_id, installation_id)))
    if not isinstance(document, dict):
        raise TypeError("a stored manifest is an object")
    return Installation(
        account_id=account_id,
        installation_id=installation_id,
        document=document,
        enabled=row["enabled"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        secrets=tuple(theirs),
        not_before=row["not_before"],
        access=conversations.access_of(row),
    )
