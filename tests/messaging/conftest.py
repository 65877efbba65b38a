"""The messaging room on each engine."""

from collections.abc import AsyncIterator

import pytest

from support.history_stage import Past, past_on
from support.messaging_stage import Stage, stage_on
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness


@pytest.fixture
async def stage(db: Database, clock: ManualClock, randomness: Randomness) -> AsyncIterator[Stage]:
    """The room with its defaults."""
    async with stage_on(db, clock, randomness) as stage:
        yield stage


@pytest.fixture
async def past(db: Database, clock: ManualClock, randomness: Randomness) -> AsyncIterator[Past]:
    """The room with its history."""
    async with past_on(db, clock, randomness) as past:
        yield past
