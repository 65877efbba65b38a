"""Agents who come and go: grace, back to the queue, several sockets, several nodes, nodes that die."""

import asyncio
from dataclasses import replace

import pytest

from support.messaging_stage import ACCOUNT
from support.routing_stage import ANN, BEN, CAT, GRACE_MS, LEASE_MS, RING_MS, Node, RoutingStage
from switchbay.messaging.domain import AddParticipant, Command, SuggestAgent, SystemCaller
from switchbay.messaging.domain import Role as Part
from switchbay.messaging.routing.domain import AgentStateChanged, Availability


async def answered_by_ann(routed: RoutingStage) -> str:
    conversation = await routed.open("77")
    await routed.node.come(ANN)
    await routed.node.accept(ANN)
    return conversation


async def availability(routed: RoutingStage, user_pid: str = ANN) -> str:
    return (await routed.node.routing.agent_state(ACCOUNT, user_pid)).availability.value


async def test_the_conversations_of_who_goes_away_go_back_to_the_queue_of_their_skill(routed: RoutingStage) -> None:
    conversation = await answered_by_ann(routed)
    await routed.node.come(BEN)
    ringing = await routed.open("78")
    assert await routed.rung() == {BEN: [ringing]}
    await routed.node.accept(BEN)
    routed.node.told.clear()
    await routed.node.go(ANN)
    await routed.wait(GRACE_MS - 1)
    assert (await routed.assigned(conversation), await availability(routed)) == (ANN, "ONLINE")
    await routed.wait(1)
    assert (await routed.assigned(conversation), await availability(routed)) == (None, "OFFLINE")
    assert (await routed.get(conversation)).skill_id == "77"
    assert await routed.rung() == {BEN: [conversation]}
    states = [item for item in routed.node.told if isinstance(item, AgentStateChanged)]
    assert states == [AgentStateChanged(ACCOUNT, ANN, Availability.OFFLINE, ("MESSAGING",), "")]


async def test_who_comes_back_in_time_keeps_state_rings_and_conversations(routed: RoutingStage) -> None:
    conversation = await answered_by_ann(routed)
    ringing = await routed.open()
    ring = await routed.node.ring(ANN)
    await routed.node.go(ANN)
    await routed.wait(GRACE_MS - 1)
    await routed.node.routing.agent_connected(ACCOUNT, ANN, "another socket")
    await routed.wait(GRACE_MS)
    assert (await routed.assigned(conversation), await availability(routed)) == (ANN, "ONLINE")
    assert await routed.node.rings(ANN) == [(ringing, ring)]


async def test_who_is_waited_for_is_not_rung(routed: RoutingStage) -> None:
    await routed.node.come(ANN)
    await routed.node.go(ANN)
    conversation = await routed.open()
    assert await routed.rung() == {}
    await routed.node.routing.agent_connected(ACCOUNT, ANN, "another socket")
    await routed.node.routing.settle()
    assert await routed.rung() == {ANN: [conversation]}


async def test_the_rings_of_who_goes_away_go_to_others(routed: RoutingStage) -> None:
    conversation = await routed.open()
    await routed.node.come(ANN)
    await routed.node.come(BEN)
    await routed.node.go(ANN)
    await routed.wait(GRACE_MS)
    assert await routed.rung() == {BEN: [conversation]}
    assert routed.node.states(ANN) == [("UPSERT", "WAITING"), ("UPSERT", "CANCELLED"), ("DELETE", "CANCELLED")]


async def test_an_account_may_leave_conversations_with_who_goes_away(routed: RoutingStage) -> None:
    routed.book.account = replace(routed.book.account, requeue_on_disconnect=False)
    conversation = await answered_by_ann(routed)
    await routed.node.go(ANN)
    await routed.wait(GRACE_MS)
    assert (await routed.assigned(conversation), await availability(routed)) == (ANN, "OFFLINE")


async def test_who_said_offline_before_they_went_gives_their_conversations_back_too(routed: RoutingStage) -> None:
    conversation = await answered_by_ann(routed)
    await routed.node.routing.set_agent_state(ACCOUNT, ANN, "OFFLINE")
    await routed.node.routing.settle()
    await routed.wait(GRACE_MS)
    assert await routed.assigned(conversation) == ANN
    routed.node.told.clear()
    await routed.node.go(ANN)
    await routed.wait(GRACE_MS)
    assert await routed.assigned(conversation) is None
    assert [item for item in routed.node.told if isinstance(item, AgentStateChanged)] == []


