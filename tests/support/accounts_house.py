"""An accounts room with one account, an administrator and an agent; passwords are hashed cheaply."""

import asyncio
from dataclasses import dataclass

from argon2 import PasswordHasher

from switchbay.accounts.public import Accounts, Actor, Login, Passwords, Principal, User, actor_of
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock
from switchbay.kit.secret import Secret

ACCOUNT = "4711001"
OTHER = "4711002"
PASSWORD = Secret("correct horse")
HOME = "198.51.100.7"


def cheap_passwords() -> Passwords:
    """Real Argon2id at its lowest cost."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@dataclass(frozen=True, slots=True)
class House:
    """What most tests of the room start from."""

    accounts: Accounts
    db: Database
    clock: ManualClock
    admin: User
    agent: User

    async def login(self, name: str = "ada", *, password: Secret = PASSWORD, address: str | None = HOME) -> Login:
        """Log in to the first account."""
        return await self.accounts.login(ACCOUNT, name, password, address)

    async def warm(self) -> None:
        """Have PostgreSQL's pool connect, so that what is called at once next really runs at once."""
        await asyncio.gather(*(self.accounts.list_accounts() for _ in range(4)))

    def acting(self, user: User) -> Actor:
        """A user as the actor of a change."""
        return actor_of(
            Principal(
                ACCOUNT,
                user.user_id,
                user.user_pid,
                user.login_name,
                user.display_name,
                user.roles,
                "ses_x",
                self.clock.now_ms(),
                ("pwd",),
            ),
            HOME,
        )

    async def actions(self, account_id: str = ACCOUNT) -> list[str]:
        """The audit log's actions, oldest first."""
        page = await self.accounts.list_audit(account_id, limit=200)
        return [entry.action for entry in reversed(page.entries)]
