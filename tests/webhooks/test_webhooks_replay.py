"""Events are sent again as they were, behind what is pending, each once per replay, whatever happens meanwhile."""

import asyncio
from dataclasses import replace

import pytest

from support.accounts_house import cheap_passwords
from support.receiver import Answer, Received
from support.webhooks_house import ACCOUNT, APP, CHAT_STATE, CONTENT, OTHER_APP, House, owner_of, with_headers
from switchbay.accounts.public import OPERATOR, Accounts, AuditFilter
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.kit.errors import AppError
from switchbay.webhooks.public import DeliveryFilter, DeliverySummary, Webhooks
from switchbay.webhooks.replay import Replay, ReplayFilter, ReplayState


@pytest.fixture
async def accounts(house: House, clock: ManualClock, randomness: Randomness) -> Accounts:
    built = Accounts(house.db, clock, randomness, house.vault, password_hashing=cheap_passwords())
    await built.create_account(ACCOUNT, "Account", OPERATOR)
    return built


async def actions(accounts: Accounts) -> list[str]:
    page = await accounts.list_audit(ACCOUNT, AuditFilter(), limit=50, cursor=None)
    return [entry.action for entry in reversed(page.entries) if entry.action != "account.create"]


def everything(house: House, since: int = 0) -> ReplayFilter:
    return ReplayFilter(None, None, None, None, None, since, house.clock.now_ms())


def texts(requests: list[Received]) -> list[str]:
    return [request.body.decode() for request in requests]


async def log(house: House, **wanted: str) -> list[DeliverySummary]:
    found, _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(**wanted), limit=1000)  # type: ignore[arg-type]  # words only
    return found


async def one_by_one(house: House, clock: ManualClock, *words: str, lane: str = "c1") -> None:
    for word in words:
        await house.publish(house.event(word, lane))
        await house.settle()
        clock.advance(ms=1)


async def run(house: House, node: Webhooks | None = None, most: int = 200) -> None:
    while await (node or house.webhooks).replays.step_once(most):
        await house.settle()


async def test_one_event_is_sent_again_as_the_same_bytes_under_the_same_id_and_marked(
    house: House, accounts: Accounts, clock: ManualClock
) -> None:
    await house.configure(owner_of(house.endpoint()))
    await one_by_one(house, clock, '{"a": 1}', "b")
    original = (await log(house))[-1]
    made = await house.webhooks.replays.replay_one(ACCOUNT, original.id, OPERATOR)
    await house.settle()
    first, _, again = house.receiver.requests
    assert again.body == first.body == b'{"a": 1}'
    assert again.headers["x-liveperson-request-id"] == first.headers["x-liveperson-request-id"] == original.id
    assert again.headers["x-liveperson-signature"] == first.headers["x-liveperson-signature"]
    assert (first.headers.get("x-switchbay-origin"), again.headers["x-switchbay-origin"]) == (None, "replay")
    shown = (await house.webhooks.get_delivery(ACCOUNT, made)).summary
    assert (shown.status, shown.origin, shown.event_id, shown.position, shown.lane) == (
        "delivered",
        "replay",
        original.id,
        2,
        "c1",
    )
    assert await actions(accounts) == ["delivery.replay"]


async def test_a_replay_of_a_replay_is_of_the_event_itself(
    house: House, accounts: Accounts, clock: ManualClock
) -> None:
    await house.configure(owner_of(house.endpoint()))
    await one_by_one(house, clock, "a")
    [original] = await log(house)
    made = await house.webhooks.replays.replay_one(ACCOUNT, original.id, OPERATOR)
    await house.settle()
    await house.webhooks.replays.replay_one(ACCOUNT, made, OPERATOR)
    await house.settle()
    assert {each.headers["x-liveperson-request-id"] for each in house.receiver.requests} == {original.id}
    assert len(house.receiver.requests) == 3


async def test_a_replayed_event_waits_for_what_is_pending_in_its_conversation(
    house: House, accounts: Accounts, clock: ManualClock
) -> None:
    await house.configure(owner_of(house.endpoint(retries=1)))
    await one_by_one(house, clock, "old")
    house.receiver.answer = lambda request: Answer(503 if request.body == b"stuck" else 200)
    await one_by_one(house, clock, "stuck")
    [old] = [each for each in await log(house) if each.status == "delivered"]
    await house.webhooks.replays.replay_one(ACCOUNT, old.id, OPERATOR)
    await house.publish(house.event("new"))
    await house.settle()
    assert texts(house.receiver.requests) == ["old", "stuck"]
    await house.pass_time(30)
    assert texts(house.receiver.requests) == ["old", "stuck", "stuck", "old", "new"]


