"""Users of an account: created and changed by its administrators, or by an operator on the host."""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import partial

from switchbay.accounts import errors
from switchbay.accounts.domain.names import checked_name, login_key, new_password
from switchbay.accounts.domain.people import (
    Actor,
    Role,
    User,
    UserChange,
    checked_roles,
    is_user_id,
    leaves_administration,
    role_names,
    user_number,
)
from switchbay.accounts.domain.sessions import EndedSession, Session
from switchbay.accounts.domain.throttle import hash_name
from switchbay.accounts.service.means import Means, UseCases
from switchbay.accounts.store import accounts as accounts_store
from switchbay.accounts.store import sessions as sessions_store
from switchbay.accounts.store import throttle as throttle_store
from switchbay.accounts.store import users as store
from switchbay.accounts.store.audit import record_audit
from switchbay.infra.db import Tx, UniqueViolation
from switchbay.infra.memory import RecentCache
from switchbay.kit.ids import is_account_id
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.secret import Secret

_FIRST_USER_ID = 1_000_001
_SESSION_ID = re.compile(r"ses_[0-9a-z]{26}", re.ASCII)
MOST_USERS_PER_PAGE = 500
_PIDS_AT_ONCE = 200
MOST_SESSIONS_LISTED = 500
_FRESH_SECONDS = 2.0
_MOST_CACHED = 10_000


