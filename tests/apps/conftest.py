"""The apps room on each engine, with an account that has an administrator, an agent and a developer."""

from collections.abc import AsyncIterator

import httpx
import pytest

from support.accounts_house import cheap_passwords
from support.apps_house import AppsHouse, platform, populate
from switchbay.accounts.public import Accounts
from switchbay.apps.public import Apps
from switchbay.infra.db import Database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.manifest.public import Options


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    """Outbound calls that may reach this machine, where the tests' servers are."""
    door = Egress(dev_loopback=True)
    try:
        yield door
    finally:
        await door.close()


@pytest.fixture
async def house(
    db: Database, clock: ManualClock, randomness: Randomness, vault: Vault, egress: Egress
) -> AsyncIterator[AppsHouse]:
    """The room, without any app."""
    accounts = Accounts(db, clock, randomness, vault, password_hashing=cheap_passwords())
    apps = Apps(db, clock, randomness, vault, accounts, egress, options=Options(), secret_overlap_seconds=86_400)
    transport = httpx.ASGITransport(platform(apps, accounts))
    async with httpx.AsyncClient(transport=transport, base_url="https://switchbay.test") as client:
        try:
            yield AppsHouse(db, clock, vault, accounts, apps, client, await populate(db, clock, randomness, accounts))
        finally:
            await apps.stop()
            await accounts.stop()
