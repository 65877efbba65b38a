"""Sessions and visitors are forgotten in time, and those of somebody who asks for it at once."""

from typing import Any

from support.accounts_house import ACCOUNT
from support.monitoring_stage import MonitoringStage
from switchbay.accounts.public import OPERATOR
from switchbay.engagement.monitoring.service import Options
from switchbay.engagement.monitoring.workers import purge_once
from switchbay.infra.db import Tx
from switchbay.infra.machine import Randomness
from switchbay.messaging.commit import Outcome
from switchbay.messaging.domain import Command
from switchbay.messaging.history.erasing import Erasing

_DAY = 24 * 3_600
_DEFAULTS = Options()


async def _purge(stage: MonitoringStage) -> list[int]:
    assert not await purge_once(stage.db, stage.clock.now_ms(), _DEFAULTS.visitor_days)
    return [len(rows) for rows in await stage.rows()]


async def test_sessions_are_kept_for_a_while_and_visitors_for_longer(stage: MonitoringStage) -> None:
    session = await stage.begin({"consumerId": "kim"})
    stage.clock.advance(seconds=1_800 + _DEFAULTS.kept_seconds - 1)
    assert await _purge(stage) == [1, 1, 1]
    stage.clock.advance(seconds=600)
    assert await _purge(stage) == [0, 0, 1]
    assert (await stage.engage(session=session)).json()["visitorId"] == session["vid"]
    stage.clock.advance(seconds=_DEFAULTS.visitor_days * _DAY)
    assert await _purge(stage) == [0, 0, 1]
    stage.clock.advance(seconds=1)
    assert await _purge(stage) == [0, 0, 0]


async def test_a_session_that_goes_on_is_not_forgotten(stage: MonitoringStage) -> None:
    session = await stage.begin()
    for _ in range(13):
        stage.clock.advance(seconds=1_500)
        await stage.engage(session=session)
        assert (await _purge(stage))[0] == 1


async def _forget(stage: MonitoringStage, sub: str, most: int = 10) -> int:
    async def work(tx: Tx) -> int:
        return await stage.monitoring.forget(tx, ACCOUNT, sub, most)

    return await stage.db.write(work)


async def test_the_sessions_of_somebody_are_deleted_with_their_visitors(stage: MonitoringStage) -> None:
    kim: dict[str, Any] = {"identities": [{"sub": "kim", "acr": "loa1"}]}
    sessions = [await stage.begin(kim) for _ in range(3)]
    other = await stage.begin({"consumerId": "lee"})
    assert await _forget(stage, "kim", 2) == 2
    assert await _forget(stage, "kim", 2) == 1
    assert await _forget(stage, "kim", 2) == 0
    assert [len(rows) for rows in await stage.rows()] == [1, 1, 1]
    assert (await stage.engage(session=other)).status_code == 200
    answer = await stage.engage(session=sessions[0])
    assert (answer.status_code, answer.json()["visitorId"] == sessions[0]["vid"]) == (201, False)


async def test_erasing_a_consumer_erases_their_sessions_and_a_pseudonym_is_left(stage: MonitoringStage) -> None:
    erasing = Erasing(stage.db, stage.clock, Randomness(), _NoConversations(), rows=1)
    erasing.forget_with(stage.monitoring.forget)
    for _ in range(2):
        await stage.begin({"consumerId": "kim"})
    await stage.begin({"consumerId": "lee"})
    asked = await erasing.request(ACCOUNT, "kim", OPERATOR)
    while await erasing.erase_once():
        pass
    assert (await erasing.find(ACCOUNT, asked.erasure_id)).finished_at == stage.clock.now_ms()
    assert [[row[1] for row in rows] for rows in await stage.rows()][1] == ["lee"]
    assert [len(rows) for rows in await stage.rows()] == [1, 1, 1]


class _NoConversations:
    """A messaging room in which kim has never said anything."""

    async def submit(self, command: Command) -> Outcome:
        raise AssertionError(command)
