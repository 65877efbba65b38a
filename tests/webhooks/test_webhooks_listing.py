"""The log can be searched by everything that is known of a delivery, page by page, and tells what held each."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from support.receiver import Answer
from support.webhooks_house import ACCOUNT, House, owner_of
from switchbay.infra.machine import ManualClock
from switchbay.webhooks.public import DeliveryFilter
from switchbay.webhooks.tables import owners
from switchbay.webhooks.timeline import HeldBy, Moment, Step, timeline

_PAGE = (Path(__file__).parent.parent.parent / "docs" / "reference" / "webhooks.md").read_text("utf-8")


async def lanes_found(house: House, wanted: DeliveryFilter, limit: int = 50) -> list[str]:
    found, _ = await house.webhooks.list_deliveries(ACCOUNT, wanted, limit=limit)
    return [each.lane for each in found]


async def told(house: House, lane: str, position: int = 0) -> tuple[Moment, ...]:
    found, _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(lane=lane))
    [one] = [each for each in found if each.position == position]
    detail = await house.webhooks.get_delivery(ACCOUNT, one.id)
    return timeline(detail.summary, detail.published_at, detail.attempts, detail.holder)


async def id_of(house: House, lane: str, position: int) -> str:
    found, _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(lane=lane))
    return next(each.id for each in found if each.position == position)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("delivered", ["fine"]),
        ("200", ["fine"]),
        ("gave_up", ["garbled", "broken"]),
        ("503", ["later", "broken"]),
        ("protocol", ["garbled"]),
        ("retry", ["later"]),
        ("404", []),
        ("dns", []),
    ],
)
async def test_the_last_attempts_outcome_selects(
    house: House, clock: ManualClock, outcome: str, expected: list[str]
) -> None:
    garbled = Answer(raw=b"no HTTP at all\r\n\r\n")
    answers = {"/fine": Answer(200), "/broken": Answer(503), "/garbled": garbled, "/later": Answer(503)}
    house.receiver.answer = lambda request: answers[request.path]
    for lane in ("fine", "broken", "garbled", "later"):
        endpoint = house.endpoint(path=f"/{lane}", retries=1 if lane == "later" else 0)
        await house.configure(owner_of(endpoint, owner_id=lane))
        await house.publish(house.event("a", lane, owner_id=lane))
        await house.settle()
        clock.advance(ms=1)
    assert await lanes_found(house, DeliveryFilter(outcome=outcome)) == expected


async def test_since_is_included_and_until_is_not(house: House, clock: ManualClock) -> None:
    await house.configure(owner_of(house.endpoint()))
    start = clock.now_ms()
    for number in range(4):
        await house.publish(house.event("a", f"c{number}"))
        clock.advance(ms=1)
    await house.settle()
    assert await lanes_found(house, DeliveryFilter(since=start + 1, until=start + 3)) == ["c2", "c1"]
    assert await lanes_found(house, DeliveryFilter(since=start + 3)) == ["c3"]
    assert await lanes_found(house, DeliveryFilter(until=start)) == []
    assert await lanes_found(house, DeliveryFilter(lane="c1", since=start + 2)) == []
    assert await lanes_found(house, DeliveryFilter(lane="c1", until=start + 2)) == ["c1"]


async def test_pages_hold_still_while_deliveries_are_added(house: House, clock: ManualClock) -> None:
    await house.configure(owner_of(house.endpoint()))
    for number in range(6):
        clock.advance(ms=1)
        await house.publish(house.event("a", f"c{number}"))
    seen: list[str] = []
    cursor: str | None = None
    for number in range(3):
        page, cursor = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(), cursor=cursor, limit=2)
        seen += [each.lane for each in page]
        clock.advance(ms=1)
        await house.publish(house.event("a", f"late{number}"))
    assert (seen, cursor) == (["c5", "c4", "c3", "c2", "c1", "c0"], None)


async def test_the_timeline_tells_each_attempt_and_the_waits_between(house: House, clock: ManualClock) -> None:
    answers = iter([Answer(503), Answer(200)])
    house.receiver.answer = lambda _: next(answers)
    await house.configure(owner_of(house.endpoint(retries=1)))
    start = clock.now_ms()
    await house.publish(house.event("a"))
    await house.settle()
    waiting = await told(house, "c1")
    assert [moment.step for moment in waiting] == [Step.PUBLISHED, Step.QUEUED, Step.ATTEMPT, Step.HELD]
    assert (waiting[-1].held_by, waiting[-1].until) == (HeldBy.RETRY, start + 30_000)
    await house.pass_time(30)
    done = await told(house, "c1")
    assert [(moment.step, moment.held_by) for moment in done] == [
        (Step.PUBLISHED, None),
        (Step.QUEUED, None),
        (Step.ATTEMPT, None),
        (Step.HELD, HeldBy.RETRY),
        (Step.ATTEMPT, None),
        (Step.DONE, None),
    ]
    assert (done[3].until, done[-1].at) == (start + 30_000, start + 30_000)


async def test_the_timeline_names_the_event_that_a_conversation_waited_for(house: House, clock: ManualClock) -> None:
    answers = iter([Answer(503), Answer(200), Answer(200)])
    house.receiver.answer = lambda _: next(answers)
    await house.configure(owner_of(house.endpoint(retries=1)))
    start = clock.now_ms()
    await house.publish_each(["a", "b"])
    await house.settle()
    first = await id_of(house, "c1", 0)
    held = (await told(house, "c1", 1))[-1]
    assert (held.step, held.held_by, held.until, held.delivery_id) == (Step.HELD, HeldBy.CONVERSATION, None, first)
    await house.pass_time(30)
    held = (await told(house, "c1", 1))[2]
    assert (held.held_by, held.at, held.until, held.delivery_id) == (
        HeldBy.CONVERSATION,
        start,
        start + 30_000,
        first,
    )


async def test_the_timeline_names_a_closed_gate(house: House, clock: ManualClock) -> None:
    node = house.node(running=False)
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("a"), node=node)
    queued = (await told(house, "c1"))[-1]
    assert (queued.step, queued.held_by) == (Step.HELD, HeldBy.NODE)
    since = clock.now_ms() + 5
    statement = sa.update(owners).values(gate="failed", gate_since=since)
    await house.db.write(lambda tx: tx.execute(statement))
    held = (await told(house, "c1"))[-1]
    assert (held.held_by, held.at, held.until) == (HeldBy.GATE, since, None)


async def test_the_timeline_names_an_open_breaker_and_when_it_lets_one_through(house: House) -> None:
    house.signing.webhook_breaker = True
    node = house.node(breaker_failures=1)
    house.receiver.answer = lambda _: Answer(503)
    await house.configure(owner_of(house.endpoint(retries=5)))
    start = house.clock.now_ms()
    for lane in ("c1", "c2"):
        await house.publish(house.event("a", lane), node=node)
        await house.settle()
    assert len(house.receiver.requests) == 1
    await node.watch.flush_once()
    held = (await told(house, "c2"))[-1]
    assert (held.step, held.held_by, held.at, held.until) == (Step.HELD, HeldBy.BREAKER, start, start + 30_000)


@pytest.mark.parametrize("word", [*Step, *HeldBy])
def test_every_word_of_a_timeline_is_documented(word: str) -> None:
    assert f"`{word}`" in _PAGE.split("`timeline` tells")[1]