class UserBook(UseCases):
    """Creates, reads and changes users, and ends their sessions."""

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._recent_users: RecentCache[tuple[str, int], User] = RecentCache(
            self._read_user, means.clock, seconds=_FRESH_SECONDS, most=_MOST_CACHED
        )

    async def _read_user(self, key: tuple[str, int]) -> User | None:
        return await self._means.db.read(lambda tx: store.find_user(tx, *key))

    async def create_user(
        self,
        account_id: str,
        login_name: str,
        password: Secret,
        roles: Iterable[Role],
        actor: Actor,
        *,
        display_name: str | None = None,
    ) -> User:
        """Create a user; without ``display_name`` the login name is shown.

        Raises ``account_unknown``, ``name_invalid``, ``password_invalid``, ``roles_missing``, ``user_exists``.
        """
        key = login_key(login_name)
        shown = checked_name("display name", login_name if display_name is None else display_name)
        granted = checked_roles(roles)
        if not is_account_id(account_id):
            raise errors.account_unknown()
        password_hash = await self._means.passwords.hash(new_password(password))
        pid = self._means.randomness.uuid()
        now = self._means.clock.now_ms()

        async def create(tx: Tx) -> User:
            if await accounts_store.lock_account(tx, account_id) is None:
                raise errors.account_unknown()
            if await store.find_by_login(tx, account_id, key) is not None:
                raise errors.user_exists()
            number = await accounts_store.next_number(tx, account_id, "user", _FIRST_USER_ID)
            user = User(
                account_id=account_id,
                user_id=str(number),
                user_pid=pid,
                login_name=login_name,
                display_name=shown,
                roles=granted,
                enabled=True,
                created_at=now,
                password_changed_at=now,
            )
            await store.insert_user(tx, store.StoredUser(user, key, password_hash))
            detail: dict[str, JsonValue] = {"login_name": login_name, "roles": list(role_names(granted))}
            await _record(tx, user, actor, "user.create", now, detail)
            return user

        try:
            return await self._means.db.write(create)
        except UniqueViolation as taken:
            raise errors.user_exists() from taken

    async def get_user(self, account_id: str, user_id: str) -> User:
        """Read a user. Raises ``user_unknown``."""
        number = user_number(account_id, user_id)
        user = await self._means.db.read(lambda tx: store.find_user(tx, account_id, number))
        if user is None:
            raise errors.user_unknown()
        return user

    async def find_user(self, account_id: str, user_id: str) -> User | None:
        """The user as they were at most two seconds ago: for checks at every request, that they may still log in."""
        if not is_account_id(account_id) or not is_user_id(user_id):
            return None
        return await self._recent_users.find((account_id, int(user_id)))

    async def find_users_by_pid(self, account_id: str, pids: Collection[str]) -> list[User]:
        """The users with these UUIDs; those that there are not are left out."""
        found: list[User] = []
        wanted = sorted(set(pids))
        if not is_account_id(account_id):
            return found
        for start in range(0, len(wanted), _PIDS_AT_ONCE):
            some = wanted[start : start + _PIDS_AT_ONCE]
            found += await self._means.db.read(partial(store.find_by_pids, account_id=account_id, pids=some))
        return found

    async def find_user_by_login(self, account_id: str, login_name: str) -> User | None:
        """Read the user with this login name, in whatever case it is written."""
        if not is_account_id(account_id):
            return None
        key = login_key(login_name)
        stored = await self._means.db.read(lambda tx: store.find_by_login(tx, account_id, key))
        return None if stored is None else stored.user

    async def list_users(
        self, account_id: str, *, after: str | None = None, limit: int = MOST_USERS_PER_PAGE
    ) -> list[User]:
        """Read users by id, those after the id ``after``. Raises ``cursor_invalid``."""
        if after is not None and not is_user_id(after):
            raise errors.cursor_invalid()
        if not is_account_id(account_id):
            return []
        most = max(1, min(limit, MOST_USERS_PER_PAGE))
        start = int(after or 0)
        return await self._means.db.read(lambda tx: store.list_users(tx, account_id, start, most))

    async def update_user(self, account_id: str, user_id: str, change: UserChange, actor: Actor) -> User:
        """Change a user; a new password and a disabling end their sessions in the same transaction.

        Raises ``user_unknown``, ``name_invalid``, ``password_invalid``, ``roles_missing``, ``last_admin``.
        """
        number = user_number(account_id, user_id)
        if change.display_name is not None:
            checked_name("display name", change.display_name)
        if change.roles is not None:
            checked_roles(change.roles)
        password_hash: str | None = None
        if change.password is not None:
            password_hash = await self._means.passwords.hash(new_password(change.password))
        now = self._means.clock.now_ms()

        async def update(tx: Tx) -> User:
            await accounts_store.lock_account(tx, account_id)
            before = await store.lock_user(tx, account_id, number)
            if before is None:
                raise errors.user_unknown()
            if leaves_administration(before.user, change) and not await store.has_other_admin(tx, account_id, number):
                raise errors.last_admin()
            after = _changed(before, change, password_hash, now)
            detail = _differences(before.user, after.user)
            if after == before:
                return after.user
            await store.save_user(tx, after)
            tx.on_commit(lambda: self._recent_users.drop((account_id, number)))
            if change.ends_sessions:
                ended = await sessions_store.end_sessions_of(tx, account_id, number)
                await self._means.session_ends.tell(tx, account_id, ended, "user")
                detail["sessions_ended"] = len(ended)
            if password_hash is not None:
                await throttle_store.forget_name(tx, account_id, hash_name(before.login_key))
                detail["new_password"] = True
            await _record(tx, after.user, actor, "user.update", now, detail)
            return after.user

        return await self._means.db.write(update)

    async def set_password(self, account_id: str, user_id: str, password: Secret, actor: Actor) -> User:
        """Give a user a new password, end their sessions and any wait for failed logins."""
        return await self.update_user(account_id, user_id, UserChange(password=password), actor)

    async def release_user(self, account_id: str, user_id: str, actor: Actor) -> None:
        """End every wait that failed logins of this user name began. Raises ``user_unknown``."""
        number = user_number(account_id, user_id)
        now = self._means.clock.now_ms()

        async def release(tx: Tx) -> None:
            stored = await store.lock_user(tx, account_id, number)
            if stored is None:
                raise errors.user_unknown()
            if await throttle_store.forget_name(tx, account_id, hash_name(stored.login_key)):
                await _record(tx, stored.user, actor, "user.release", now, {})

        await self._means.db.write(release)

    async def list_sessions(self, account_id: str, *, user_id: str | None = None) -> list[Session]:
        """Read the newest live sessions, of one user or of all. Raises ``user_unknown``."""
        now = self._means.clock.now_ms()
        number: int | None = None
        if user_id is not None:
            number = int((await self.get_user(account_id, user_id)).user_id)
        return await self._means.db.read(
            lambda tx: sessions_store.list_sessions(tx, account_id, number, now, MOST_SESSIONS_LISTED)
        )

    async def revoke_session(self, account_id: str, session_id: str, actor: Actor) -> None:
        """End one session. Raises ``session_unknown``."""
        if _SESSION_ID.fullmatch(session_id) is None:
            raise errors.session_unknown()
        now = self._means.clock.now_ms()

        async def revoke(tx: Tx) -> None:
            session = await sessions_store.end_session_by_id(tx, account_id, session_id)
            if session is None:
                raise errors.session_unknown()
            ended = [EndedSession(session_id, session.user_id)]
            await self._means.session_ends.tell(tx, account_id, ended, "ended")
            await record_audit(
                tx,
                account_id=account_id,
                actor=actor,
                action="session.revoke",
                object_type="session",
                object_id=session_id,
                at=now,
                detail={"user_id": session.user_id},
            )

        await self._means.db.write(revoke)

    async def revoke_sessions_of(self, account_id: str, user_id: str, actor: Actor) -> int:
        """End every session of a user; return how many there were. Raises ``user_unknown``."""
        number = user_number(account_id, user_id)
        now = self._means.clock.now_ms()

        async def revoke(tx: Tx) -> int:
            stored = await store.lock_user(tx, account_id, number)
            if stored is None:
                raise errors.user_unknown()
            ended = await sessions_store.end_sessions_of(tx, account_id, number)
            await self._means.session_ends.tell(tx, account_id, ended, "ended")
            if ended:
                await _record(tx, stored.user, actor, "user.revoke_sessions", now, {"sessions_ended": len(ended)})
            return len(ended)

        return await self._means.db.write(revoke)


async def _record(tx: Tx, user: User, actor: Actor, action: str, now: int, detail: dict[str, JsonValue]) -> None:
    await record_audit(
        tx,
        account_id=user.account_id,
        actor=actor,
        action=action,
        object_type="user",
        object_id=user.user_id,
        at=now,
        detail=detail,
    )


def _changed(before: store.StoredUser, change: UserChange, password_hash: str | None, now: int) -> store.StoredUser:
    user = before.user
    if change.display_name is not None:
        user = replace(user, display_name=change.display_name)
    if change.roles is not None:
        user = replace(user, roles=change.roles)
    if change.enabled is not None:
        user = replace(user, enabled=change.enabled)
    if password_hash is None:
        return replace(before, user=user)
    return replace(before, user=replace(user, password_changed_at=now), password_hash=password_hash)


def _differences(before: User, after: User) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    if before.display_name != after.display_name:
        found["display_name"] = {"from": before.display_name, "to": after.display_name}
    if before.roles != after.roles:
        found["roles"] = {"from": list(role_names(before.roles)), "to": list(role_names(after.roles))}
    if before.enabled != after.enabled:
        found["enabled"] = {"from": before.enabled, "to": after.enabled}
    return found