async def test_one_socket_of_two_is_enough(routed: RoutingStage) -> None:
    conversation = await answered_by_ann(routed)
    await routed.node.routing.agent_connected(ACCOUNT, ANN, "second")
    await routed.node.go(ANN)
    await routed.node.routing.agent_disconnected(ACCOUNT, ANN, "never heard of")
    await routed.wait(GRACE_MS)
    assert await routed.assigned(conversation) == ANN
    await routed.node.routing.agent_disconnected(ACCOUNT, ANN, "second")
    await routed.wait(GRACE_MS)
    assert await routed.assigned(conversation) is None


async def test_an_agent_who_never_connects_is_online_for_the_grace_only(routed: RoutingStage) -> None:
    await routed.node.routing.set_agent_state(ACCOUNT, ANN, "ONLINE")
    await routed.open()
    assert (await availability(routed), await routed.rung()) == ("ONLINE", {})
    await routed.wait(GRACE_MS)
    assert await availability(routed) == "OFFLINE"


async def test_a_state_is_told_when_it_changes_and_kept_with_its_time(routed: RoutingStage) -> None:
    await routed.node.come(ANN)
    await routed.wait(1_000)
    await routed.node.come(ANN)
    assert len([item for item in routed.node.told if isinstance(item, AgentStateChanged)]) == 1
    state = await routed.node.routing.agent_state(ACCOUNT, ANN)
    assert (state.availability, state.channels, state.description, state.is_connected) == (
        Availability.ONLINE,
        ("MESSAGING",),
        "",
        True,
    )
    assert state.changed_at == routed.clock.now_ms() - 1_000
    states = await routed.node.routing.agent_states(ACCOUNT, [ANN, BEN])
    assert {pid: one.availability.value for pid, one in states.items()} == {ANN: "ONLINE", BEN: "OFFLINE"}


@pytest.fixture
def other(routed: RoutingStage) -> Node:
    """Another node on the same database."""
    return routed.add_node()


async def test_an_agent_of_another_node_is_rung_and_answers_there(routed: RoutingStage, other: Node) -> None:
    await other.come(ANN)
    conversation = await routed.open()
    assert await routed.rung() == {ANN: [conversation]}
    await other.accept(ANN)
    assert await routed.assigned(conversation) == ANN


async def test_an_agent_who_moves_to_another_node_is_not_missed(routed: RoutingStage, other: Node) -> None:
    conversation = await answered_by_ann(routed)
    await other.routing.agent_connected(ACCOUNT, ANN, "there")
    await routed.node.go(ANN)
    await routed.wait(GRACE_MS)
    assert await routed.assigned(conversation) == ANN


async def test_the_agents_of_a_node_that_was_killed_go_away(routed: RoutingStage, other: Node) -> None:
    conversation = await answered_by_ann(routed)
    await other.come(BEN)
    routed.clock.advance(ms=LEASE_MS - 1)
    await other.routing.settle(sweeps=True)
    assert (await other.routing.agent_state(ACCOUNT, ANN)).is_connected
    await other.routing.renew()
    routed.clock.advance(ms=1)
    await other.routing.settle(sweeps=True)
    states = await other.routing.agent_states(ACCOUNT, [ANN, BEN])
    assert {pid: one.is_connected for pid, one in states.items()} == {ANN: False, BEN: True}
    routed.clock.advance(ms=GRACE_MS)
    await other.routing.settle(sweeps=True)
    assert (await other.rings(BEN))[0][0] == conversation
    assert (await other.routing.agent_state(ACCOUNT, ANN)).availability is Availability.OFFLINE


async def test_a_node_that_was_taken_for_dead_tells_again_who_is_there(routed: RoutingStage, other: Node) -> None:
    conversation = await answered_by_ann(routed)
    routed.clock.advance(ms=LEASE_MS)
    await other.routing.settle(sweeps=True)
    assert not (await other.routing.agent_state(ACCOUNT, ANN)).is_connected
    await routed.node.routing.renew()
    assert (await other.routing.agent_state(ACCOUNT, ANN)).is_connected
    routed.clock.advance(ms=GRACE_MS)
    await other.routing.settle(sweeps=True)
    assert await routed.assigned(conversation) == ANN