@pytest.mark.parametrize("case", ["pending", "disabled", "removed", "unsubscribed", "unknown", "garbled"])
async def test_what_cannot_be_replayed_is_refused_and_nothing_changes(
    house: House, accounts: Accounts, clock: ManualClock, case: str
) -> None:
    house.receiver.answer = lambda _: Answer(503)
    await house.configure(owner_of(house.endpoint(retries=1 if case == "pending" else 0)))
    await one_by_one(house, clock, "a")
    [original] = await log(house)
    if case == "disabled":
        await house.configure(owner_of(house.endpoint(), enabled=False))
    elif case == "removed":
        await house.remove()
    elif case == "unsubscribed":
        await house.configure(owner_of(house.endpoint(CHAT_STATE)))
    wanted = {"unknown": "dlv_" + 26 * "0", "garbled": "x"}.get(case, original.id)
    before = await log(house)
    with pytest.raises(AppError) as caught:
        await house.webhooks.replays.replay_one(ACCOUNT, wanted, OPERATOR)
    expected = {"pending": "delivery_pending", "unknown": "delivery_unknown", "garbled": "delivery_unknown"}
    assert caught.value.code == expected.get(case, "event_not_subscribed")
    assert await log(house) == before
    assert await actions(accounts) == []


async def test_replay_once_per_event_stable_paging_survives_restart(
    house: House, accounts: Accounts, clock: ManualClock
) -> None:
    await house.configure(owner_of(house.endpoint()))
    words = [f"m{number}" for number in range(11)]
    for number, word in enumerate(words):
        await house.publish(house.event(word, f"c{number % 2}"))
        if number % 3 == 2:
            clock.advance(ms=1)
    await house.settle()
    clock.advance(seconds=1)
    begun = await house.webhooks.replays.begin(ACCOUNT, everything(house), OPERATOR)
    sent_before = len(house.receiver.requests)
    await house.webhooks.replays.step_once(3)
    await house.settle()
    # The node goes; another one takes over, while new events arrive between its steps.
    await house.webhooks.dispatcher.stop(1)
    other = house.node()
    number = 0
    while await other.replays.step_once(3):
        await house.publish(house.event(f"new{number}", "c0"), node=other)
        await house.settle(other)
        clock.advance(ms=1)
        number += 1
    clock.advance(seconds=120)
    await other.dispatcher.sweep_once()
    await house.settle(other)
    sent = house.receiver.requests[sent_before:]
    again = [each for each in sent if each.headers.get("x-switchbay-origin") == "replay"]
    assert sorted(texts(again)) == sorted(words)
    for lane in (0, 1):
        assert [word for word in texts(again) if int(word[1:]) % 2 == lane] == words[lane::2]
    assert number > 2
    ended = await other.replays.get(ACCOUNT, begun.id)
    assert (ended.state, ended.replayed, ended.skipped, ended.progress) == (ReplayState.DONE, 11, 0, 1.0)
    assert {each.replay_id for each in await log(house, replay_id=begun.id)} == {begun.id}
    assert len(await log(house, replay_id=begun.id)) == 11


async def test_nodes_that_work_on_a_replay_at_once_send_each_event_once(
    house: House, accounts: Accounts, clock: ManualClock
) -> None:
    await house.configure(owner_of(house.endpoint()))
    words = [f"m{number}" for number in range(30)]
    await one_by_one(house, clock, *words)
    begun = await house.webhooks.replays.begin(ACCOUNT, everything(house), OPERATOR)
    nodes = [house.webhooks, house.node(), house.node()]

    async def work(node: Webhooks) -> None:
        while (await node.replays.get(ACCOUNT, begun.id)).state is ReplayState.RUNNING:
            await node.replays.step_once(2)

    await asyncio.gather(*(work(node) for node in nodes))
    await house.settle()
    made = await log(house, replay_id=begun.id)
    assert len(made) == len({each.event_id for each in made}) == 30
    assert texts(house.receiver.requests[30:]) == words


