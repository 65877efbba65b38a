"""Offers and conversations on each engine."""

from collections.abc import AsyncIterator

import pytest

from support.offers_stage import OffersStage, offers_on
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness


@pytest.fixture
async def stage(db: Database, clock: ManualClock, randomness: Randomness) -> AsyncIterator[OffersStage]:
    """Both services, with an account that offers nothing yet."""
    async with offers_on(db, clock, randomness) as made:
        yield made
