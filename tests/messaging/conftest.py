"""The messaging room on each engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.history_stage import Past, past_on
from support.messaging_stage import Stage, stage_on
from switchbay.infra.db import Database, open_database
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


@pytest.fixture
async def sqlite_db(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database of one engine, for what does not depend on it."""
    path = tmp_path / "one.db"
    path.write_bytes(sqlite_template.read_bytes())  # noqa: ASYNC240 - a test waits for the disk
    database = await open_database(f"sqlite:///{path}")
    try:
        yield database
    finally:
        await database.close()
