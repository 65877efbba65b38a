"""Whatever happens to nodes, endpoints, apps and the clock, nothing is lost and nothing overtakes; see the model."""

import asyncio
import os
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from support.accounts_house import cheap_passwords
from support.engine_reference import check
from support.engine_world import APPS, BEHAVIOURS, FAILING, LANES, World
from support.postgres import KeptDatabase
from support.webhooks_house import ACCOUNT
from switchbay.accounts.public import OPERATOR, Accounts
from switchbay.infra.db import Database, Tx, metadata, open_database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault

_SPANS = (0.3, 1, 2, 5, 12, 31, 31, 61, 61, 61, 61, 400, 4_000)
_BACK = (-2, -40, -3_600)

_IN_MEMORY = "/dev/shm"  # noqa: S108 - a folder of the test's own is made in it
Happening = tuple[str, int, int, int]


async def happen(world: World, what: str, a: int, b: int) -> None:
    """One thing happens; ``a`` and ``b`` say the rest."""
    app, lane = APPS[b % len(APPS)], LANES[b // len(APPS) % len(LANES)]
    happenings: dict[str, Callable[[], Awaitable[object]]] = {
        "publish": lambda: world.publish(a, app, lane, 1 + b // 6 % 3),
        "publish and die": lambda: world.publish(a, app, lane, 1 + b // 6 % 3, dies=True),
        "time": lambda: world.pass_time(_SPANS[a % len(_SPANS)], awake=b),
        "set back": lambda: world.pass_time(_BACK[a % len(_BACK)], awake=b),
        "join": world.join,
        "die": lambda: world.die(a),
        "leave": lambda: world.leave(a),
        "disable": lambda: world.update(app, enabled=False),
        "enable": lambda: world.update(app, enabled=True),
        "update": lambda: world.update(app, tune=a),
        "replay": lambda: world.replay(a),
        "replay all": world.replay_all,
        "replay on": lambda: world.replay_on(a),
    }
    if what == "endpoint":
        world.behaviour[app] = BEHAVIOURS[a % len(BEHAVIOURS)]
    elif what == "fail":
        world.behaviour[app] = FAILING[a % len(FAILING)]
    elif what == "mend":
        world.behaviour[app] = "fine"
    elif what == "stall":
        world.behaviour[app] = "stalls"
    elif what == "answer":
        world.answer()
    else:
        await happenings[what]()


_WEIGHTS = {
    "publish": 16,
    "time": 10,
    "fail": 3,
    "mend": 2,
    "stall": 5,
    "answer": 5,
    "endpoint": 1,
    "publish and die": 1,
    "die": 1,
    "leave": 1,
    "join": 3,
    "set back": 0.3,
    "disable": 0.7,
    "enable": 1.5,
    "update": 0.7,
    "replay": 1,
    "replay all": 0.5,
    "replay on": 2,
}


def history(seed: int, length: int) -> Iterator[Happening]:
    """What happens in one example; a shorter one begins as a longer one does."""
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    for _ in range(length):
        [what] = dice.choices(tuple(_WEIGHTS), tuple(_WEIGHTS.values()))
        yield what, dice.randrange(2**16), dice.randrange(2**16), dice.randrange(3)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def make_url(request: pytest.FixtureRequest, sqlite_template: Path) -> Iterator[Callable[[], str]]:
    """What gives the address of a database for one example; it may have been used before."""
    if request.param == "postgresql":
        kept: KeptDatabase = request.getfixturevalue("postgres_kept")
        yield lambda: kept.url
        return
    # In memory where there is such a folder: what a disk does with a power cut is not the question here.
    folder = Path(tempfile.mkdtemp(dir=_IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None))

    def make() -> str:
        path = folder / "model.db"
        for old in folder.iterdir():
            old.unlink()
        path.write_bytes(sqlite_template.read_bytes())
        return f"sqlite:///{path}"

    yield make
    shutil.rmtree(folder)


@asynccontextmanager
async def world_over(url: str) -> AsyncIterator[World]:
    """A world over a database, which is emptied."""
    db = await open_database(url, connections=6)
    try:
        await db.write(_empty)
        yield await _begin(db)
    finally:
        await db.close()


async def _empty(tx: Tx) -> None:
    if tx.engine == "postgresql":  # of SQLite each example has a file of its own
        await tx.execute(sa.text("SET LOCAL session_replication_role = replica"))  # past the audit log's triggers
        for table in metadata.sorted_tables:
            await tx.execute(sa.delete(table))


async def _begin(db: Database) -> World:
    clock = ManualClock()
    vault = Vault([("test", b"\x07" * 32)])
    accounts = Accounts(db, clock, Randomness(), vault, password_hashing=cheap_passwords())
    await accounts.create_account(ACCOUNT, "Account", OPERATOR)
    world = World(db, clock, vault)
    await world.begin()
    return world


async def live(url: str, happenings: Iterable[Happening]) -> None:
    """Let everything happen, then calm down and check."""
    async with world_over(url) as world:
        try:
            for what, a, b, pace in happenings:
                await happen(world, what, a, b)
                if pace == 2:
                    await world.settle()
                for _ in range(4 * pace):
                    await asyncio.sleep(0)
                await world.note()
            await world.calm_down()
            await check(world)
        finally:
            await world.close()


@settings(max_examples=settings().max_examples // 8)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(60, 160))
def test_model_of_the_engine(make_url: Callable[[], str], seed: int, length: int) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(live(make_url(), history(seed, length)))
