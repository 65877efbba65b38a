"""How endpoints are doing: counted on every node, judged together, told with reasons in words."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from support.receiver import Answer, accept
from support.webhooks_house import ACCOUNT, APP, CHAT_STATE, House, owner_of
from switchbay.accounts.public import OPERATOR
from switchbay.infra.machine import ManualClock
from switchbay.kit.errors import AppError
from switchbay.webhooks.health import (
    FAILING_AFTER,
    LATENCY_STEPS,
    Condition,
    Counter,
    EndpointState,
    News,
    added,
    condition_in_words,
    digest,
    is_slow,
    is_worth_storing,
    judged,
    reason_in_words,
    shown_url,
)
from switchbay.webhooks.health_report import render_report
from switchbay.webhooks.public import Webhooks
from switchbay.webhooks.store.deliveries import AttemptRow
from switchbay.webhooks.tables import endpoint_states

HEALTHY, FAILING, SLOW = EndpointState.HEALTHY, EndpointState.FAILING, EndpointState.SLOW


def counter(*times: int, minute: int = 0) -> Counter:
    made = Counter(minute)
    for each in times:
        made.add(each, is_answered=True, is_success=True)
    return made


# Figures


@given(st.lists(st.integers(0, 6_000), min_size=1, max_size=60), st.integers(1, 100))
def test_a_percentile_is_the_end_of_the_step_that_holds_it(times: list[int], percent: int) -> None:
    exact = sorted(times)[-(-len(times) * percent // 100) - 1]
    found = counter(*times).counts.percentile_ms(percent)
    assert found == next((step for step in LATENCY_STEPS if exact <= step), LATENCY_STEPS[-1])


@given(st.lists(st.lists(st.integers(0, 6_000), max_size=20), max_size=4))
def test_the_counts_of_nodes_add_up(nodes: list[list[int]]) -> None:
    together = counter(*(each for times in nodes for each in times)).counts
    assert added(counter(*times).counts for times in nodes) == together


def test_no_calls_have_no_figures() -> None:
    counts = counter().counts
    assert (counts.mean_ms, counts.success_rate, counts.percentile_ms(95)) == (None, None, None)


def test_calls_without_an_answer_are_failures_and_not_slow_answers() -> None:
    made = counter(100)
    made.add(5_000, is_answered=False, is_success=False)
    assert (made.counts.requests, made.counts.success_rate, made.counts.mean_ms) == (2, 0.5, 100)


# Judging


def failed(times: int, at: int = 100) -> News:
    return News(times, None, at, "it answered 503")


def test_an_endpoint_is_failing_from_the_fifth_failure_in_a_row_on_whatever_nodes() -> None:
    first = judged(Condition(), failed(FAILING_AFTER - 1), is_slow=None, now=1)
    second = judged(first, failed(1, at=101), is_slow=None, now=2)
    assert (first.state, second.state, second.since) == (HEALTHY, FAILING, 2)


def test_a_success_makes_it_healthy_unless_it_has_failed_again_since() -> None:
    failing = judged(Condition(), failed(7), is_slow=None, now=1)
    again = judged(failing, News(1, 200, 201, "it answered 500"), is_slow=None, now=2)
    healthy = judged(again, News(0, 300), is_slow=None, now=3)
    assert (again.state, again.failures, again.since) == (FAILING, 1, 1)
    assert (healthy.state, healthy.failures, healthy.since, healthy.failure) == (HEALTHY, 0, 3, "it answered 500")


def test_failures_from_before_another_nodes_success_do_not_count() -> None:
    known = Condition(succeeded_at=200)
    assert judged(known, failed(9, at=150), is_slow=None, now=1).state is HEALTHY


def test_a_success_from_before_another_nodes_failures_does_not_end_them() -> None:
    known = judged(Condition(), failed(6, at=200), is_slow=None, now=1)
    assert judged(known, News(0, 150), is_slow=None, now=2).state is FAILING


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([5 * [2_501], 5 * [2_501]], True),
        ([5 * [2_500], 5 * [2_501]], False),
        ([100 * [10], 5 * [5_000]], False),
        ([4 * [2_501], 5 * [2_501]], None),
        ([20 * [5_000]], None),
        ([], None),
    ],
)
def test_two_whole_minutes_with_a_mean_over_2500_ms_and_ten_answers_are_slow(
    minutes: list[list[int]], expected: bool | None
) -> None:
    assert is_slow([counter(*times).counts for times in minutes]) is expected


def test_slow_comes_and_goes_and_failing_weighs_more() -> None:
    slow = judged(Condition(), News(0, 100), is_slow=True, now=1)
    unknown = judged(slow, News(0, 200), is_slow=None, now=2)
    failing = judged(slow, failed(5, at=300), is_slow=True, now=3)
    fast = judged(slow, News(0, 400), is_slow=False, now=4)
    assert [each.state for each in (slow, unknown, failing, fast)] == [SLOW, SLOW, FAILING, HEALTHY]


def test_news_that_could_not_be_told_are_told_with_later_ones() -> None:
    assert failed(3).then(failed(2, at=150)) == News(5, None, 150, "it answered 503")
    assert failed(3).then(News(1, 120, 130, "later")) == News(1, 120, 130, "later")
    assert News(2, 50, 60, "early").then(News(0, 90)) == News(0, 90, 60, "early")


def test_a_breaker_is_open_until_the_node_whose_it_is_says_otherwise() -> None:
    opened = judged(Condition(), News(1, None, 100, "why", paused_until=500), is_slow=None, now=1)
    others = judged(opened, News(0, 150), is_slow=None, now=2)
    closed = judged(others, News(0, 200, paused_until=0), is_slow=None, now=3)
    assert [each.paused_until for each in (opened, others, closed)] == [500, 500, None]


def test_a_success_after_a_success_is_stored_once_a_minute() -> None:
    before = Condition(succeeded_at=1_000)
    assert is_worth_storing(before, replace(before, succeeded_at=60_999)) is False
    assert is_worth_storing(before, replace(before, succeeded_at=61_000)) is True
    assert is_worth_storing(before, replace(before, succeeded_at=1_001, failures=1)) is True


def test_every_documented_failure_has_its_words() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "reference" / "webhooks.md").read_text()
    section = page.split("| failure |")[1].split("###")[0]
    for failure in re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE):
        assert "_" not in (reason := reason_in_words(None, failure) or "_")
        assert reason != failure


def test_reasons_are_words() -> None:
    assert reason_in_words(200, None) is None
    assert reason_in_words(503, None) == "it answered 503"
    assert reason_in_words(None, "response_timeout") == "it did not answer in time"
    failing = judged(Condition(), failed(6), is_slow=None, now=1)
    assert condition_in_words(failing) == ("the last calls failed (6 times in a row); of the last one: it answered 503")


def test_a_query_is_not_shown() -> None:
    assert shown_url("https://bot.example/hook?token=swordfish") == "https://bot.example/hook"


# Over a database


def attempt(at: int, total_ms: int = 20, status: int | None = 200, failure: str | None = None) -> AttemptRow:
    return AttemptRow(
        account_id=ACCOUNT,
        delivery_id="dlv_1",
        number=1,
        started_at=at,
        connect_ms=None,
        first_byte_ms=None,
        total_ms=total_ms,
        address=None,
        status=status,
        failure=failure,
        detail=None,
        response_headers="[]",
        response_body=b"",
        outcome="",
    )


def saw(house: House, node: Webhooks, count: int, total_ms: int, status: int = 200) -> None:
    """Have a node see calls, as its dispatcher would tell them."""
    for _ in range(count):
        row = attempt(house.clock.now_ms(), total_ms, status)
        node.watch.attempted((ACCOUNT, APP, house.receiver.url()), row)


async def report(house: House) -> dict[str, Any]:
    found: dict[str, Any] = render_report(await house.webhooks.care.get_report(ACCOUNT, APP))
    return found


async def slow_minutes(house: House, node: Webhooks, count: int = 2) -> None:
    """Minutes in which every answer took three seconds, and the beginning of the next one."""
    clock = house.clock
    assert isinstance(clock, ManualClock)
    clock.advance(ms=60_000 - clock.now_ms() % 60_000)
    for _ in range(count):
        saw(house, node, 6, 3_000)
        await node.watch.flush_once()
        clock.advance(seconds=60)
    await node.watch.flush_once()


async def test_figures_of_all_nodes_are_joined(house: House) -> None:
    await house.configure(owner_of(house.endpoint(), house.endpoint(CHAT_STATE)))
    other = house.node()
    saw(house, house.webhooks, 3, 20)
    saw(house, other, 1, 400, status=503)
    for node in (house.webhooks, other, house.webhooks):
        await node.watch.flush_once()
    [endpoint] = (await report(house))["endpoints"]
    assert len(endpoint["events"]) == 2
    figures = {"requests": 4, "failures": 1, "success_rate": 0.75, "mean_ms": 115, "p50_ms": 20, "p95_ms": 500}
    assert endpoint["windows"] == {"5m": figures, "1h": figures, "24h": figures}
    assert (endpoint["state"], endpoint["last_failure"]["reason"]) == ("healthy", "it answered 503")


async def test_counts_of_a_minute_grow_over_several_writes_and_leave_the_windows(
    house: House, clock: ManualClock
) -> None:
    await house.configure(owner_of(house.endpoint()))
    for _ in range(3):
        saw(house, house.webhooks, 2, 20)
        await house.webhooks.watch.flush_once()
    clock.advance(seconds=600)
    [endpoint] = (await report(house))["endpoints"]
    assert [endpoint["windows"][word]["requests"] for word in ("5m", "1h", "24h")] == [0, 6, 6]


async def test_a_write_that_failed_is_made_up_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.configure(owner_of(house.endpoint()))
    saw(house, house.webhooks, 5, 20, status=500)

    async def fail(_account_id: str) -> bool:
        raise RuntimeError("the process stumbles")

    house.webhooks.watch._watched[ACCOUNT, APP, house.receiver.url()].at(0).add(
        9_000, is_answered=True, is_success=True
    )
    monkeypatch.setattr(house.webhooks.watch, "_may_disable", fail)
    with pytest.raises(RuntimeError):
        await house.webhooks.watch.flush_once()
    monkeypatch.undo()
    saw(house, house.webhooks, 1, 20, status=500)
    await house.webhooks.watch.flush_once()
    [endpoint] = (await report(house))["endpoints"]
    assert (endpoint["state"], endpoint["failures_in_a_row"], endpoint["windows"]["5m"]["requests"]) == (
        "failing",
        6,
        6,
    )


async def test_many_endpoints_that_fail_at_once_are_all_told_of(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = house.webhooks.watch
    for number in range(250):
        for _ in range(FAILING_AFTER):
            watch.attempted((ACCOUNT, APP, f"https://h{number}.example/"), attempt(house.clock.now_ms(), status=500))
    tell, calls = watch._tell, 0

    async def stumble(told: Sequence[Any], now: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("the process stumbles")
        await tell(told, now)

    monkeypatch.setattr(watch, "_tell", stumble)
    with pytest.raises(RuntimeError):
        await watch.flush_once()
    statement = sa.select(sa.func.count()).where(endpoint_states.c.state == "failing")
    assert [row[0] for row in await house.db.read(lambda tx: tx.fetch(statement))] == [100]
    assert await watch.flush_once() is True
    assert [row[0] for row in await house.db.read(lambda tx: tx.fetch(statement))] == [250]


async def test_nothing_is_kept_for_longer_than_a_day(house: House, clock: ManualClock) -> None:
    await house.configure(owner_of(house.endpoint()))
    saw(house, house.webhooks, 1, 20)
    await house.webhooks.watch.flush_once()
    clock.advance(seconds=86_400 + 1_200)
    await house.webhooks.watch.flush_once()
    [endpoint] = (await report(house))["endpoints"]
    assert (endpoint["windows"]["24h"]["requests"], endpoint["reason"]) == (
        0,
        "it was not called in the last 24 hours",
    )
    assert house.webhooks.watch._watched == {}


async def test_what_is_known_of_endpoints_that_are_well_or_not_called_is_forgotten(
    house: House, clock: ManualClock
) -> None:
    async def known() -> list[str]:
        statement = sa.select(endpoint_states.c.state)
        return [row[0] for row in await house.db.read(lambda tx: tx.fetch(statement))]

    await house.configure(owner_of(house.endpoint()))
    saw(house, house.webhooks, 1, 20, status=500)
    await house.webhooks.watch.flush_once()
    clock.advance(seconds=86_400)
    await house.webhooks.watch.flush_once()
    assert await known() == ["healthy"]
    clock.advance(seconds=601)
    await house.webhooks.watch.flush_once()
    assert await known() == []
    saw(house, house.webhooks, 5, 20, status=500)
    await house.webhooks.watch.flush_once()
    clock.advance(seconds=7 * 86_400)
    await house.webhooks.watch.flush_once()
    assert await known() == ["failing"]
    clock.advance(seconds=601)
    await house.webhooks.watch.flush_once()
    assert await known() == []


async def test_nothing_is_known_of_an_app_that_was_removed(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    saw(house, house.webhooks, 5, 20, status=500)
    await house.webhooks.watch.flush_once()
    await house.remove()
    await house.configure(owner_of(house.endpoint()))
    assert (await report(house))["state"] == "healthy"


async def test_real_attempts_are_watched(house: House) -> None:
    house.receiver.answer = lambda _: Answer(503)
    await house.configure(owner_of(house.endpoint()))
    for number in range(FAILING_AFTER):
        await house.publish(house.event("event", f"c{number}"))
    await house.settle()
    await house.webhooks.watch.flush_once()
    found = await report(house)
    [endpoint] = found["endpoints"]
    assert (found["state"], endpoint["state"], endpoint["failures_in_a_row"]) == ("failing", "failing", 5)
    assert endpoint["reason"] == "the last calls failed (5 times in a row); of the last one: it answered 503"
    house.receiver.answer = accept
    await house.publish(house.event("event", "c9"))
    await house.settle()
    await house.webhooks.watch.flush_once()
    assert (await report(house))["state"] == "healthy"


async def test_an_open_breaker_shows_until_when(house: House, clock: ManualClock) -> None:
    house.signing.webhook_breaker = True
    node = house.node(breaker_failures=1)
    house.receiver.answer = lambda _: Answer(503)
    await house.configure(owner_of(house.endpoint(retries=1)))
    await house.publish(house.event("one"), node=node)
    await house.settle()
    await node.watch.flush_once()
    [endpoint] = (await report(house))["endpoints"]
    assert (endpoint["state"], endpoint["breaker_open_until"]) == ("paused", clock.now_ms() + 30_000)
    house.receiver.answer = accept
    await house.pass_time(30)
    await node.watch.flush_once()
    [endpoint] = (await report(house))["endpoints"]
    assert (endpoint["state"], endpoint["breaker_open_until"]) == ("healthy", None)


async def test_a_slow_endpoint_is_reported_and_called_all_the_same(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    await slow_minutes(house, house.webhooks)
    [endpoint] = (await report(house))["endpoints"]
    assert (endpoint["state"], endpoint["reason"]) == (
        "slow",
        "its answers took more than 2.5 seconds in the mean, for 2 minutes",
    )
    await house.publish(house.event("one"))
    await house.settle()
    assert await house.states() == ["delivered"]


async def test_one_slow_minute_is_not_enough(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    await slow_minutes(house, house.webhooks, 1)
    assert (await report(house))["state"] == "healthy"


async def test_a_fast_node_makes_up_for_a_slow_one(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    other = house.node()
    clock = house.clock
    assert isinstance(clock, ManualClock)
    clock.advance(ms=60_000 - clock.now_ms() % 60_000)
    for _ in range(2):
        saw(house, other, 60, 10)
        await other.watch.flush_once()
        saw(house, house.webhooks, 6, 3_000)
        await house.webhooks.watch.flush_once()
        clock.advance(seconds=60)
    await house.webhooks.watch.flush_once()
    assert (await report(house))["state"] == "healthy"


async def test_an_account_may_have_slow_webhooks_disabled_until_they_are_enabled(house: House) -> None:
    house.signing.disable_slow_webhooks = True
    await house.configure(owner_of(house.endpoint(retries=5)))
    await slow_minutes(house, house.webhooks)
    [endpoint] = (await report(house))["endpoints"]
    assert (endpoint["state"], endpoint["reason"]) == ("disabled", "it was slow for too long")
    await house.publish(house.event("not recorded"))
    await house.settle()
    assert (await house.states(), house.receiver.requests) == ([], [])
    enabled = await house.webhooks.care.enable(ACCOUNT, APP, OPERATOR)
    assert enabled.state == "healthy"
    await house.publish(house.event("sent"))
    await house.settle()
    assert house.receiver.bodies == [b"sent"]


async def test_what_is_pending_when_a_webhook_is_disabled_fails_with_the_reason(house: House) -> None:
    house.signing.disable_slow_webhooks = True
    house.receiver.answer = lambda _: Answer(404)
    await house.configure(owner_of(house.endpoint(retries=5)))
    await house.publish(house.event("one"), house.event("two"))
    await house.settle()
    await slow_minutes(house, house.webhooks)
    await house.pass_time(30)
    assert await house.states() == ["failed:endpoint_disabled", "failed:endpoint_disabled"]


async def test_an_update_of_the_app_enables_a_slow_webhook_and_measures_it_anew(house: House) -> None:
    house.signing.disable_slow_webhooks = True
    await house.configure(owner_of(house.endpoint()))
    await slow_minutes(house, house.webhooks)
    await house.configure(owner_of(house.endpoint()))
    saw(house, house.webhooks, 1, 3_000)
    await house.webhooks.watch.flush_once()
    assert (await report(house))["state"] == "slow"
    await slow_minutes(house, house.webhooks)
    assert (await report(house))["state"] == "disabled"


async def test_two_nodes_that_tell_at_once_count_all_failures(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    nodes = [house.webhooks, house.node(), house.node()]
    for node in nodes:
        saw(house, node, 2, 20, status=500)
    await asyncio.gather(*(node.watch.flush_once() for node in nodes))
    [endpoint] = (await report(house))["endpoints"]
    assert (endpoint["failures_in_a_row"], endpoint["state"]) == (6, "failing")


async def test_the_gate_of_an_app_with_a_retention_time_is_shown(house: House, clock: ManualClock) -> None:
    house.receiver.answer = lambda _: Answer(503)
    await house.configure(replace(owner_of(house.endpoint()), retention_time=3600))
    await house.publish(house.event("one"))
    await house.settle()
    now = clock.now_ms()
    assert (await report(house))["gate"] == {"state": "failed", "since": now, "next_attempt_at": now + 2_000}


@pytest.mark.parametrize("app", ["unknown", "ops_1", "a\x00b"])
async def test_an_unknown_app_has_no_health(house: House, app: str) -> None:
    for call in (
        house.webhooks.care.get_report(ACCOUNT, app),
        house.webhooks.care.enable(ACCOUNT, app, OPERATOR),
        house.webhooks.care.limit(ACCOUNT, app, 5, OPERATOR),
    ):
        with pytest.raises(AppError) as refused:
            await call
        assert refused.value.code == "app_unknown"


def test_addresses_are_stored_under_short_names() -> None:
    assert len(digest("https://bot.example/hook")) == 32
