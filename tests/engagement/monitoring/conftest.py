"""The Monitoring API on each engine."""

from collections.abc import AsyncIterator

import pytest

from support.monitoring_stage import MonitoringStage, monitoring_on
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock
from switchbay.infra.vault import Vault


@pytest.fixture
async def stage(db: Database, clock: ManualClock, vault: Vault) -> AsyncIterator[MonitoringStage]:
    """The API, with an account that offers nothing yet."""
    async with monitoring_on(db, clock, vault) as made:
        yield made
