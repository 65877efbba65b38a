"""Routing on each engine."""

from collections.abc import AsyncIterator

import pytest

from support.routing_stage import RoutingStage, routing_stage_on
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness


@pytest.fixture
async def routed(db: Database, clock: ManualClock, randomness: Randomness) -> AsyncIterator[RoutingStage]:
    """One node with routing."""
    async with routing_stage_on(db, clock, randomness) as stage:
        yield stage
