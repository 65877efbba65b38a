"""Rings: made, answered, expired, rung again; urgency, capacity, skills, transfers to an agent."""

import asyncio
from dataclasses import replace

import pytest

from support.messaging_stage import ACCOUNT
from support.routing_stage import ANN, BEN, CAT, GRACE_MS, PAUSE_MS, RING_MS, RoutingStage
from switchbay.accounts.public import OPERATOR, Role, User
from switchbay.kit.errors import AppError
from switchbay.messaging.domain import (
    AddParticipant,
    CloseConversation,
    CloseDialog,
    RemoveParticipant,
    SetSkill,
    SuggestAgent,
    Survey,
)
from switchbay.messaging.domain import Role as Part
from switchbay.messaging.routing.configuration import AgentChange
from switchbay.messaging.routing.domain import RoutingTask, RoutingTaskChanged

JOINS_ANN = AddParticipant(ANN, Part.ASSIGNED_AGENT)


async def refused(stage: RoutingStage, user_pid: str, ring_id: str) -> tuple[int, str]:
    with pytest.raises(AppError) as caught:
        await stage.node.routing.answer_ring(ACCOUNT, user_pid, ring_id, "ACCEPTED")
    return caught.value.kind.http_status, caught.value.code


async def test_a_waiting_conversation_rings_once_and_its_agent_becomes_the_assigned_one(routed: RoutingStage) -> None:
    conversation = await routed.open()
    assert await routed.rung() == {}
    await routed.node.come(ANN)
    now = routed.clock.now_ms()
    [told] = [item for item in routed.node.told if isinstance(item, RoutingTaskChanged)]
    assert (told.account_id, told.user_pid, told.type) == (ACCOUNT, ANN, "UPSERT")
    [ring] = told.task.rings
    assert ring.ring_id == f"{conversation}_{ACCOUNT}_{now}"
    assert (ring.expiration, ring.expires_at, ring.weight) == (RING_MS, now + RING_MS, now + 600_000)
    consumer = (await routed.get(conversation)).consumer_id
    assert told.task == RoutingTask(
        told.task.task_id, ACCOUNT, ANN, conversation, consumer, "-1", is_completed=False, rings=(ring,)
    )
    assert await routed.node.routing.open_tasks(ACCOUNT, ANN) == [told.task]
    await routed.node.accept(ANN)
    assert await routed.assigned(conversation) == ANN
    assert await routed.rung() == {}
    assert routed.node.states(ANN) == [("UPSERT", "WAITING"), ("UPSERT", "ACCEPTED"), ("DELETE", "ACCEPTED")]


async def test_two_agents_accept_one_ring_one_wins(routed: RoutingStage) -> None:
    other = routed.add_node()
    conversation = await routed.open()
    await routed.node.come(ANN)
    ring = await routed.node.ring(ANN)
    answers = await asyncio.gather(
        *(node.routing.answer_ring(ACCOUNT, ANN, ring, "ACCEPTED") for node in (routed.node, other) for _ in range(4)),
        routed.node.routing.answer_ring(ACCOUNT, BEN, ring, "ACCEPTED"),
        return_exceptions=True,
    )
    codes = [one.code if isinstance(one, AppError) else one for one in answers]
    assert sorted(map(str, codes[:-1])) == ["None"] + ["ring_ended"] * 7
    assert codes[-1] == "ring_foreign"
    assert await routed.assigned(conversation) == ANN
    assert (await routed.get(conversation)).revision == 1


async def test_whoever_joins_by_themselves_overtakes_the_ring(routed: RoutingStage) -> None:
    conversation = await routed.open()
    await routed.node.come(BEN)
    ring = await routed.node.ring(BEN)
    await routed.take(conversation, JOINS_ANN, by=ANN)
    assert await refused(routed, BEN, ring) == (400, "ring_ended")
    assert await routed.assigned(conversation) == ANN
    assert routed.node.states(BEN) == [("UPSERT", "WAITING"), ("UPSERT", "CANCELLED"), ("DELETE", "CANCELLED")]


async def test_a_join_and_an_answer_at_once_have_one_winner(routed: RoutingStage) -> None:
    for _ in range(5):
        conversation = await routed.open()
        if not await routed.rung((BEN,)):
            await routed.node.come(BEN)
        ring = await routed.node.ring(BEN)
        await asyncio.gather(
            routed.take(conversation, JOINS_ANN, by=ANN),
            routed.node.routing.answer_ring(ACCOUNT, BEN, ring, "ACCEPTED"),
            return_exceptions=True,
        )
        assert await routed.assigned(conversation) in {ANN, BEN}
        assert await routed.rung() == {}


