"""Requests that arrive together: sequences stay without gap and repeat, whatever batches they fall into."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from support.messaging_stage import ACCOUNT, APP, CONSUMER, Stage, text
from switchbay.infra.machine import Randomness
from switchbay.messaging.domain import Command, ConsumerCaller, Event, EventKind, Publish
from switchbay.messaging.public import Limits, Messaging


async def test_fifty_sends_at_once_get_fifty_sequences(stage: Stage) -> None:
    conversation = await stage.open()
    answers = await asyncio.gather(*(stage.say(conversation, str(number)) for number in range(50)))
    assert sorted(answered.body["body"]["sequence"] for answered in answers) == list(range(50))
    changes = stage.webhooks.changes()[1:]
    assert [change["sequence"] for change in changes] == list(range(50))
    said = {answered.body["body"]["sequence"]: str(number) for number, answered in enumerate(answers)}
    assert [change["event"]["message"] for change in changes] == [said[sequence] for sequence in range(50)]


def publish(conversation: str) -> Command:
    event = Event(EventKind.CONTENT, '{"type":"ContentEvent","contentType":"text/plain","message":"hi"}')
    return Command(ACCOUNT, ConsumerCaller(APP, CONSUMER), conversation, (Publish("", event),))


@pytest.fixture
async def other_node(stage: Stage, randomness: Randomness) -> AsyncIterator[Messaging]:
    """Another node on the same database."""
    other = Messaging(stage.db, stage.clock, randomness, stage.webhooks, stage.accounts, Limits())
    yield other
    await other.stop()


async def test_two_nodes_share_the_sequences_of_a_conversation(stage: Stage, other_node: Messaging) -> None:
    conversation = await stage.open()
    nodes = (stage.messaging, other_node)
    outcomes = await asyncio.gather(*(nodes[number % 2].submit(publish(conversation)) for number in range(60)))
    assert sorted(outcome.sequences[0] for outcome in outcomes) == list(range(60))


async def test_batches_that_cross_on_two_nodes_all_come_through(stage: Stage, other_node: Messaging) -> None:
    conversations = [await stage.open() for _ in range(6)]
    forward = [stage.messaging.submit(publish(conversation)) for _ in range(20) for conversation in conversations]
    backward = [other_node.submit(publish(conversation)) for _ in range(20) for conversation in reversed(conversations)]
    await asyncio.gather(*(one for pair in zip(forward, backward, strict=True) for one in pair))
    for conversation in conversations:
        found = await stage.messaging.get_conversation(ACCOUNT, conversation)
        assert found.main.next_sequence == 40


async def test_a_close_among_sends_refuses_those_behind_it(stage: Stage) -> None:
    conversation = await stage.open()
    answers = await asyncio.gather(
        *(stage.say(conversation) for _ in range(10)),
        stage.close(conversation),
        *(stage.say(conversation) for _ in range(10)),
    )
    statuses = [answered.status for answered in answers]
    accepted = [answered for answered in answers if answered.status == 200 and "sequence" in answered.body["body"]]
    assert statuses[10] == 200
    assert set(statuses) <= {200, 409}
    assert (await stage.rows())["events"] == len(accepted)
    assert stage.webhooks.keys[-1] == "cqm.ExConversationChangeNotification"


async def test_a_refused_request_does_not_disturb_its_neighbours(stage: Stage) -> None:
    conversation = await stage.open()
    bad = {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [99_999]}
    answers = await asyncio.gather(
        *(stage.publish(conversation, text() if number % 2 else bad) for number in range(40))
    )
    assert [answered.status for answered in answers] == [200 if number % 2 else 400 for number in range(40)]
    assert sorted(answered.body["body"]["sequence"] for answered in answers[1::2]) == list(range(20))


async def test_many_first_conversations_of_one_consumer_have_one_first(stage: Stage) -> None:
    await asyncio.gather(*(stage.open() for _ in range(12)))
    details = [change["result"]["conversationDetails"] for change in stage.webhooks.changes()]
    assert sorted(one["firstConversation"] for one in details) == [False] * 11 + [True]


async def test_profiles_told_at_once_are_all_merged(stage: Stage) -> None:
    answers = await asyncio.gather(
        *(stage.send("userprofile.SetUserProfile", {f"member{number}": number}) for number in range(12))
    )
    assert {answered.status for answered in answers} == {200}
    found = await stage.messaging.find_consumer(ACCOUNT, CONSUMER)
    assert found is not None
    assert found.profile == {f"member{number}": number for number in range(12)}