async def test_a_step_that_fails_leaves_no_trace_and_is_done_again(
    house: House, accounts: Accounts, clock: ManualClock
) -> None:
    await house.configure(owner_of(house.endpoint()))
    await one_by_one(house, clock, "a", "b")
    begun = await house.webhooks.replays.begin(ACCOUNT, everything(house), OPERATOR)
    replays = house.webhooks.replays
    append = replays._append

    async def append_and_die(*given: object) -> object:
        await append(*given)  # type: ignore[arg-type]  # as it was called
        raise RuntimeError

    replays._append = append_and_die  # type: ignore[assignment]  # dies at the worst moment
    with pytest.raises(RuntimeError):
        await replays.step_once()
    assert await replays.get(ACCOUNT, begun.id) == begun
    assert len(await log(house)) == 2
    replays._append = append
    await run(house)
    assert texts(house.receiver.requests) == ["a", "b", "a", "b"]


async def test_events_of_one_millisecond_keep_their_order(house: House, accounts: Accounts, clock: ManualClock) -> None:
    await house.configure(owner_of(house.endpoint()))
    words = [f"m{number}" for number in range(20)]
    await house.publish_each(words)
    await house.settle()
    clock.advance(ms=1)
    await house.webhooks.replays.begin(ACCOUNT, everything(house), OPERATOR)
    await run(house, most=3)
    assert texts(house.receiver.requests) == words + words


async def test_a_replay_takes_what_its_filter_wants(house: House, accounts: Accounts, clock: ManualClock) -> None:
    house.receiver.answer = lambda request: Answer(503 if request.body in {b"bad", b"worse"} else 200)
    await house.configure(owner_of(house.endpoint(CONTENT), house.endpoint(CHAT_STATE)))
    await house.configure(owner_of(house.endpoint(CONTENT), owner_id=OTHER_APP))
    start = clock.now_ms()
    for text, lane, key, owner_id in (
        ("good", "c1", CONTENT, APP),
        ("bad", "c1", CONTENT, APP),
        ("state", "c2", CHAT_STATE, APP),
        ("worse", "c2", CONTENT, OTHER_APP),
    ):
        await house.publish(house.event(text, lane, key=key, owner_id=owner_id))
        await house.settle()
        clock.advance(ms=1)
    house.receiver.answer = lambda _: Answer(200)
    whole = everything(house)

    async def again(wanted: ReplayFilter) -> list[str]:
        sent = len(house.receiver.requests)
        await house.webhooks.replays.begin(ACCOUNT, wanted, OPERATOR)
        await run(house)
        clock.advance(ms=1)
        return sorted(texts(house.receiver.requests[sent:]))

    assert await again(whole) == ["bad", "good", "state", "worse"]
    assert await again(replace(whole, owner_id=APP)) == ["bad", "good", "state"]
    assert await again(replace(whole, lane="c2")) == ["state", "worse"]
    assert await again(replace(whole, event_key=CHAT_STATE)) == ["state"]
    assert await again(replace(whole, status="failed")) == ["bad", "worse"]
    assert await again(replace(whole, outcome="503", lane="c1")) == ["bad"]
    assert await again(replace(whole, since=start + 1, until=start + 3)) == ["bad", "state"]
    assert await again(replace(whole, status="cancelled")) == []


async def test_events_that_nobody_takes_any_more_are_counted_as_skipped(
    house: House, accounts: Accounts, clock: ManualClock
) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.configure(owner_of(house.endpoint(), owner_id=OTHER_APP))
    await house.publish(house.event("a"), house.event("b", owner_id=OTHER_APP))
    await house.settle()
    clock.advance(ms=1)
    await house.remove(OTHER_APP)
    begun = await house.webhooks.replays.begin(ACCOUNT, everything(house), OPERATOR)
    await run(house)
    ended = await house.webhooks.replays.get(ACCOUNT, begun.id)
    assert (ended.replayed, ended.skipped, ended.state) == (1, 1, ReplayState.DONE)


