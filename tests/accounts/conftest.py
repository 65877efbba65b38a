"""An accounts room on each engine, empty or with one account, an administrator and an agent."""

from collections.abc import AsyncIterator

import pytest

from support.accounts_house import ACCOUNT, PASSWORD, House, cheap_passwords
from support.filled import filled
from switchbay.accounts.public import OPERATOR, Accounts, Role, User
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault


@pytest.fixture
async def accounts(db: Database, clock: ManualClock, randomness: Randomness, vault: Vault) -> AsyncIterator[Accounts]:
    """The room, without any account."""
    room = Accounts(
        db, clock, randomness, vault, public_address="switchbay.test:8443", password_hashing=cheap_passwords()
    )
    try:
        yield room
    finally:
        await room.stop()


@pytest.fixture
async def house(accounts: Accounts, db: Database, clock: ManualClock, randomness: Randomness) -> House:
    """An account with the administrator ``ada`` and the agent ``bob``."""
    admin, agent = await filled(db, clock, randomness, "accounts", lambda: _populate(accounts))
    return House(accounts, db, clock, admin, agent)


async def _populate(accounts: Accounts) -> tuple[User, User]:
    await accounts.create_account(ACCOUNT, "Example Brand", OPERATOR)
    admin = await accounts.create_user(ACCOUNT, "ada", PASSWORD, [Role.ADMIN], OPERATOR, display_name="Ada")
    agent = await accounts.create_user(ACCOUNT, "bob", PASSWORD, [Role.AGENT], OPERATOR)
    return admin, agent
