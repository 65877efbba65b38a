"""Clearing away: only what is over goes, and a used code stays long enough to give a thief away."""

import asyncio

from support.oauth_stage import Stage
from support.oauth_tokens import assert_refused, count_rows, get_tokens, give_code, redeem, refresh
from switchbay.oauth.domain import Face
from switchbay.oauth.workers import MOST_AT_ONCE, purge_once

DAY = 86_400


async def test_nothing_goes_while_it_may_count(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app)
    tokens = await get_tokens(stage, app)
    before = await count_rows(stage)
    assert await purge_once(stage.db, stage.clock.now_ms()) == 0
    assert await count_rows(stage) == before
    assert (await redeem(stage, app, code)).status_code == 200
    assert (await refresh(stage, app, tokens["refresh_token"])).status_code == 200


async def test_a_used_code_is_kept_for_a_day_so_that_its_replay_is_known(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app)
    await redeem(stage, app, code)
    stage.clock.advance(seconds=60 + DAY - 1)
    await purge_once(stage.db, stage.clock.now_ms())
    assert_refused(await redeem(stage, app, code), "invalid_grant")
    assert (await count_rows(stage))["revoked grants"] == 1
    stage.clock.advance(seconds=1)
    await purge_once(stage.db, stage.clock.now_ms())
    assert (await count_rows(stage))["codes"] == 0


async def test_opaque_tokens_go_when_they_are_over_and_the_grant_with_its_last_one(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app, face=Face.SENTINEL)
    await redeem(stage, app, code, face="sentinel")
    stage.clock.advance(seconds=3_600)
    await purge_once(stage.db, stage.clock.now_ms())
    rows = await count_rows(stage)
    assert (rows["tokens"], rows["grants"]) == (1, 1)
    stage.clock.advance(seconds=2_592_000 - 3_600)
    await purge_once(stage.db, stage.clock.now_ms())
    rows = await count_rows(stage)
    assert (rows["tokens"], rows["grants"]) == (0, 1)
    stage.clock.advance(seconds=DAY, ms=1)
    await purge_once(stage.db, stage.clock.now_ms())
    assert (await count_rows(stage))["grants"] == 0


async def test_a_refreshed_grant_lives_as_long_as_its_newest_token(stage: Stage) -> None:
    app = await stage.install()
    tokens = await get_tokens(stage, app)
    for _ in range(3):
        stage.clock.advance(seconds=2_000_000)
        await purge_once(stage.db, stage.clock.now_ms())
        answer = await refresh(stage, app, tokens["refresh_token"])
        assert answer.status_code == 200, answer.text
        tokens = answer.json()


async def test_more_than_one_transaction_holds_goes_all_the_same(stage: Stage) -> None:
    app = await stage.install()
    for _ in range(MOST_AT_ONCE + 3):
        await give_code(stage, app)
    stage.clock.advance(seconds=60 + DAY, ms=1)
    assert await purge_once(stage.db, stage.clock.now_ms()) == 2 * (MOST_AT_ONCE + 3)
    assert await count_rows(stage) == dict.fromkeys(await count_rows(stage), 0)


async def test_the_worker_purges_and_stops(stage: Stage) -> None:
    app = await stage.install()
    await give_code(stage, app)
    stage.clock.advance(seconds=60 + DAY, ms=1)
    purging = stage.server.purging
    await purging.start()
    await purging.start()
    try:
        for _ in range(1_000):
            if not (await count_rows(stage))["grants"]:
                break
            await asyncio.sleep(0.01)
    finally:
        await purging.stop()
    rows = await count_rows(stage)
    assert (rows["codes"], rows["grants"]) == (0, 0)
    await purging.stop()
