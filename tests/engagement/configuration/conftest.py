"""The configuration of engagements on each engine."""

from collections.abc import AsyncIterator

import pytest

from support.campaigns_house import CampaignsHouse, build_house, close_house
from switchbay.infra.db import Database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import ManualClock
from switchbay.infra.vault import Vault


@pytest.fixture
async def house(db: Database, clock: ManualClock, vault: Vault) -> AsyncIterator[CampaignsHouse]:
    """An account without any campaign, and another one."""
    egress = Egress(dev_loopback=True)
    built = await build_house(db, clock, vault, egress)
    try:
        yield built
    finally:
        await close_house(built)
        await egress.close()
