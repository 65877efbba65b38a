"""SQL of consents: what users, or administrators for everybody, have allowed apps. Functions never commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value
from switchbay.oauth.protocol.rfc6749_client_credentials import render_scope
from switchbay.oauth.tables import consents

EVERYBODY: Final = "*"
"""The user of a consent that an administrator gave for the whole account."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What one user, or everybody, has allowed an app. ``granted_by`` is the id of the user who did."""

    account_id: str
    client_id: str
    user_id: str
    scope: frozenset[str]
    granted_at: int
    granted_by: str


_APP = (
    consents.c.account_id == sa.bindparam("account_id", required=True),
    consents.c.client_id == sa.bindparam("wanted_client", required=True),
)
_USER = consents.c.user_id == sa.bindparam("wanted_user", required=True)
_THAT_COUNT = sa.select(consents.c.scope).where(
    *_APP, consents.c.user_id.in_([sa.bindparam("wanted_user", required=True), sa.bindparam("everybody", EVERYBODY)])
)
_THAT_COUNT_HELD = _THAT_COUNT.with_for_update(read=True)
_ONE_LOCKED = sa.select(consents).where(*_APP, _USER).with_for_update()
_WIDEN = (
    sa.update(consents)
    .where(*_APP, _USER)
    .values(
        scope=sa.bindparam("new_scope", required=True),
        granted_at=sa.bindparam("at", required=True),
        granted_by=sa.bindparam("by", required=True),
    )
)
_DELETE = sa.delete(consents).where(*_APP, _USER)


@lru_cache(maxsize=4)
def _listing(filtered: tuple[str, ...]) -> sa.Select[tuple[object, ...]]:
    statement = sa.select(consents).where(
        consents.c.account_id == sa.bindparam("account_id", required=True),
        sa.tuple_(consents.c.client_id, consents.c.user_id)
        > sa.tuple_(sa.bindparam("after_client", required=True), sa.bindparam("after_user", required=True)),
        *(consents.c[name] == sa.bindparam(f"wanted_{name}", required=True) for name in filtered),
    )
    most = sa.bindparam("most", required=True, type_=sa.Integer)
    return statement.order_by(consents.c.client_id, consents.c.user_id).limit(most)


def _consent(row: Row) -> Consent:
    return Consent(
        account_id=row["account_id"],
        client_id=row["client_id"],
        user_id=row["user_id"],
        scope=frozenset(row["scope"].split()),
        granted_at=row["granted_at"],
        granted_by=row["granted_by"],
    )


async def find_consented_scope(
    tx: Tx, account_id: str, client_id: str, user_id: str, *, hold: bool = False
) -> frozenset[str] | None:
    """All that this user and everybody together have allowed; None when neither ever allowed anything.

    ``hold`` keeps the consents from being withdrawn until the transaction ends.
    """
    params = {"account_id": account_id, "wanted_client": client_id, "wanted_user": user_id}
    rows = await tx.fetch(_THAT_COUNT_HELD if hold else _THAT_COUNT, params)
    return frozenset(word for row in rows for word in row["scope"].split()) if rows else None


async def add_consent(tx: Tx, consent: Consent) -> bool:
    """Remember a consent, together with what was allowed before; return whether that is more than before."""
    row: dict[str, Value] = {
        "account_id": consent.account_id,
        "client_id": consent.client_id,
        "user_id": consent.user_id,
        "scope": render_scope(consent.scope),
        "granted_at": consent.granted_at,
        "granted_by": consent.granted_by,
    }
    if await tx.insert_many(consents, (row,), ignore_conflicts=True):
        return True
    key = _key(consent.account_id, consent.client_id, consent.user_id)
    before = await tx.fetch_one(_ONE_LOCKED, key)
    if before is None:  # withdrawn between the two statements
        await tx.insert(consents, row)
        return True
    known = frozenset(before["scope"].split())
    if consent.scope <= known:
        return False
    scope = render_scope(known | consent.scope)
    await tx.execute(_WIDEN, {**key, "new_scope": scope, "at": consent.granted_at, "by": consent.granted_by})
    return True


async def delete_consent(tx: Tx, account_id: str, client_id: str, user_id: str) -> bool:
    """Forget a consent; return whether there was one."""
    return await tx.execute(_DELETE, _key(account_id, client_id, user_id)) == 1


def _key(account_id: str, client_id: str, user_id: str) -> dict[str, str]:
    return {"account_id": account_id, "wanted_client": client_id, "wanted_user": user_id}


async def list_consents(
    tx: Tx,
    account_id: str,
    *,
    client_id: str | None = None,
    user_id: str | None = None,
    after: tuple[str, str] = ("", ""),
    most: int,
) -> Sequence[Consent]:
    """The consents of an account in the order of app and user, from the one after ``after`` on."""
    given = {"client_id": client_id, "user_id": user_id}
    params: dict[str, Value] = {
        "account_id": account_id,
        "after_client": after[0],
        "after_user": after[1],
        "most": most,
    }
    params |= {f"wanted_{name}": value for name, value in given.items() if value is not None}
    statement = _listing(tuple(name for name, value in given.items() if value is not None))
    return [_consent(row) for row in await tx.fetch(statement, params)]
