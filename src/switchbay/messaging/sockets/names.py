"""The two names of an agent: the PId, a UUID by which this server knows users, and the old id ``<account>.<userId>``.

Users are never deleted and neither name changes, so what has been learnt stays true.
"""

import re
from collections.abc import Collection, Iterable
from typing import Final, Protocol

from switchbay.accounts.public import User

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MOST_KNOWN: Final = 100_000


class UserBook(Protocol):
    """What this needs of the accounts room."""

    async def find_users_by_pid(self, account_id: str, pids: Collection[str]) -> list[User]:
        """The users with these UUIDs."""
        ...

    async def find_user(self, account_id: str, user_id: str) -> User | None:
        """The user with this number."""
        ...


class Names:
    """Both names of the agents that this node has met."""

    def __init__(self, users: UserBook) -> None:
        self._users = users
        self._user_ids: dict[tuple[str, str], str] = {}

    def missing(self, account_id: str, pids: Iterable[str]) -> set[str]:
        """Those whose old ids are not known yet."""
        return {pid for pid in pids if (account_id, pid) not in self._user_ids}

    async def learn(self, account_id: str, pids: Collection[str]) -> None:
        """Look them up; what is nobody's PId is its own old id."""
        missing = self.missing(account_id, pids)
        if not missing:
            return
        if len(self._user_ids) > _MOST_KNOWN:
            self._user_ids.clear()
        found = await self._users.find_users_by_pid(account_id, missing)
        self._user_ids.update({(account_id, pid): "" for pid in missing})
        for user in found:
            self._user_ids[account_id, user.user_pid] = user.user_id

    def old_id(self, account_id: str, pid: str) -> str:
        """The old id of an agent that has been learnt."""
        user_id = self._user_ids.get((account_id, pid))
        return f"{account_id}.{user_id}" if user_id else pid

    async def find_pid(self, account_id: str, given: str) -> str | None:
        """The PId of the agent whom a client names by PId, old id or user id; None if there is no such user."""
        if _UUID.fullmatch(given):
            await self.learn(account_id, (given,))
            return given if self._user_ids.get((account_id, given)) else None
        user = await self._users.find_user(account_id, given.removeprefix(f"{account_id}."))
        if user is None:
            return None
        self._user_ids[account_id, user.user_pid] = user.user_id
        return user.user_pid
