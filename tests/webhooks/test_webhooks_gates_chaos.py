"""Gates under random failures, dying nodes, an app that is switched off and on, and a clock that runs fast: nothing is
lost, nothing overtakes.
"""

import asyncio
import random
import time
from collections import defaultdict
from dataclasses import replace

import pytest

from support.receiver import Answer, Received
from support.webhooks_house import House, owner_of
from switchbay.infra.db import Database
from switchbay.infra.egress import Egress
from switchbay.infra.vault import Vault
from switchbay.webhooks.public import Webhooks

_SPEED = 50


class FastClock:
    """The machine's clock, fifty times as fast."""

    def now_ms(self) -> int:
        return 1_700_000_000_000 + int(time.monotonic() * 1000 * _SPEED)

    def monotonic(self) -> float:
        return time.monotonic() * _SPEED


@pytest.mark.parametrize("seed", [1, 2])
async def test_chaos_behind_a_gate_loses_nothing_and_keeps_the_order(
    db: Database, vault: Vault, egress: Egress, house: House, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    succeeded: dict[str, int] = defaultdict(int)
    overtaken: list[bytes] = []
    is_calm = False

    async def answer(request: Received) -> Answer:
        lane, _, number = request.body.decode().partition("/")
        if int(number) > succeeded[lane]:
            overtaken.append(request.body)
        await asyncio.sleep(dice.random() / 200)
        if not is_calm and dice.random() < 0.1:
            return Answer(500)
        succeeded[lane] = max(succeeded[lane], int(number) + 1)
        return Answer()

    house.receiver.answer = answer
    chaos = House(db, FastClock(), vault, egress, house.receiver)

    async def start_node() -> Webhooks:
        node = chaos.node(running=False, retry_seconds=1, lease_seconds=40, sweep_seconds=0.02)
        await node.start()
        return node

    owner = replace(owner_of(chaos.endpoint(retries=5)), retention_time=259_200)
    await chaos.configure(owner)
    alive = [await start_node() for _ in range(3)]
    published: dict[str, int] = defaultdict(int)
    for number in range(150):
        if number % 50 in {20, 30}:  # switched off for a while: what is pending is kept, what happens is not recorded
            await chaos.configure(replace(owner, enabled=number % 50 == 30))
        if 20 <= number % 50 < 30:
            await chaos.publish(chaos.event("unrecorded/0", "off"), node=dice.choice(alive))
            await asyncio.sleep(0.002)
            continue
        lane = f"c{dice.randrange(8)}"
        await chaos.publish(chaos.event(f"{lane}/{published[lane]}", lane), node=dice.choice(alive))
        published[lane] += 1
        if number % 30 == 16:  # one dies without a word, another takes its place
            victim = alive.pop(dice.randrange(3))
            await victim.dispatcher.stop(0)
            alive.append(await start_node())
        await asyncio.sleep(0.002)
    is_calm = True
    async with asyncio.timeout(30):
        while "pending" in await chaos.states(lane=None):  # noqa: ASYNC110 - the state is in the database
            await asyncio.sleep(0.05)
    await chaos.close()
    assert await chaos.states("off") == []
    assert overtaken == []
    assert succeeded == published
    assert set(await chaos.states(lane=None)) == {"delivered"}
