"""A consumer's socket: what it is told, when, and what it is never told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from support.consumer_socket import Consumers, serve_consumers, until
from support.files_house import TEXT, file_event
from support.messaging_stage import ACCOUNT, CONSUMER, Stage, text
from switchbay.accounts.public import OPERATOR, AccountChange
from switchbay.infra.machine import Randomness
from switchbay.messaging.domain import (
    AgentCaller,
    CloseConversation,
    Command,
    ConsumerCaller,
    Event,
    EventKind,
    OpenDialog,
    Publish,
)
from switchbay.messaging.public import Limits, Messaging

KEY = ".switchbay.headers.IdempotencyKey"


@pytest.fixture
async def consumers(stage: Stage) -> AsyncIterator[Consumers]:
    async with serve_consumers(stage) as served:
        yield served


def keyed(key: str) -> list[dict[str, str]]:
    return [{"type": KEY, "key": key}]


async def agent_says(consumers: Consumers, conversation: str, message: str, **query: str) -> int:
    path = f"/{conversation}/events" + "".join(f"?{name}={value}" for name, value in query.items())
    answered = await consumers.stage.agent("POST", path, text(message))
    assert answered.status == 200, answered.body
    return int(answered.body["sequence"])


async def agent_joins(consumers: Consumers, conversation: str) -> None:
    assert (await consumers.stage.agent("POST", f"/{conversation}/join")).status == 200


def messages(events: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(event["sequence"], event["event"]["message"]) for event in events]


# Conversations


async def test_a_consumer_opens_a_conversation_without_an_application(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        subscription = (await kim.done("cqm.SubscribeExConversations", {"convState": ["OPEN"]}))["subscriptionId"]
        answer = await kim.request("cm.ConsumerRequestConversation", {"skillId": "7"})
        assert (answer["code"], answer["type"]) == (200, "cm.RequestConversationResponse")
        conversation = answer["body"]["conversationId"]
        body = await kim.notification("ExConversationChangeNotification")
    assert kim.frames[-1]["type"] == "cqm.ExConversationChangeNotification"
    assert body["subscriptionId"] == subscription
    (change,) = body["changes"]
    details = change["result"]["conversationDetails"]
    assert (change["type"], change["result"]["convId"]) == ("UPSERT", conversation)
    assert (details["skillId"], details["state"], details["brandId"]) == ("7", "OPEN", ACCOUNT)
    assert details["participants"] == [{"id": CONSUMER, "role": "CONSUMER"}]
    stored = await consumers.stage.messaging.get_conversation(ACCOUNT, conversation)
    assert (stored.consumer_id, stored.installation_id) == (CONSUMER, "")


async def test_a_subscription_begins_with_what_there_is(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        first = await kim.open()
        consumers.stage.clock.advance(seconds=1)
        second = await kim.open()
        close = {"field": "ConversationStateField", "conversationState": "CLOSE"}
        await kim.done("cm.UpdateConversationField", {"conversationId": first, "conversationField": close})
        await kim.done("cqm.SubscribeExConversations", {})
        both = await kim.notification("ExConversationChangeNotification")
        await kim.done("cqm.SubscribeExConversations", {"convState": ["OPEN"]})
        open_ones = await kim.notification("ExConversationChangeNotification")
    assert [one["result"]["convId"] for one in both["changes"]] == [second, first]
    assert [one["result"]["convId"] for one in open_ones["changes"]] == [second]


async def test_a_conversation_that_does_not_match_any_more_is_told_once(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        await kim.done("cqm.SubscribeExConversations", {"convState": ["OPEN"]})
        conversation = await kim.open()
        close = {"field": "ConversationStateField", "conversationState": "CLOSE"}
        await kim.done("cm.UpdateConversationField", {"conversationId": conversation, "conversationField": [close]})
        rate = {"field": "CSATRate", "csatRate": 4, "csatResolutionConfirmation": True, "status": "FILLED"}
        await kim.done("cm.UpdateConversationField", {"conversationId": conversation, "conversationField": [rate]})
        await kim.rest()
    told = [frame["body"]["changes"][0] for frame in kim.frames if frame["kind"] == "notification"]
    assert [change["type"] for change in told] == ["UPSERT", "DELETE"]
    assert told[1]["result"]["conversationDetails"]["closeReason"] == "CONSUMER"
    rated = await consumers.stage.messaging.get_conversation(ACCOUNT, conversation)
    assert rated.facts.csat is not None
    assert (rated.facts.csat.rate, rated.facts.csat.is_resolved) == (4, True)


async def test_an_ended_subscription_tells_nothing(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        subscription = await kim.done("cqm.SubscribeExConversations", {})
        await kim.done("cqm.UnsubscribeExConversations", subscription)
        await kim.open()
        assert await kim.rest() == []
        again = await kim.request("cqm.UnsubscribeExConversations", subscription)
    assert again["code"] == 404


async def test_a_survey_follows_when_the_account_has_one(consumers: Consumers) -> None:
    await consumers.stage.accounts.update_account(ACCOUNT, AccountChange(survey_app="survey-app"), OPERATOR)
    async with consumers.connect() as kim:
        await kim.done("cqm.SubscribeExConversations", {})
        conversation = await kim.open()
        change = {"field": "DialogChange", "type": "UPDATE", "dialog": {"dialogId": conversation, "state": "CLOSE"}}
        await kim.done("cm.UpdateConversationField", {"conversationId": conversation, "conversationField": [change]})
        await kim.notification("ExConversationChangeNotification")
        changed = await kim.notification("ExConversationChangeNotification")
        details = changed["changes"][0]["result"]["conversationDetails"]
        assert (details["state"], details["stage"]) == ("CLOSE", "OPEN")
        main, survey = details["dialogs"]
        assert (main["state"], survey["state"], survey["dialogType"]) == ("CLOSE", "OPEN", "POST_SURVEY")
        assert survey["metaData"] == {"appInstallId": "survey-app"}
        await kim.follow(survey["dialogId"])
        await kim.done(
            "ms.PublishEvent",
            {"dialogId": survey["dialogId"], "conversationId": conversation, "event": text("5")},
        )
        assert messages(await kim.events(1)) == [(0, "5")]


# Events


async def test_both_sides_see_each_message_once_and_in_order(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        conversation = await kim.open()
        await kim.follow(conversation)
        await agent_joins(consumers, conversation)
        assert await kim.say(conversation, "one") == 0
        assert await agent_says(consumers, conversation, "two") == 1
        assert await kim.say(conversation, "three") == 2
        events = await kim.events(3)
    assert messages(events) == [(0, "one"), (1, "two"), (2, "three")]
    assert [event["originatorMetadata"]["role"] for event in events] == ["CONSUMER", "ASSIGNED_AGENT", "CONSUMER"]
    assert {event["dialogId"] for event in events} == {event["conversationId"] for event in events} == {conversation}


async def test_the_answer_comes_before_what_it_causes(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        await kim.done("cqm.SubscribeExConversations", {})
        conversation = await kim.open()
        await kim.follow(conversation)
        await kim.say(conversation)
        await kim.rest()
    kinds = [frame.get("reqId") or frame["type"].rpartition(".")[2] for frame in kim.frames]
    assert kinds == [
        *("1", "2", "ExConversationChangeNotification"),
        *("3", "4", "MessagingEventNotification", "5"),
    ]


async def test_who_comes_back_reads_on_from_where_they_were(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        conversation = await kim.open()
        await agent_joins(consumers, conversation)
        await kim.follow(conversation)
        await kim.say(conversation, "0")
        assert messages(await kim.events(1)) == [(0, "0")]
    commands = [await agents_command(consumers, conversation, str(number)) for number in range(1, 251)]
    await asyncio.gather(*map(consumers.stage.messaging.submit, commands))
    async with consumers.connect() as kim:
        await kim.follow(conversation, 1)
        await kim.say(conversation, "last")
        events = await kim.events(251)
    assert [event["sequence"] for event in events] == list(range(1, 252))


async def agents_command(consumers: Consumers, conversation: str, message: str) -> Command:
    stored = await consumers.stage.messaging.get_conversation(ACCOUNT, conversation)
    assert stored.assigned is not None
    event = Event(EventKind.CONTENT, f'{{"type":"ContentEvent","contentType":"text/plain","message":"{message}"}}')
    return Command(ACCOUNT, AgentCaller(stored.assigned.id), conversation, (Publish(conversation, event),))


async def test_following_while_messages_are_sent_misses_and_repeats_nothing(consumers: Consumers) -> None:
    async with consumers.connect() as kim, consumers.connect() as other:
        conversation = await kim.open()

        async def talk() -> None:
            for number in range(60):
                await other.say(conversation, str(number))

        talking = asyncio.create_task(talk())
        for _ in range(10):
            await kim.follow(conversation)
            await kim.rest()
        await talking
        await kim.follow(conversation)
        await kim.rest()
        await kim.follow(conversation, 0)
        told = [
            event["sequence"]
            for frame in await kim.rest()
            if frame["kind"] == "notification"
            for event in frame["body"]["changes"]
        ]
    assert told == list(range(60))


async def test_private_messages_and_dialogs_of_agents_do_not_exist(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        conversation = await kim.open()
        await kim.follow(conversation)
        await agent_joins(consumers, conversation)
        await agent_says(consumers, conversation, "secret", audience="AGENTS_AND_MANAGERS")
        await agent_says(consumers, conversation, "for all")
        assert messages(await kim.events(1)) == [(1, "for all")]
        await kim.follow(conversation)
        assert messages(await kim.events(1)) == [(1, "for all")]
        await kim.rest()
    assert "secret" not in str(kim.frames)


async def test_a_dialog_among_agents_cannot_be_followed(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        await kim.done("cqm.SubscribeExConversations", {})
        conversation = await kim.open()
        await agent_joins(consumers, conversation)
        stored = await consumers.stage.messaging.get_conversation(ACCOUNT, conversation)
        assert stored.assigned is not None
        dialog_id = consumers.stage.messaging.new_conversation_id()
        caller = AgentCaller(stored.assigned.id)
        await consumers.stage.messaging.submit(Command(ACCOUNT, caller, conversation, (OpenDialog(dialog_id),)))
        refused = await kim.request(
            "ms.SubscribeMessagingEvents", {"dialogId": dialog_id, "conversationId": conversation}
        )
    assert refused["code"] == 404
    assert dialog_id not in str(kim.frames)


async def test_somebody_elses_conversation_does_not_exist(consumers: Consumers) -> None:
    async with consumers.connect() as kim, consumers.connect("lee") as lee:
        conversation = await kim.open()
        await kim.say(conversation, "mine")
        await lee.done("cqm.SubscribeExConversations", {})
        close = {"field": "ConversationStateField", "conversationState": "CLOSE"}
        unknown = consumers.stage.messaging.new_conversation_id()
        for found in (conversation, unknown):
            for type_, body in (
                ("ms.SubscribeMessagingEvents", {"dialogId": found}),
                ("ms.PublishEvent", {"dialogId": found, "event": text()}),
                ("cm.UpdateConversationField", {"conversationId": found, "conversationField": close}),
            ):
                answer = await lee.request(type_, body)
                assert answer["code"] == 404, answer
        await kim.say(conversation, "still mine")
        assert await lee.rest() == []


async def test_a_conversation_of_an_application_is_its_consumers_too(consumers: Consumers) -> None:
    conversation = await consumers.stage.open()
    known = len(consumers.stage.webhooks.seen)
    async with consumers.connect() as kim:
        await kim.done("cqm.SubscribeExConversations", {})
        changes = (await kim.notification("ExConversationChangeNotification"))["changes"]
        assert [one["result"]["convId"] for one in changes] == [conversation]
        await kim.say(conversation, "by myself")
    names = [one.event_key for one in consumers.stage.webhooks.seen[known:]]
    assert names.count("ms.MessagingEventNotification.ContentEvent") == 1  # and perhaps that the consumer has gone


async def test_typing_is_passed_on_and_not_kept(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        conversation = await kim.open()
        await agent_joins(consumers, conversation)
        await kim.follow(conversation)
        state = {"type": "ChatStateEvent", "chatState": "COMPOSING"}
        assert (await consumers.stage.agent("POST", f"/{conversation}/events", state)).status == 200
        (event,) = await kim.events(1)
        assert event["event"] == state
        assert {"sequence", "serverTimestamp"}.isdisjoint(event)
        await kim.follow(conversation)
        assert await kim.rest() == []


async def test_metadata_comes_back_to_its_author_only(consumers: Consumers) -> None:
    metadata = [{"type": "ExternalId", "id": "card-7"}]
    async with consumers.connect() as kim, consumers.connect() as also_kim:
        conversation = await kim.open()
        for reader in (kim, also_kim):
            await reader.follow(conversation)
        await kim.say(conversation, metadata=metadata)
        assert [(await reader.events(1))[0]["metadata"] for reader in (kim, also_kim)] == [metadata, metadata]


# Files


async def test_a_file_goes_both_ways(consumers: Consumers) -> None:
    stage = consumers.stage
    async with consumers.connect() as kim:
        conversation = await kim.open()
        await kim.follow(conversation)
        asked = {"fileSize": str(len(TEXT)), "fileType": "TXT"}
        answer = await kim.request("ms.GenerateURLForUploadFile", asked)
        assert (answer["code"], answer["type"]) == (200, "ms.GenerateURLResponse")
        place = answer["body"]
        uploaded = await stage.http.put(place["relativePath"], params=place["queryParams"], content=TEXT)
        assert uploaded.status_code == 201
        event = file_event(place["relativePath"], caption="notes.txt", fileType="TXT")
        await kim.done("ms.PublishEvent", {"dialogId": conversation, "event": event})
        (told,) = await kim.events(1)
        assert told["event"]["message"]["caption"] == "notes.txt"
        found = await kim.done("ms.GenerateURLForDownloadFile", {"relativePath": place["relativePath"]})
        downloaded = await stage.http.get(found["relativePath"], params=found["queryParams"])
        assert downloaded.content == TEXT
    async with consumers.connect("lee") as lee:
        refused = await lee.request("ms.GenerateURLForDownloadFile", {"relativePath": place["relativePath"]})
        assert refused["code"] == 404


# Repeating


async def test_a_repeated_request_is_done_once(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        opened = [await kim.done("cm.ConsumerRequestConversation", {}, headers=keyed("open")) for _ in range(2)]
        assert opened[0] == opened[1]
        conversation = opened[0]["conversationId"]
        assert [await kim.say(conversation, "once", headers=keyed("a")) for _ in range(3)] == [0, 0, 0]
    async with consumers.connect() as kim:
        assert await kim.say(conversation, "once", headers=keyed("a")) == 0
        assert await kim.say(conversation, "again", headers=keyed("b")) == 1
        event = {"dialogId": conversation, "event": text("other")}
        reused = await kim.request("ms.PublishEvent", event, headers=keyed("a"))
        assert reused["code"] == 422
    stored = await consumers.stage.messaging.list_events(ACCOUNT, conversation, None, since=0, most=10)
    assert len(stored) == 2
    assert (await consumers.stage.rows())["conversations"] == 1


# Presence


async def test_agents_are_told_whether_the_consumer_is_there(consumers: Consumers) -> None:
    conversation = await consumers.stage.open()
    states: list[tuple[str, str]] = []

    def note(happenings: Any) -> None:
        for happening in happenings:
            states.extend((one.dialog_id, one.event.json.split('"')[7]) for one in happening.emitted)

    consumers.stage.messaging.listen(note)
    async with AsyncExitStack() as both:
        for _ in range(2):
            await both.enter_async_context(consumers.connect())
        await until(lambda: len(states) == 1)
    await until(lambda: len(states) == 2)
    assert states == [(conversation, "ACTIVE"), (conversation, "BACKGROUND")]


async def test_who_goes_from_page_to_page_was_not_away(stage: Stage) -> None:
    async with serve_consumers(stage, grace_seconds=30) as consumers:
        await stage.open()
        known = len(stage.webhooks.seen)
        for _ in range(3):
            async with consumers.connect() as kim:
                await kim.rest()
        await until(lambda: len(stage.webhooks.seen) > known)
        async with consumers.connect() as kim:
            await kim.rest()
        assert [one.event_key.rpartition(".")[2] for one in stage.webhooks.seen[known:]] == ["ChatStateEvent"]


# Many nodes


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_consumer_is_told_what_other_nodes_do(consumers: Consumers) -> None:
    stage = consumers.stage
    other = Messaging(stage.db, stage.clock, Randomness(), stage.webhooks, stage.accounts, Limits())
    await other.feed.start()
    async with consumers.connect() as kim:
        await kim.done("cqm.SubscribeExConversations", {})
        conversation = await kim.open()
        await kim.follow(conversation)
        await agent_joins(consumers, conversation)
        for number in range(3):
            await other.submit(await agents_command(consumers, conversation, str(2 * number)))
            await kim.say(conversation, str(2 * number + 1))
        assert messages(await kim.events(6)) == [(number, str(number)) for number in range(6)]
        close = Command(ACCOUNT, ConsumerCaller(None, CONSUMER), conversation, (CloseConversation(),))
        stage.clock.advance(seconds=1)  # by which nodes look for new ones
        await other.submit(close)
        while True:
            changes = (await kim.notification("ExConversationChangeNotification"))["changes"]
            if changes[0]["result"]["conversationDetails"]["state"] == "CLOSE":
                break
    await other.stop()
