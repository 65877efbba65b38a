"""SQL of grants: one row per act of authorization. Functions take a transaction and never commit."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec
import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Params, Value
from switchbay.oauth.domain import Face, Grant
from switchbay.oauth.protocol.rfc6749_client_credentials import render_scope
from switchbay.oauth.tables import grants

OFFLINE = "offline_access"
_FILTERS = ("grant_id", "client_id", "user_id", "session_id")
_decode_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_encode = msgspec.json.Encoder().encode

_ACCOUNT = grants.c.account_id == sa.bindparam("account_id", required=True)
_ID = grants.c.grant_id == sa.bindparam("wanted_grant", required=True)
_ONE = sa.select(grants).where(_ACCOUNT, _ID)
_ONE_LOCKED = _ONE.with_for_update()
_EXTEND = (
    sa.update(grants)
    .where(_ACCOUNT, _ID, grants.c.expires_at < sa.bindparam("until", required=True))
    .values(expires_at=sa.bindparam("until", required=True))
)
_OVER = (
    sa.select(grants.c.account_id, grants.c.grant_id)
    .where(grants.c.expires_at < sa.bindparam("before", required=True))
    .order_by(grants.c.expires_at)
    .limit(sa.bindparam("most", required=True, type_=sa.Integer))
)
_DELETE = sa.delete(grants).where(_ACCOUNT, _ID, grants.c.expires_at < sa.bindparam("before", required=True))


@lru_cache(maxsize=64)
def _chosen(filtered: tuple[str, ...], *, keep_offline: bool) -> tuple[sa.ColumnElement[bool], ...]:
    chosen = [_ACCOUNT, grants.c.revoked_at.is_(None)]
    chosen += [grants.c[name] == sa.bindparam(f"wanted_{name}", required=True) for name in filtered]
    if keep_offline:
        words = sa.literal(" ", sa.Text) + grants.c.scope + sa.literal(" ", sa.Text)
        chosen.append(~words.contains(f" {OFFLINE} ", autoescape=True))
    return tuple(chosen)


@lru_cache(maxsize=64)
def _revocation(filtered: tuple[str, ...], *, keep_offline: bool) -> sa.Update:
    return (
        sa.update(grants)
        .where(*_chosen(filtered, keep_offline=keep_offline))
        .values(revoked_at=sa.bindparam("at", required=True), revoked_for=sa.bindparam("reason", required=True))
    )


@lru_cache(maxsize=64)
def _listing(filtered: tuple[str, ...]) -> sa.Select[tuple[object, ...]]:
    chosen = _chosen(filtered, keep_offline=False)
    most = sa.bindparam("most", required=True, type_=sa.Integer)
    return sa.select(grants).where(*chosen).order_by(grants.c.created_at.desc(), grants.c.grant_id.desc()).limit(most)


def _grant(row: Row) -> Grant:
    return Grant(
        account_id=row["account_id"],
        grant_id=row["grant_id"],
        client_id=row["client_id"],
        user_id=row["user_id"],
        session_id=row["session_id"],
        face=Face(row["face"]),
        scope=frozenset(row["scope"].split()),
        resources=_decode_texts(row["resources"]),
        auth_time=row["auth_time"],
        amr=tuple(row["amr"].split()),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )


async def insert_grant(tx: Tx, grant: Grant) -> None:
    """Store a new grant."""
    row: dict[str, Value] = {
        "account_id": grant.account_id,
        "grant_id": grant.grant_id,
        "client_id": grant.client_id,
        "user_id": grant.user_id,
        "session_id": grant.session_id,
        "face": grant.face.value,
        "scope": render_scope(grant.scope),
        "resources": _encode(grant.resources).decode(),
        "auth_time": grant.auth_time,
        "amr": " ".join(grant.amr),
        "created_at": grant.created_at,
        "expires_at": grant.expires_at,
        "revoked_at": grant.revoked_at,
        "revoked_for": None,
    }
    await tx.insert(grants, row)


async def find_grant(tx: Tx, account_id: str, grant_id: str, *, lock: bool = False) -> Grant | None:
    """A grant, revoked or not. ``lock`` holds others who lock it off until the transaction ends."""
    params = {"account_id": account_id, "wanted_grant": grant_id}
    row = await tx.fetch_one(_ONE_LOCKED if lock else _ONE, params)
    return None if row is None else _grant(row)


async def list_grants(
    tx: Tx,
    account_id: str,
    *,
    client_id: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    most: int = 1_000,
) -> Sequence[Grant]:
    """The grants that are not revoked, newest first; None leaves a filter out."""
    filters, params = _filters(account_id, None, client_id, user_id, session_id)
    return [_grant(row) for row in await tx.fetch(_listing(filters), {**params, "most": most})]


async def revoke_grants(
    tx: Tx,
    account_id: str,
    *,
    at: int,
    reason: str,
    grant_id: str | None = None,
    client_id: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    keep_offline: bool = False,
) -> int:
    """End the grants that match all filters given; return how many ended now.

    ``reason`` is a stable word; ``keep_offline`` spares those with the scope offline_access. At least one filter must
    be given: nothing here ends every grant of an account.
    """
    filters, params = _filters(account_id, grant_id, client_id, user_id, session_id)
    if not filters:
        raise ValueError("revoke_grants needs a filter")
    statement = _revocation(filters, keep_offline=keep_offline)
    return await tx.execute(statement, {**params, "at": at, "reason": reason})


def _filters(
    account_id: str, grant_id: str | None, client_id: str | None, user_id: str | None, session_id: str | None
) -> tuple[tuple[str, ...], Params]:
    given = dict(zip(_FILTERS, (grant_id, client_id, user_id, session_id), strict=True))
    filters = {f"wanted_{name}": value for name, value in given.items() if value is not None}
    return tuple(name for name in _FILTERS if given[name] is not None), {"account_id": account_id, **filters}


async def extend_grant(tx: Tx, account_id: str, grant_id: str, until: int) -> None:
    """Keep the grant's row until then at least: something that was issued from it lives as long."""
    await tx.execute(_EXTEND, {"account_id": account_id, "wanted_grant": grant_id, "until": until})


async def delete_grants_over(tx: Tx, before: int, most: int) -> int:
    """Delete at most so many rows of grants of which everything has expired before then; return how many."""
    deleted = 0
    for row in await tx.fetch(_OVER, {"before": before, "most": most}):
        key = {"account_id": row["account_id"], "wanted_grant": row["grant_id"], "before": before}
        deleted += await tx.execute(_DELETE, key)
    return deleted
