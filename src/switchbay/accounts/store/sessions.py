"""SQL of login sessions. Functions take a transaction and never commit."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from switchbay.accounts.domain.people import Principal
from switchbay.accounts.domain.sessions import EndedSession, Session
from switchbay.accounts.store.users import roles_from
from switchbay.accounts.tables import sessions, users
from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value
from switchbay.infra.db.lists import any_of, places

_ACCOUNT = sessions.c.account_id == sa.bindparam("account_id", required=True)
_TOKEN = sessions.c.token_hash == sa.bindparam("token_hash", required=True)
_NOW: sa.BindParameter[int] = sa.bindparam("now", required=True)
_USER = sessions.c.user_id == sa.bindparam("user_id", required=True)
_LIVE = (
    sa.select(
        sessions.c.session_id,
        sessions.c.csrf_hash,
        sessions.c.created_at,
        sessions.c.amr,
        users.c.account_id,
        users.c.user_id,
        users.c.user_pid,
        users.c.login_name,
        users.c.display_name,
        users.c.roles,
    )
    .join_from(sessions, users, (users.c.account_id == sessions.c.account_id) & (users.c.user_id == sessions.c.user_id))
    .where(_ACCOUNT, _TOKEN, sessions.c.expires_at > _NOW, users.c.enabled)
)
_PROLONG = (
    sa.update(sessions)
    .where(_ACCOUNT, _TOKEN, sessions.c.expires_at > _NOW)
    .values(expires_at=sa.bindparam("until", required=True))
)
_RECENT = (
    sa.select(sessions)
    .where(_ACCOUNT, sessions.c.expires_at > _NOW)
    .order_by(sessions.c.session_id.desc())
    .limit(sa.bindparam("most", required=True, type_=sa.Integer))
)
_RECENT_OF_USER = _RECENT.where(_USER)
_BY_ID = sa.select(sessions).where(_ACCOUNT, sessions.c.session_id == sa.bindparam("session_id", required=True))
_HOLD = (
    sa.select(sessions.c.session_id)
    .where(_ACCOUNT, sessions.c.session_id == sa.bindparam("session_id", required=True), sessions.c.expires_at > _NOW)
    .with_for_update(read=True)
)
_DELETE = sa.delete(sessions).where(_ACCOUNT, _TOKEN)
_DELETE_BY_ID = sa.delete(sessions).where(_ACCOUNT, sessions.c.session_id == sa.bindparam("session_id", required=True))
_DELETE_OF_USER = sa.delete(sessions).where(_ACCOUNT, _USER).returning(sessions.c.session_id)
_DELETE_EXPIRED = sa.delete(sessions).where(sessions.c.expires_at <= _NOW)


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that is not over, of a user who is enabled."""

    principal: Principal
    csrf_hash: str


def _session(row: Row) -> Session:
    return Session(
        row["account_id"],
        row["session_id"],
        str(row["user_id"]),
        row["created_at"],
        row["expires_at"],
        row["address"],
        tuple(row["amr"].split()),
    )


async def insert_session(tx: Tx, session: Session, token_hash: str, csrf_hash: str) -> None:
    """Store a new session."""
    row: dict[str, Value] = {
        "account_id": session.account_id,
        "token_hash": token_hash,
        "session_id": session.session_id,
        "user_id": int(session.user_id),
        "csrf_hash": csrf_hash,
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "address": session.address,
        "amr": " ".join(session.amr),
    }
    await tx.insert(sessions, row)


async def find_live(tx: Tx, account_id: str, token_hash: str, now: int) -> LiveSession | None:
    """Read the session behind a bearer and its user, if both are alive."""
    row = await tx.fetch_one(_LIVE, {"account_id": account_id, "token_hash": token_hash, "now": now})
    if row is None:
        return None
    principal = Principal(
        account_id=row["account_id"],
        user_id=str(row["user_id"]),
        user_pid=row["user_pid"],
        login_name=row["login_name"],
        display_name=row["display_name"],
        roles=roles_from(row["roles"]),
        session_id=row["session_id"],
        auth_time=row["created_at"],
        amr=tuple(row["amr"].split()),
    )
    return LiveSession(principal, row["csrf_hash"])


@lru_cache(maxsize=16)
def _live_ids(many: int) -> sa.Select[Any]:
    return (
        sa.select(sessions.c.session_id)
        .join(users, sa.and_(users.c.account_id == sessions.c.account_id, users.c.user_id == sessions.c.user_id))
        .where(_ACCOUNT, sessions.c.session_id.in_(any_of("s", many)), sessions.c.expires_at > _NOW, users.c.enabled)
    )


async def find_live_ids(tx: Tx, account_id: str, session_ids: Collection[str], now: int) -> set[str]:
    """Those of the sessions that are not over and whose user is enabled."""
    many, params = places("s", set(session_ids))
    rows = await tx.fetch(_live_ids(many), {"account_id": account_id, "now": now, **params})
    return {row[0] for row in rows}


async def hold_session(tx: Tx, account_id: str, session_id: str, now: int) -> bool:
    """Whether the session is not over; whoever ends it now waits until this transaction has ended.

    What is stored for a session after this is seen by the listeners of its end.
    """
    return await tx.fetch_one(_HOLD, {"account_id": account_id, "session_id": session_id, "now": now}) is not None


async def prolong(tx: Tx, account_id: str, token_hash: str, now: int, until: int) -> bool:
    """Have a session that is not over end at ``until``."""
    params: dict[str, Value] = {"account_id": account_id, "token_hash": token_hash, "now": now, "until": until}
    return await tx.execute(_PROLONG, params) == 1


async def list_sessions(tx: Tx, account_id: str, user_id: int | None, now: int, most: int) -> list[Session]:
    """Read sessions that are not over, newest first, of one user or of all."""
    params: dict[str, Value] = {"account_id": account_id, "now": now, "most": most}
    if user_id is None:
        return [_session(row) for row in await tx.fetch(_RECENT, params)]
    return [_session(row) for row in await tx.fetch(_RECENT_OF_USER, {**params, "user_id": user_id})]


async def end_session(tx: Tx, account_id: str, token_hash: str) -> bool:
    """Delete the session behind a bearer; tell whether it was there."""
    return await tx.execute(_DELETE, {"account_id": account_id, "token_hash": token_hash}) == 1


async def end_session_by_id(tx: Tx, account_id: str, session_id: str) -> Session | None:
    """Delete a session; return what it was."""
    params = {"account_id": account_id, "session_id": session_id}
    row = await tx.fetch_one(_BY_ID, params)
    if row is None or not await tx.execute(_DELETE_BY_ID, params):
        return None
    return _session(row)


async def end_sessions_of(tx: Tx, account_id: str, user_id: int) -> list[EndedSession]:
    """Delete every session of a user; return what was there."""
    rows = await tx.fetch(_DELETE_OF_USER, {"account_id": account_id, "user_id": user_id})
    return [EndedSession(row["session_id"], str(user_id)) for row in rows]


async def purge(tx: Tx, now: int) -> int:
    """Delete the sessions of every account that are over."""
    return await tx.execute(_DELETE_EXPIRED, {"now": now})
