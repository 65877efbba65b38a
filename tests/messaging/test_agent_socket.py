"""The agents' socket: who gets in, what requests do and tell, by old and new names, and what clients can do to it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from support.agent_socket import Agents, serve_agents
from support.messaging_stage import ACCOUNT, CONSUMER, OTHER, Stage, request
from support.schemas import published_schemas
from switchbay.accounts.public import OPERATOR, AccountChange, UserChange

REMOVE = {"field": "ParticipantsChange", "type": "REMOVE", "role": "ASSIGNED_AGENT"}
CLOSE = {"field": "ConversationStateField", "conversationState": "CLOSE"}


@pytest.fixture
async def agents(stage: Stage) -> AsyncIterator[Agents]:
    async with serve_agents(stage) as served:
        yield served


async def user(agents: Agents, name: str) -> Any:
    found = await agents.stage.accounts.find_user_by_login(ACCOUNT, name)
    assert found is not None
    return found


# Who


@pytest.mark.parametrize(("bearer", "account", "status"), [("0" * 64, ACCOUNT, 401), ("x", ACCOUNT, 401)])
async def test_a_forged_bearer_opens_nothing(agents: Agents, bearer: str, account: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as error:
        async with agents.connect(bearer=bearer, account=account):
            pass
    assert error.value.response.status_code == status


async def test_a_foreign_bearer_opens_nothing(agents: Agents) -> None:
    bearer = await agents.stage.bearer("bob")
    with pytest.raises(InvalidStatus) as error:
        async with agents.connect(bearer=bearer, account=OTHER):
            pass
    assert error.value.response.status_code == 401


async def test_an_expired_bearer_opens_nothing(agents: Agents) -> None:
    bearer = await agents.stage.bearer("bob")
    agents.stage.clock.advance(seconds=10_000_000)
    with pytest.raises(InvalidStatus) as error:
        async with agents.connect(bearer=bearer):
            pass
    assert error.value.response.status_code == 401


async def test_who_does_not_talk_to_consumers_gets_no_socket(agents: Agents) -> None:
    with pytest.raises(InvalidStatus) as error:
        async with agents.connect("dev"):
            pass
    assert error.value.response.status_code == 403


async def test_a_socket_ends_with_its_session(agents: Agents) -> None:
    async with agents.connect("bob") as bob, agents.connect("cyd") as cyd:
        await agents.stage.accounts.logout(ACCOUNT, await agents.stage.bearer("bob"), None)
        assert await bob.closed() == 4401
        await cyd.done(".GetClock")


async def test_a_socket_ends_when_its_session_expires_or_its_user_is_disabled(agents: Agents) -> None:
    async with agents.connect("bob") as bob, agents.connect("cyd") as cyd:
        found = await user(agents, "cyd")
        await agents.stage.accounts.update_user(ACCOUNT, found.user_id, UserChange(enabled=False), OPERATOR)
        assert await cyd.closed() == 4401
        await agents.door.look_once()
        await bob.done(".GetClock")
        agents.stage.clock.advance(seconds=10_000_000)
        await agents.door.look_once()
        assert await bob.closed() == 4401


async def test_a_user_has_so_many_sockets(agents: Agents) -> None:
    async with agents.connect(), agents.connect(), agents.connect():
        with pytest.raises(InvalidStatus) as error:
            async with agents.connect():
                pass
        assert error.value.response.status_code == 429


# Conversations and events


async def test_a_conversation_from_opening_to_its_end(agents: Agents) -> None:
    stage = agents.stage
    async with agents.connect("ada") as ada:
        subscription = await ada.subscribe(convState=["OPEN"])
        conversation = await stage.open()
        opened = await ada.change()
        assert (opened["type"], opened["result"]["convId"]) == ("UPSERT", conversation)
        await ada.join(conversation)
        joined = (await ada.change())["result"]["conversationDetails"]
        found = await user(agents, "ada")
        assert joined["participants"]["ASSIGNED_AGENT"] == [f"{ACCOUNT}.{found.user_id}"]
        assert joined["participantsPId"]["ASSIGNED_AGENT"] == [found.user_pid]
        assert set(joined["participants"]) == set(joined["participantsPId"])
        await stage.say(conversation, "Hello")
        event = await ada.event()
        assert (event["sequence"], event["originatorId"], event["originatorPId"]) == (0, CONSUMER, CONSUMER)
        assert event["event"]["message"] == "Hello"
        last = (await ada.change())["result"]["lastContentEventNotification"]
        assert (last["sequence"], last["event"]["message"]) == (0, "Hello")
        assert await ada.publish(conversation, "How can I help?") == 1
        own = await ada.event()
        assert (own["originatorId"], own["originatorPId"]) == (f"{ACCOUNT}.{found.user_id}", found.user_pid)
        await ada.change()
        assert (await ada.update(conversation, CLOSE))["code"] == 200
        ended = await ada.change()
        assert (ended["type"], ended["result"]["conversationDetails"]["state"]) == ("DELETE", "CLOSE")
        again = await ada.update(conversation, CLOSE)
        assert (again["code"], again["type"]) == (400, ".ReqBody$StringResp")
        typing = {"type": "ChatStateEvent", "chatState": "ACTIVE"}
        refused = await ada.request(".ams.ms.PublishEvent", {"dialogId": conversation, "event": typing})
        assert refused["code"] == 400
        assert await ada.rest() == []
    assert subscription


async def test_what_is_open_is_told_after_the_answer(agents: Agents) -> None:
    conversations = [await agents.stage.open() for _ in range(60)]
    async with agents.connect("ada") as ada:
        await ada.send(request(".ams.aam.SubscribeExConversations", {"convState": ["OPEN"]}, {"odd": [1, "id"]}))
        answer = await ada.receive()
        assert (answer["reqId"], answer["code"]) == ({"odd": [1, "id"]}, 200)
        found: list[str] = []
        while len(found) < 60:
            changes = (await ada.receive())["body"]["changes"]
            found += [one["result"]["convId"] for one in changes]
        assert sorted(found) == sorted(conversations)


async def test_agents_see_their_own_conversations_only(agents: Agents) -> None:
    async with agents.connect("bob") as bob, agents.connect("cyd") as cyd:
        await bob.subscribe(convState=["OPEN"])
        await cyd.subscribe(convState=["OPEN"])
        conversation = await agents.stage.open()
        await bob.join(conversation)
        assert (await bob.change())["type"] == "UPSERT"
        await bob.publish(conversation, "hi")
        query = {"dialogId": conversation, "newerThanSequence": 0}
        assert (await cyd.request(".ams.ms.QueryMessages", query))["code"] == 403
        assert await cyd.rest() == []


async def test_a_transfer_to_an_agent_rings_and_is_taken(agents: Agents) -> None:
    stage = agents.stage
    conversation = await stage.open()
    async with agents.connect("bob") as bob, agents.connect("cyd") as cyd:
        await bob.join(conversation)
        await cyd.done(".ams.routing.SetAgentState", {"availability": "OCCUPIED", "channels": ["MESSAGING"]})
        await cyd.done(".ams.routing.SubscribeRoutingTasks", {"channelType": "MESSAGING"})
        await cyd.subscribe(agentIds=[(await user(agents, "cyd")).user_pid])
        target = await user(agents, "cyd")
        suggest = {"field": "ParticipantsChange", "type": "SUGGEST", "role": "ASSIGNED_AGENT"}
        transfer = (
            REMOVE,
            suggest | {"userId": f"{ACCOUNT}.{target.user_id}"},
            {"field": "Skill", "type": "UPDATE", "skill": 7},
        )
        assert (await bob.update(conversation, *transfer))["code"] == 200
        offered = (await cyd.change())["result"]["conversationDetails"]
        details = offered["dialogs"][0]["participantsDetails"]
        assert [(one["role"], one["state"]) for one in details] == [
            ("CONSUMER", "ACTIVE"),
            ("ASSIGNED_AGENT", "SUGGESTED"),
        ]
        assert (offered["participants"]["ASSIGNED_AGENT"], offered["skillId"]) == ([], "7")
        await agents.routing.settle()
        [task] = (await cyd.notification("RoutingTaskNotification"))["changes"]
        [ring] = task["result"]["ringsDetails"]
        assert (ring["ringState"], task["result"]["conversationId"]) == ("WAITING", conversation)
        answer = {"ringId": ring["ringId"], "ringState": "ACCEPTED"}
        assert (await bob.request(".ams.routing.UpdateRingState", answer))["code"] == 403
        assert await cyd.done(".ams.routing.UpdateRingState", answer) == "Ring state updated successfully"
        taken = (await cyd.change())["result"]["conversationDetails"]
        assert taken["participantsPId"]["ASSIGNED_AGENT"] == [target.user_pid]


@pytest.mark.parametrize("is_removed_first", [True, False])
async def test_a_transfer_names_the_next_agent_first_or_last(agents: Agents, is_removed_first: bool) -> None:
    conversation = await agents.stage.open()
    bob, cyd = await user(agents, "bob"), await user(agents, "cyd")
    async with agents.connect("bob") as client:
        await client.join(conversation)
        suggest = REMOVE | {"type": "SUGGEST", "userId": f"{ACCOUNT}.{cyd.user_id}"}
        remove = REMOVE | {"userId": bob.user_pid}
        changes = [remove, suggest] if is_removed_first else [suggest, remove]
        answer = await client.update(conversation, *changes, {"field": "Skill", "type": "UPDATE", "skill": 7})
        assert (answer["code"], answer["body"]) == (200, "OK Agent removed successfully")
    found = await agents.stage.messaging.get_conversation(ACCOUNT, conversation)
    assert (found.assigned, found.suggested and found.suggested.id, found.skill_id) == (None, cyd.user_pid, "7")


async def test_the_documented_refusal_of_a_transfer(agents: Agents) -> None:
    conversation = await agents.stage.open()
    async with agents.connect("ada") as ada:
        answer = await ada.update(conversation, REMOVE)
        assert (answer["code"], answer["body"]) == (400, "Agent does not exist in conversation")


async def test_private_messages_reach_agents_and_not_the_connector(agents: Agents) -> None:
    conversation = await agents.stage.open()
    async with agents.connect("bob") as bob, agents.connect("ada") as ada:
        await bob.join(conversation)
        await ada.join(conversation, "MANAGER")
        known = len(agents.stage.webhooks.seen)
        await bob.publish(conversation, "psst", messageAudience="AGENTS_AND_MANAGERS")
        assert (await ada.event())["messageAudience"] == "AGENTS_AND_MANAGERS"
        assert len(agents.stage.webhooks.seen) == known


async def test_messages_are_read_from_a_sequence_on(agents: Agents) -> None:
    conversation = await agents.stage.open()
    async with agents.connect("ada") as ada:
        await ada.join(conversation)
        for number in range(5):
            await ada.publish(conversation, f"m{number}")
        found = await ada.done(".ams.ms.QueryMessages", {"dialogId": conversation, "newerThanSequence": 3})
        assert [(one["sequence"], one["event"]["message"]) for one in found] == [(3, "m3"), (4, "m4")]
        assert {"dialogId", "originatorId", "originatorPId"} <= set(found[0])


async def test_a_survey_is_conducted_on_its_dialog(agents: Agents) -> None:
    await agents.stage.accounts.update_account(ACCOUNT, AccountChange(survey_app="bot-app"), OPERATOR)
    conversation = await agents.stage.open()
    async with agents.connect("ada") as ada:
        await ada.subscribe(stage=["OPEN"])
        await ada.change()
        end = {"field": "DialogChange", "type": "UPDATE", "dialog": {"dialogId": conversation, "state": "CLOSE"}}
        assert (await ada.update(conversation, end))["code"] == 200
        details = (await ada.change())["result"]["conversationDetails"]
        survey = details["dialogs"][1]
        assert (survey["dialogType"], survey["metaData"]) == ("POST_SURVEY", {"appInstallId": "bot-app"})
        dialog = survey["dialogId"]
        assert await ada.done(".ams.ms.QueryMessages", {"dialogId": dialog}) == []
        add = {"field": "ParticipantsChange", "type": "ADD", "role": "AGENT", "dialogId": dialog}
        assert (await ada.update(conversation, add))["code"] == 200
        assert await ada.publish(dialog, "How was it?") == 0
        assert (await ada.update(conversation, end | {"dialog": {"dialogId": dialog, "state": "CLOSE"}}))["code"] == 200
        while (change := await ada.change())["type"] == "UPSERT":
            pass
        assert change["result"]["conversationDetails"]["stage"] == "CLOSE"


@pytest.mark.parametrize("is_before", [True, False], ids=["subscribed before", "subscribed after"])
async def test_a_survey_is_shown_to_agents_until_one_conducts_it(agents: Agents, is_before: bool) -> None:
    stage = agents.stage
    await stage.accounts.update_account(ACCOUNT, AccountChange(survey_app="bot-app"), OPERATOR)
    conversation = await stage.open()
    end = {"field": "DialogChange", "type": "UPDATE", "dialog": {"dialogId": conversation, "state": "CLOSE"}}
    async with agents.connect("ada") as ada, agents.connect("bob") as bob, agents.connect("cyd") as cyd:
        if is_before:
            await bob.subscribe(stage=["OPEN"])
            await cyd.subscribe(stage=["OPEN"])
        assert (await ada.update(conversation, end))["code"] == 200
        if not is_before:
            await bob.subscribe(stage=["OPEN"])
            await cyd.subscribe(stage=["OPEN"])
        shown = await bob.change()
        assert (await cyd.change())["type"] == "UPSERT"  # else it may be gone before cyd's list is read
        dialog = shown["result"]["conversationDetails"]["dialogs"][1]["dialogId"]
        assert await bob.done(".ams.ms.QueryMessages", {"dialogId": dialog}) == []
        assert (await bob.request(".ams.ms.QueryMessages", {"dialogId": conversation}))["code"] == 403
        add = {"field": "ParticipantsChange", "type": "ADD", "role": "AGENT", "dialogId": dialog}
        assert (await bob.update(conversation, add))["code"] == 200
        assert (await bob.change())["type"] == "UPSERT"
        assert (await cyd.change())["type"] == "DELETE"
        assert (await cyd.request(".ams.ms.QueryMessages", {"dialogId": dialog}))["code"] == 403


async def test_new_names_get_new_shapes(agents: Agents) -> None:
    conversation = await agents.stage.open()
    async with agents.connect("ada") as ada:
        await ada.done("cqm.SubscribeExConversations", {})
        change = await ada.change()
        assert change["result"]["conversationDetails"]["participants"] == [{"id": CONSUMER, "role": "CONSUMER"}]
        await ada.join(conversation)
        await ada.done("ms.SubscribeMessagingEvents", {"dialogId": conversation, "fromSeq": 0})
        await agents.stage.say(conversation, "Hello")
        body = await ada.notification("ms.MessagingEventNotification")
        assert (body["dialogId"], body["changes"][0]["event"]["message"]) == (conversation, "Hello")
        profile = await ada.request("up.GetUserProfile", CONSUMER)
        assert (profile["type"], profile["body"]) == ("up.GetUserProfile$Response", [])


async def test_every_frame_by_the_new_names_fits_the_published_schemas(agents: Agents, shared: Path) -> None:
    errors = published_schemas(shared)
    conversation = await agents.stage.open()
    async with agents.connect("ada") as ada:
        await ada.done("GetClock")
        await ada.done("routing.SetAgentState", {"availability": "ONLINE"})
        await ada.done("cqm.SubscribeExConversations", {"convState": ["OPEN"]})
        await ada.change()
        await ada.done("routing.SubscribeRoutingTasks", {})
        await ada.done("routing.SubscribeAgentsState", {})
        await agents.routing.settle()
        [task] = (await ada.notification("routing.routingTaskNotification"))["changes"]
        ring = task["result"]["ringsDetails"][0]["ringId"]
        await ada.done("routing.UpdateRingState", {"ringId": ring, "ringState": "ACCEPTED"})
        await ada.done("ms.SubscribeMessagingEvents", {"dialogId": conversation})
        await agents.stage.say(conversation)
        event = {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]}
        await ada.done("ms.PublishEvent", {"dialogId": conversation, "event": event})
        await ada.done("up.GetUserProfile", CONSUMER)
        await ada.request("cm.UpdateConversationField", {"conversationId": conversation, "conversationField": [CLOSE]})
        await ada.rest()
    kinds = {"resp": "ws/agentResponses.json", "notification": "ws/agentNotifications.json"}
    assert {one["kind"] for one in ada.frames} == set(kinds)
    for frame in ada.frames:
        assert errors(kinds[frame["kind"]], frame) == [], frame


async def test_profiles_are_read_as_the_client_library_expects(agents: Agents) -> None:
    profile = {"firstName": "Kim", "privateData": {"mobileNum": "1", "mail": "kim@example.com"}}
    opening = request("cm.ConsumerRequestConversation", {"brandId": ACCOUNT}, "2")
    assert (await agents.stage.post("", [request("userprofile.SetUserProfile", profile), opening])).status == 200
    async with agents.connect("bob") as bob:
        known = await bob.done(".ams.userprofile.GetUserProfile", CONSUMER)
        assert (known["firstName"], known["privateData"]["email"]) == ("Kim", "kim@example.com")
        assert await bob.done(".ams.userprofile.GetUserProfile", "nobody") == {}
        assert await bob.done("up.GetUserProfile", CONSUMER) == [
            {"type": "ctmrinfo", "info": {"imei": "1"}},
            {
                "type": "personal",
                "personal": {"firstname": "Kim", "contacts": [{"email": "kim@example.com", "phone": "1"}]},
            },
        ]


async def test_an_agent_opens_a_conversation_with_a_known_consumer(agents: Agents) -> None:
    await agents.stage.open()
    async with agents.connect("bob") as bob:
        answer = await bob.request(
            ".ams.cm.AgentRequestConversation", {"consumerId": CONSUMER, "channelType": "MESSAGING"}
        )
        assert answer["type"] == "cm.RequestConversationResponse"
        found = await agents.stage.messaging.get_conversation(ACCOUNT, answer["body"]["conversationId"])
        assert (found.consumer_id, found.assigned is not None) == (CONSUMER, True)
        refused = await bob.request(".ams.cm.AgentRequestConversation", {"consumerId": "nobody"})
        assert refused["code"] == 404


# What a client can do to it


async def test_nonsense_is_answered_and_ends_nothing(agents: Agents) -> None:
    async with agents.connect("bob") as bob:
        for frame in ("", "{", "[]", '{"kind":"resp","id":"1","type":"x"}', '{"type":7}', "\u0000", '{"id":"1"}'):
            await bob.send(frame)
            assert (await bob.receive())["code"] == 400
        for name, body in (
            (".ams.none.Such", {}),
            (".ams.cm.UpdateConversationField", {"conversationId": 7}),
            (".ams.ms.PublishEvent", "text"),
        ):
            assert (await bob.request(name, body))["code"] == 400
        assert "currentTime" in await bob.done(".GetClock")


async def test_a_huge_frame_ends_its_own_socket_alone(agents: Agents) -> None:
    async with agents.connect("bob") as bob, agents.connect("cyd") as cyd:
        with suppress(ConnectionClosed):
            await bob.send(json.dumps({"id": "1", "type": "x", "body": "x" * 10_000_000}))
        assert await bob.closed() == 1009
        await cyd.done(".GetClock")


async def test_subscriptions_without_end_are_refused(agents: Agents) -> None:
    async with agents.connect("bob") as bob:
        codes = [(await bob.request(".ams.routing.SubscribeRoutingTasks"))["code"] for _ in range(110)]
        assert codes == 100 * [200] + 10 * [429]


async def test_a_socket_that_does_not_read_is_closed_and_others_are_served(agents: Agents) -> None:
    conversation = await agents.stage.open()
    with socket.socket() as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        narrow.connect(("127.0.0.1", agents.port))
        options: dict[str, Any] = {"sock": narrow, "max_queue": 1, "close_timeout": 0.1}
        async with agents.connect("bob") as bob, agents.connect("ada", **options) as deaf:
            await bob.join(conversation)
            await deaf.join(conversation, "MANAGER")
            await deaf.subscribe(convState=["OPEN"])
            deaf.connection.transport.pause_reading()
            found = await user(agents, "ada")
            for _ in range(400):
                await bob.publish(conversation, "\u20ac" * 8_000)
                await bob.event()
                if not agents.door.hub.count_of(ACCOUNT, found.user_pid):
                    break
            assert agents.door.hub.count_of(ACCOUNT, found.user_pid) == 0
            await bob.done(".GetClock")


async def test_everybody_ends_with_the_same_transcript(agents: Agents) -> None:
    """Agents whose connections break again and again read on from what they have, and miss and repeat nothing."""
    conversations = [await agents.stage.open() for _ in range(3)]

    async def listen(name: str) -> dict[str, list[int]]:
        seen: dict[str, list[int]] = {conversation: [] for conversation in conversations}
        for broken in range(4):
            async with agents.connect(name) as socket:
                for conversation in conversations:
                    since = len(seen[conversation])
                    query = {"dialogId": conversation, "newerThanSequence": since}
                    found = await socket.done(".ams.ms.QueryMessages", query)
                    seen[conversation] += [one["sequence"] for one in found if one["sequence"] >= since]
                while not all(len(one) >= 5 * (broken + 1) for one in seen.values()):
                    event = await socket.event()
                    known = seen[event["dialogId"]]
                    if event["sequence"] >= len(known):
                        known.append(event["sequence"])
        return seen

    async def join(name: str, role: str) -> None:
        async with agents.connect(name) as socket:
            for conversation in conversations:
                await socket.join(conversation, role)

    await join("bob", "ASSIGNED_AGENT")
    await join("ada", "MANAGER")
    listening = [asyncio.create_task(listen(name)) for name in ("bob", "ada")]
    for number in range(20):
        await asyncio.gather(*(agents.stage.say(one, str(number)) for one in conversations))
        await asyncio.sleep(0)
    for seen in await asyncio.wait_for(asyncio.gather(*listening), 30):
        assert seen == {conversation: list(range(20)) for conversation in conversations}
