"""Sockets whose sessions end on another node."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

import pytest

from support.agent_socket import Agents, serve_agents
from support.messaging_stage import ACCOUNT, Stage, stage_on
from switchbay.accounts.public import OPERATOR, User, UserChange
from switchbay.infra.db import Database, open_database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.kit.secret import Secret

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
async def nodes(
    database_url: str, db: Database, clock: ManualClock, randomness: Randomness
) -> AsyncIterator[tuple[Stage, Agents]]:
    """A node, and the sockets of another; what looks after sockets in the background does not run."""
    async with AsyncExitStack() as stack:
        other = await open_database(database_url, connections=4)
        stack.push_async_callback(other.close)
        here = await stack.enter_async_context(stage_on(db, clock, randomness))
        there = await stack.enter_async_context(stage_on(other, clock, randomness, is_new=False))
        await stack.enter_async_context(serve_agents(here))
        ticking = asyncio.create_task(_tick(clock))
        yield here, await stack.enter_async_context(serve_agents(there))
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking


async def _tick(clock: ManualClock) -> None:
    """Nodes look for others that are new by the clock."""
    while True:
        await asyncio.sleep(0.02)
        clock.advance(ms=20)


async def user(stage: Stage, name: str) -> User:
    found = await stage.accounts.find_user_by_login(ACCOUNT, name)
    assert found is not None
    return found


async def test_a_logout_on_one_node_ends_the_sockets_on_another(nodes: tuple[Stage, Agents]) -> None:
    here, there = nodes
    async with there.connect("bob") as bob, there.connect("cyd") as cyd:
        await here.accounts.logout(ACCOUNT, await there.stage.bearer("bob"), None)
        assert await bob.closed() == 4401
        await cyd.done(".GetClock")


@pytest.mark.parametrize(
    "change", [UserChange(password=Secret("another long password")), UserChange(enabled=False)], ids=["password", "off"]
)
async def test_so_does_a_change_of_the_user(nodes: tuple[Stage, Agents], change: UserChange) -> None:
    here, there = nodes
    async with there.connect("bob") as bob, there.connect("cyd") as cyd:
        await here.accounts.update_user(ACCOUNT, (await user(here, "bob")).user_id, change, OPERATOR)
        assert await bob.closed() == 4401
        await cyd.done(".GetClock")
