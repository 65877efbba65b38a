"""Explanations and simulations on each engine."""

from collections.abc import AsyncIterator

import pytest

from support.targeting_stage import TargetingStage, targeting_on
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock
from switchbay.infra.vault import Vault


@pytest.fixture
async def stage(db: Database, clock: ManualClock, vault: Vault) -> AsyncIterator[TargetingStage]:
    """The API, with an account whose app may do everything."""
    async with targeting_on(db, clock, vault) as made:
        yield made