async def test_a_closed_conversation_rings_no_more(routed: RoutingStage) -> None:
    conversation = await routed.open()
    await routed.node.come(ANN)
    ring = await routed.node.ring(ANN)
    await routed.take(conversation, CloseConversation())
    assert await routed.rung() == {}
    assert await refused(routed, ANN, ring) == (400, "ring_ended")
    assert routed.node.states(ANN)[1:] == [("UPSERT", "CANCELLED"), ("DELETE", "CANCELLED")]


@pytest.mark.parametrize("ring", ["unknown", "", "a\x00b", "é", "x" * 200])
async def test_an_unknown_ring_is_not_found(routed: RoutingStage, ring: str) -> None:
    assert await refused(routed, ANN, ring) == (404, "ring_unknown")


async def test_the_ring_of_another_agent_is_forbidden_and_stays(routed: RoutingStage) -> None:
    conversation = await routed.open()
    await routed.node.come(ANN)
    ring = await routed.node.ring(ANN)
    assert await refused(routed, BEN, ring) == (403, "ring_foreign")
    assert await routed.rung() == {ANN: [conversation]}


async def test_a_ring_expires_and_rings_at_another(routed: RoutingStage) -> None:
    conversation = await routed.open()
    await routed.node.come(ANN)
    await routed.node.come(BEN)
    ring = await routed.node.ring(ANN)
    await routed.wait(RING_MS - 1)
    assert await routed.rung() == {ANN: [conversation]}
    await routed.wait(1)
    assert await routed.rung() == {BEN: [conversation]}
    assert routed.node.states(ANN) == [("UPSERT", "WAITING"), ("UPSERT", "EXPIRED"), ("DELETE", "EXPIRED")]
    assert await refused(routed, ANN, ring) == (400, "ring_ended")


async def test_an_answer_after_the_time_is_refused_even_if_nobody_has_noticed(routed: RoutingStage) -> None:
    conversation = await routed.open()
    await routed.node.come(ANN)
    ring = await routed.node.ring(ANN)
    routed.clock.advance(ms=RING_MS)
    assert await refused(routed, ANN, ring) == (400, "ring_ended")
    assert await routed.assigned(conversation) is None


async def test_the_only_agent_is_rung_again_after_a_pause(routed: RoutingStage) -> None:
    conversation = await routed.open()
    await routed.node.come(ANN)
    first = await routed.node.ring(ANN)
    await routed.node.reject(ANN)
    assert routed.node.states(ANN)[1:] == [("UPSERT", "REJECTED"), ("DELETE", "REJECTED")]
    await routed.wait(PAUSE_MS - 1)
    assert await routed.rung() == {}
    await routed.wait(1)
    assert await routed.rung() == {ANN: [conversation]}
    assert await routed.node.ring(ANN) != first


async def test_a_rejected_ring_goes_to_another_at_once(routed: RoutingStage) -> None:
    conversation = await routed.open()
    await routed.node.come(ANN)
    await routed.node.come(BEN)
    await routed.node.reject(ANN)
    assert await routed.rung() == {BEN: [conversation]}
    await routed.node.accept(BEN)
    assert await routed.assigned(conversation) == BEN


async def test_the_urgent_one_rings_first_then_the_one_that_waits_longest(routed: RoutingStage) -> None:
    routed.book.account = replace(routed.book.account, agent_capacity=1)
    first = await routed.open()
    routed.clock.advance(ms=1_000)
    second = await routed.open()
    routed.clock.advance(ms=1_000)
    urgent = await routed.open(ttr_seconds=60)
    await routed.node.come(ANN)
    answered = []
    for _ in range(3):
        [[conversation]] = (await routed.rung()).values()
        answered.append(conversation)
        await routed.node.accept(ANN)
        await routed.take(conversation, CloseConversation())
    assert answered == [urgent, first, second]


async def test_nobody_gets_more_than_their_capacity(routed: RoutingStage) -> None:
    routed.book.account = replace(routed.book.account, agent_capacity=2)
    conversations = [await routed.open() for _ in range(5)]
    await routed.node.come(ANN)
    await routed.node.come(BEN)
    assert {pid: len(found) for pid, found in (await routed.rung()).items()} == {ANN: 2, BEN: 2}
    for _, ring in await routed.node.rings(ANN):
        await routed.node.accept(ANN, ring)
    assert {pid: len(found) for pid, found in (await routed.rung()).items()} == {BEN: 2}
    done = [one for one in conversations if await routed.assigned(one) == ANN]
    await routed.take(done[0], CloseConversation())
    assert {pid: len(found) for pid, found in (await routed.rung()).items()} == {ANN: 1, BEN: 2}


