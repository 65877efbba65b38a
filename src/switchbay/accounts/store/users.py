"""SQL of users. Functions take a transaction and never commit."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from switchbay.accounts.domain.people import Role, User, role_names
from switchbay.accounts.tables import users
from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value
from switchbay.infra.db.lists import any_of, places

_ACCOUNT = users.c.account_id == sa.bindparam("account_id", required=True)
_BY_ID = sa.select(users).where(_ACCOUNT, users.c.user_id == sa.bindparam("user_id", required=True))
_BY_ID_LOCKED = _BY_ID.with_for_update()
_BY_KEY = sa.select(users).where(_ACCOUNT, users.c.login_key == sa.bindparam("login_key", required=True))
_PAGE = (
    sa.select(users)
    .where(_ACCOUNT, users.c.user_id > sa.bindparam("after", required=True))
    .order_by(users.c.user_id)
    .limit(sa.bindparam("most", required=True, type_=sa.Integer))
)
_ROLES_OF_OTHERS = sa.select(users.c.roles).where(
    _ACCOUNT, users.c.user_id != sa.bindparam("user_id", required=True), users.c.enabled
)


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A user with what only the login may see."""

    user: User
    login_key: str
    password_hash: str


def roles_from(text: str) -> frozenset[Role]:
    """Parse the column ``roles``."""
    return frozenset(Role(word) for word in text.split())


def _user(row: Row) -> User:
    return User(
        account_id=row["account_id"],
        user_id=str(row["user_id"]),
        user_pid=row["user_pid"],
        login_name=row["login_name"],
        display_name=row["display_name"],
        roles=roles_from(row["roles"]),
        enabled=row["enabled"],
        created_at=row["created_at"],
        password_changed_at=row["password_changed_at"],
    )


def _stored(row: Row | None) -> StoredUser | None:
    return None if row is None else StoredUser(_user(row), row["login_key"], row["password_hash"])


async def find_user(tx: Tx, account_id: str, user_id: int) -> User | None:
    """Read a user."""
    row = await tx.fetch_one(_BY_ID, {"account_id": account_id, "user_id": user_id})
    return None if row is None else _user(row)


async def lock_user(tx: Tx, account_id: str, user_id: int) -> StoredUser | None:
    """Read a user and keep others from changing them until the end of the transaction."""
    return _stored(await tx.fetch_one(_BY_ID_LOCKED, {"account_id": account_id, "user_id": user_id}))


async def find_by_login(tx: Tx, account_id: str, login_key: str) -> StoredUser | None:
    """Read the user with this login name."""
    return _stored(await tx.fetch_one(_BY_KEY, {"account_id": account_id, "login_key": login_key}))


async def list_users(tx: Tx, account_id: str, after: int, most: int) -> list[User]:
    """Read users with ids above ``after``, in their order."""
    rows = await tx.fetch(_PAGE, {"account_id": account_id, "after": after, "most": most})
    return [_user(row) for row in rows]


async def find_by_pids(tx: Tx, account_id: str, pids: Collection[str]) -> list[User]:
    """Read the users with these UUIDs."""
    many, params = places("p", set(pids))
    return [_user(row) for row in await tx.fetch(_by_pids(many), {"account_id": account_id, **params})]


@lru_cache(maxsize=16)
def _by_pids(many: int) -> sa.Select[Any]:
    return sa.select(users).where(
        users.c.account_id == sa.bindparam("account_id", required=True), users.c.user_pid.in_(any_of("p", many))
    )


async def has_other_admin(tx: Tx, account_id: str, user_id: int) -> bool:
    """Whether an enabled administrator remains besides this user; lock the account first."""
    rows = await tx.fetch(_ROLES_OF_OTHERS, {"account_id": account_id, "user_id": user_id})
    return any(Role.ADMIN in roles_from(row[0]) for row in rows)


def _changing(stored: StoredUser) -> dict[str, Value]:
    user = stored.user
    return {
        "display_name": user.display_name,
        "roles": " ".join(role_names(user.roles)),
        "enabled": user.enabled,
        "password_hash": stored.password_hash,
        "password_changed_at": user.password_changed_at,
    }


async def insert_user(tx: Tx, stored: StoredUser) -> None:
    """Store a new user. Raises ``UniqueViolation`` when the login name is taken."""
    user = stored.user
    row: dict[str, Value] = {
        "account_id": user.account_id,
        "user_id": int(user.user_id),
        "user_pid": user.user_pid,
        "login_name": user.login_name,
        "login_key": stored.login_key,
        "created_at": user.created_at,
        **_changing(stored),
    }
    await tx.insert(users, row)


async def save_user(tx: Tx, stored: StoredUser) -> None:
    """Store what may change of a user."""
    row: dict[str, Value] = {
        "account_id": stored.user.account_id,
        "user_id": int(stored.user.user_id),
        **_changing(stored),
    }
    await tx.update_many(users, [row], keys=("account_id", "user_id"))