async def test_a_node_that_stops_lets_its_agents_go_at_once(routed: RoutingStage, other: Node) -> None:
    await other.come(ANN)
    await other.routing.stop()
    assert not (await routed.node.routing.agent_state(ACCOUNT, ANN)).is_connected


async def test_what_a_killed_node_left_is_seen_to_by_another(routed: RoutingStage, other: Node) -> None:
    await other.come(BEN)
    waiting = await routed.open(settle=False)  # and the node is gone before it could ring
    await other.routing.settle(sweeps=True)
    assert await routed.rung() == {BEN: [waiting]}
    await other.come(CAT)
    routed.clock.advance(ms=RING_MS)
    await other.routing.renew()
    await other.routing.settle()
    assert await routed.rung() == {CAT: [waiting]}


async def test_a_transfer_that_a_killed_node_left_rings_all_the_same(routed: RoutingStage, other: Node) -> None:
    await other.come(BEN, "OCCUPIED")
    conversation = await routed.open(settle=False)
    suggests = Command(ACCOUNT, SystemCaller(), conversation, (SuggestAgent(BEN),))
    await routed.node.messaging.submit(suggests)  # and the node is gone before it could ring
    await other.routing.settle(sweeps=True)
    assert await routed.rung() == {BEN: [conversation]}


async def test_two_nodes_never_ring_one_conversation_twice_nor_an_agent_too_often(
    routed: RoutingStage, other: Node
) -> None:
    routed.book.account = replace(routed.book.account, agent_capacity=3)
    conversations = [await routed.open(settle=False) for _ in range(8)]

    async def come(node: Node, pid: str) -> None:
        await node.routing.agent_connected(ACCOUNT, pid, "socket")
        await node.routing.set_agent_state(ACCOUNT, pid, "ONLINE")

    await asyncio.gather(come(routed.node, ANN), come(other, BEN))
    await asyncio.gather(*(node.routing.settle(sweeps=True) for node in (routed.node, other) for _ in range(4)))
    rung = await routed.rung()
    assert {pid: len(found) for pid, found in rung.items()} == {ANN: 3, BEN: 3}
    assert sorted([*rung[ANN], *rung[BEN]]) == sorted(conversations[:6])


async def test_many_agents_who_answer_at_once_on_two_nodes_each_get_their_own(
    routed: RoutingStage, other: Node
) -> None:
    routed.book.account = replace(routed.book.account, agent_capacity=4)
    conversations = [await routed.open(settle=False) for _ in range(10)]
    for node, pid in ((routed.node, ANN), (other, BEN), (other, CAT)):
        await node.come(pid)
    homes = {ANN: routed.node, BEN: other, CAT: other}
    rings = [(pid, ring) for pid, node in homes.items() for _, ring in await node.rings(pid)]
    await asyncio.gather(*(homes[pid].routing.answer_ring(ACCOUNT, pid, ring, "ACCEPTED") for pid, ring in rings))
    assigned = [await routed.assigned(one) for one in conversations]
    assert sorted(assigned.count(pid) for pid in homes) == [2, 4, 4]


async def test_waiting_conversations_cost_no_step_while_nobody_is_online(
    routed: RoutingStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await routed.node.come(ANN, "AWAY")
    await routed.open(settle=False)
    works: list[object] = []
    monkeypatch.setattr(routed.db, "write", works.append)
    await routed.node.routing.settle(sweeps=True)
    assert works == []


async def test_who_joins_without_a_socket_keeps_what_they_have(routed: RoutingStage) -> None:
    conversation = await routed.open()
    await routed.take(conversation, AddParticipant(CAT, Part.ASSIGNED_AGENT), by=CAT)
    await routed.wait(10 * GRACE_MS)
    assert await routed.assigned(conversation) == CAT


async def test_the_background_work_rings_by_itself(routed: RoutingStage) -> None:
    rung = asyncio.Event()
    routed.node.routing.listen(lambda _items: rung.set())
    await routed.node.routing.start()
    await routed.node.routing.agent_connected(ACCOUNT, ANN, "socket")
    await routed.node.routing.set_agent_state(ACCOUNT, ANN, "ONLINE")
    rung.clear()
    conversation = await routed.open(settle=False)
    await asyncio.wait_for(rung.wait(), 10)
    assert await routed.rung() == {ANN: [conversation]}