async def test_a_survey_after_a_conversation_takes_no_room(routed: RoutingStage) -> None:
    routed.book.account = replace(routed.book.account, agent_capacity=1)
    first = await routed.open()
    await routed.node.come(ANN)
    await routed.node.accept(ANN)
    second = await routed.open()
    assert await routed.rung() == {}
    survey = Survey(routed.node.messaging.new_conversation_id(), "bot")
    await routed.take(first, CloseDialog(first, survey=survey))
    assert (await routed.get(first)).stage == "OPEN"
    assert await routed.rung() == {ANN: [second]}


async def test_an_agent_may_have_a_capacity_and_skills_of_their_own(routed: RoutingStage) -> None:
    configuration = routed.node.routing.configuration
    billing = await configuration.create_skill(ACCOUNT, "Billing", "", OPERATOR)
    sales = await configuration.create_skill(ACCOUNT, "Sales", "", OPERATOR)
    assert (billing.skill_id, sales.skill_id) == ("1", "2")
    for pid, skill in ((ANN, billing), (BEN, sales)):
        await configuration.update_agent(
            ACCOUNT, user(pid), AgentChange(skill_ids=(skill.skill_id,), capacity=2), OPERATOR
        )
        await routed.node.come(pid)
    about_sales = await routed.open(sales.skill_id)
    about_what_nobody_knows = await routed.open("77")
    assert await routed.rung() == {BEN: [about_sales]}
    about_anything = await routed.open()
    assert await routed.rung() == {ANN: [about_anything], BEN: [about_sales]}
    more = [await routed.open(sales.skill_id) for _ in range(2)]
    assert await routed.rung() == {ANN: [about_anything], BEN: [about_sales, more[0]]}
    await routed.node.come(CAT)
    assert sorted((await routed.rung())[CAT]) == sorted([about_what_nobody_knows, more[1]])


def user(pid: str) -> User:
    return User(ACCOUNT, pid[-2:], pid, "name", "Name", frozenset({Role.AGENT}), True, 0, 0)


async def test_another_skill_ends_the_ring_and_rings_at_who_has_it(routed: RoutingStage) -> None:
    configuration = routed.node.routing.configuration
    skill = await configuration.create_skill(ACCOUNT, "Billing", "", OPERATOR)
    conversation = await routed.open("77")
    await routed.node.come(CAT)
    await configuration.update_agent(ACCOUNT, user(ANN), AgentChange(skill_ids=(skill.skill_id,)), OPERATOR)
    await routed.node.come(ANN)
    assert await routed.rung() == {CAT: [conversation]}
    await routed.take(conversation, SetSkill(skill.skill_id))
    assert await routed.rung() == {ANN: [conversation]}
    assert routed.node.states(CAT)[1:] == [("UPSERT", "CANCELLED"), ("DELETE", "CANCELLED")]


async def transferred_to(routed: RoutingStage, target: str) -> str:
    """A conversation that Ann has had and gives to somebody."""
    conversation = await routed.open(settle=False)
    await routed.take(conversation, JOINS_ANN, by=ANN)
    await routed.take(conversation, RemoveParticipant(ANN), SuggestAgent(target), by=ANN)
    return conversation


async def test_a_transfer_to_an_agent_rings_only_there_whatever_their_capacity(routed: RoutingStage) -> None:
    routed.book.account = replace(routed.book.account, agent_capacity=1)
    await routed.node.come(BEN, "OCCUPIED")
    await routed.node.come(CAT)
    conversations = [await transferred_to(routed, BEN) for _ in range(2)]
    assert await routed.rung() == {BEN: conversations}
    for _, ring in await routed.node.rings(BEN):
        await routed.node.accept(BEN, ring)
    assert [await routed.assigned(one) for one in conversations] == [BEN, BEN]


async def test_a_rejected_transfer_goes_to_the_queue_of_its_skill(routed: RoutingStage) -> None:
    await routed.node.come(BEN)
    await routed.node.come(CAT)
    conversation = await transferred_to(routed, BEN)
    await routed.node.reject(BEN)
    assert (await routed.get(conversation)).suggested is None
    assert await routed.rung() == {CAT: [conversation]}