async def test_what_is_pending_is_not_replayed(house: House, accounts: Accounts, clock: ManualClock) -> None:
    house.receiver.answer = lambda _: Answer(503)
    await house.configure(owner_of(house.endpoint(retries=1)))
    await one_by_one(house, clock, "a")
    begun = await house.webhooks.replays.begin(ACCOUNT, everything(house), OPERATOR)
    await run(house)
    assert (await house.webhooks.replays.get(ACCOUNT, begun.id)).replayed == 0
    assert len(await log(house)) == 1


async def test_a_cancelled_replay_queues_no_more_and_drops_what_it_queued(
    house: House, accounts: Accounts, clock: ManualClock
) -> None:
    idle = house.node(running=False)
    await house.configure(owner_of(house.endpoint()))
    start = clock.now_ms()
    await one_by_one(house, clock, "a", "b", "c", "d")
    begun = await house.webhooks.replays.begin(ACCOUNT, everything(house, start), OPERATOR)
    await idle.replays.step_once(2)
    assert [each.status for each in await log(house, replay_id=begun.id)] == ["pending", "pending"]
    ended = await idle.replays.cancel(ACCOUNT, begun.id, OPERATOR)
    assert (ended.state, ended.replayed, ended.progress) == (ReplayState.CANCELLED, 2, 0.5)
    assert await idle.replays.cancel(ACCOUNT, begun.id, OPERATOR) == ended
    await run(house, idle)
    await house.webhooks.dispatcher.sweep_once()
    await house.settle()
    assert [f"{each.status}:{each.reason}" for each in await log(house, replay_id=begun.id)] == [
        "cancelled:replay_cancelled",
        "cancelled:replay_cancelled",
    ]
    assert texts(house.receiver.requests) == ["a", "b", "c", "d"]
    assert await house.is_free()
    assert await actions(accounts) == ["replay.create", "replay.cancel"]


async def test_cancelling_a_replay_that_is_done_changes_nothing(
    house: House, accounts: Accounts, clock: ManualClock
) -> None:
    await house.configure(owner_of(house.endpoint()))
    await one_by_one(house, clock, "a")
    begun = await house.webhooks.replays.begin(ACCOUNT, everything(house), OPERATOR)
    await run(house)
    done = await house.webhooks.replays.get(ACCOUNT, begun.id)
    assert await house.webhooks.replays.cancel(ACCOUNT, begun.id, OPERATOR) == done
    assert await actions(accounts) == ["replay.create"]


@pytest.mark.parametrize(("since", "until"), [(0, 0), (5, 5), (6, 5), (0, 1), (1, 2)])
async def test_a_range_of_no_time_or_of_time_to_come_is_refused(
    house: House, accounts: Accounts, since: int, until: int
) -> None:
    now = house.clock.now_ms()
    shift = now if (since, until) in {(0, 1), (1, 2)} else 0
    wanted = replace(everything(house), since=since + shift, until=until + shift)
    with pytest.raises(AppError) as caught:
        await house.webhooks.replays.begin(ACCOUNT, wanted, OPERATOR)
    assert caught.value.code == "replay_range_invalid"
    assert await house.webhooks.replays.list(ACCOUNT, cursor=None, limit=10) == ([], None)


async def test_no_more_than_five_replays_run_in_an_account(
    house: House, accounts: Accounts, clock: ManualClock
) -> None:
    begun: list[Replay] = []
    for _ in range(5):
        begun.append(await house.webhooks.replays.begin(ACCOUNT, everything(house), OPERATOR))
        clock.advance(ms=1)
    with pytest.raises(AppError) as caught:
        await house.webhooks.replays.begin(ACCOUNT, everything(house), OPERATOR)
    assert caught.value.code == "replays_too_many"
    await run(house)
    await house.webhooks.replays.begin(ACCOUNT, everything(house), OPERATOR)
    first, cursor = await house.webhooks.replays.list(ACCOUNT, cursor=None, limit=4)
    rest, end = await house.webhooks.replays.list(ACCOUNT, cursor=cursor, limit=4)
    assert ([each.id for each in first[1:] + rest], end) == ([each.id for each in reversed(begun)], None)


async def test_a_manifest_cannot_pose_as_a_replay(house: House, accounts: Accounts, clock: ManualClock) -> None:
    await house.configure(owner_of(with_headers(house.endpoint(), ("X-Switchbay-Origin", "replay"))))
    await one_by_one(house, clock, "a")
    [request] = house.receiver.requests
    assert "x-switchbay-origin" not in request.headers