async def test_a_transfer_that_nobody_answers_goes_to_the_queue_of_its_skill(routed: RoutingStage) -> None:
    await routed.node.come(BEN)
    conversation = await transferred_to(routed, BEN)
    await routed.node.come(CAT)
    await routed.wait(RING_MS)
    assert (await routed.get(conversation)).suggested is None
    assert await routed.rung() == {CAT: [conversation]}
    assert routed.node.states(BEN) == [("UPSERT", "WAITING"), ("UPSERT", "EXPIRED"), ("DELETE", "EXPIRED")]


@pytest.mark.parametrize("availability", ["AWAY", "BACK_SOON", "OFFLINE"])
async def test_a_transfer_to_who_takes_nothing_is_taken_back(routed: RoutingStage, availability: str) -> None:
    await routed.node.come(BEN, availability)
    await routed.node.come(CAT)
    conversation = await transferred_to(routed, BEN)
    assert (await routed.get(conversation)).suggested is None
    assert await routed.rung() == {CAT: [conversation]}


async def test_a_transfer_is_taken_back_when_its_agent_goes_away_while_it_rings(routed: RoutingStage) -> None:
    await routed.node.come(BEN)
    conversation = await transferred_to(routed, BEN)
    await routed.node.routing.set_agent_state(ACCOUNT, BEN, "AWAY")
    await routed.node.routing.settle()
    assert (await routed.get(conversation)).suggested is None
    assert routed.node.states(BEN) == [("UPSERT", "WAITING"), ("UPSERT", "CANCELLED"), ("DELETE", "CANCELLED")]


async def test_a_transfer_waits_for_who_has_just_lost_the_connection(routed: RoutingStage) -> None:
    await routed.node.come(BEN)
    await routed.node.go(BEN)
    conversation = await transferred_to(routed, BEN)
    suggested = (await routed.get(conversation)).suggested
    assert suggested is not None
    assert suggested.id == BEN
    await routed.node.come(BEN)
    assert await routed.rung() == {BEN: [conversation]}
    await routed.node.go(BEN)
    await routed.wait(GRACE_MS)
    assert (await routed.get(conversation)).suggested is None


async def test_who_is_not_online_is_not_rung_and_loses_what_rings(routed: RoutingStage) -> None:
    conversation = await routed.open()
    for availability in ("OCCUPIED", "AWAY", "BACK_SOON", "OFFLINE"):
        await routed.node.come(ANN, availability)
        assert await routed.rung() == {}
        await routed.node.come(ANN)
        assert await routed.rung() == {ANN: [conversation]}
    await routed.node.routing.set_agent_state(ACCOUNT, ANN, "BACK_SOON")
    assert await routed.rung() == {}
    assert routed.node.states(ANN)[-2:] == [("UPSERT", "CANCELLED"), ("DELETE", "CANCELLED")]


@pytest.mark.parametrize("answer", ["EXPIRED", "WAITING", "accepted", ""])
async def test_a_ring_takes_two_answers_only(routed: RoutingStage, answer: str) -> None:
    conversation = await routed.open()
    await routed.node.come(ANN)
    with pytest.raises(AppError) as caught:
        await routed.node.routing.answer_ring(ACCOUNT, ANN, await routed.node.ring(ANN), answer)
    assert caught.value.code == "ring_answer_invalid"
    assert await routed.rung() == {ANN: [conversation]}


@pytest.mark.parametrize(
    ("availability", "channels"), [("online", ["MESSAGING"]), ("", []), ("AWAY", ["x" * 65]), ("AWAY", ["x"] * 17)]
)
async def test_a_state_that_is_none_is_refused(routed: RoutingStage, availability: str, channels: list[str]) -> None:
    await routed.node.come(ANN)
    with pytest.raises(AppError) as caught:
        await routed.node.routing.set_agent_state(ACCOUNT, ANN, availability, channels)
    assert caught.value.code == "agent_state_invalid"
    assert (await routed.node.routing.agent_state(ACCOUNT, ANN)).availability == "ONLINE"


async def test_rings_that_ended_long_ago_are_forgotten(routed: RoutingStage) -> None:
    first = await routed.open()
    await routed.node.come(ANN)
    ring = await routed.node.ring(ANN)
    await routed.take(first, CloseConversation())
    await routed.wait(3_600_000 - 1)
    second = await routed.open()
    await routed.node.routing.purge_once()
    assert await refused(routed, ANN, ring) == (400, "ring_ended")
    await routed.wait(1)
    await routed.node.routing.purge_once()
    assert await refused(routed, ANN, ring) == (404, "ring_unknown")
    assert await routed.rung() == {ANN: [second]}
