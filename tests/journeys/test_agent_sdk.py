"""The npm client library, unmodified, with bots of each kind that its examples show: over TLS, against a whole node."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.node import ACCOUNT, PASSWORD, Node, running_node
from support.node_bots import install_bots, running_bot
from switchbay.accounts.public import OPERATOR, AccountChange, Role
from switchbay.kit.secret import Secret

APP: dict[str, Any] = {
    "client_name": "connector",
    "grant_types": ["client_credentials"],
    "scope": "msg.consumer",
    "enabled": True,
    "capabilities": {},
}
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def bots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the bots."""
    return install_bots(tmp_path_factory.mktemp("bots"))


@pytest.fixture
async def node(tmp_path: Path, database_url: str) -> AsyncIterator[Node]:
    """A running node with a manager besides."""
    async with running_node(tmp_path / "data", database_url) as running:
        await running.platform.accounts.create_user(
            ACCOUNT, "manager", Secret(PASSWORD), [Role.AGENT_MANAGER], OPERATOR
        )
        yield running


async def consumer_of(node: Node) -> dict[str, str]:
    """The headers of a connector's consumer."""
    app = await node.install(APP, await node.login("admin"))
    return await node.consumer_headers(await node.app_token(app))


async def transcript(node: Node, conversation: str, dialog: str = "") -> list[tuple[str, str]]:
    """Who said what, by role."""
    path = f"/switchbay/v1/accounts/{ACCOUNT}/conversations/{conversation}/events"
    params = {"dialog": dialog} if dialog else {}
    answer = await node.client.get(path, params=params, headers=await node.login("admin"))
    assert answer.status_code == 200, answer.text
    return [
        (one["originatorMetadata"]["role"], one["event"].get("message") or one["event"]["status"])
        for one in answer.json()["items"]
    ]


async def wait_for_transcript(node: Node, conversation: str, length: int, dialog: str = "") -> list[tuple[str, str]]:
    """The transcript when it is this long."""
    async with asyncio.timeout(20):
        while len(found := await transcript(node, conversation, dialog)) < length:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.05)
    return found


async def test_a_bot_takes_a_conversation_talks_and_closes_it(bots: Path, node: Node) -> None:
    consumer = await consumer_of(node)
    async with running_bot(bots, "answering", node, "agent") as bot:
        assert await bot.hears("state") == "Agent state updated successfully"
        assert await bot.hears("subscribed") == ["subscriptionId"]
        assert await bot.hears("routing") == ["subscriptionId"]
        assert await bot.hears("clock") == "number"
        await node.send(consumer, "userprofile.SetUserProfile", {"firstName": "Kim"})
        conversation = await node.open_conversation(consumer)
        assert await bot.hears("accepted") == "Ring state updated successfully"
        assert await bot.hears("upsert") == {"role": "ASSIGNED_AGENT", "roles": ["CONSUMER", "ASSIGNED_AGENT"]}
        assert await wait_for_transcript(node, conversation, 1) == [("ASSIGNED_AGENT", "hello Kim")]
        await node.say(consumer, conversation, "is it open?")
        found = await wait_for_transcript(node, conversation, 4)
        assert found[1] == ("CONSUMER", "is it open?")
        assert sorted(found[2:]) == [("ASSIGNED_AGENT", "READ"), ("ASSIGNED_AGENT", "you said: is it open?")]
        await node.say(consumer, conversation, "#close")
        assert await bot.hears("deleted") == conversation
        await bot.hears("closing")
        assert bot.all("error") == bot.all("warn") == bot.all("stray") == bot.all("closed") == []


async def test_a_bot_greets_the_conversations_that_it_finds_and_those_that_come(bots: Path, node: Node) -> None:
    consumer = await consumer_of(node)
    before = await node.open_conversation(consumer)
    async with running_bot(bots, "greeting", node, "manager") as bot:
        await bot.hears("greeted")
        after = await node.open_conversation(consumer)
        await bot.hears("greeted", 2)
        assert bot.all("joined") == ["OK Agent added successfully"] * 2
        for conversation in (before, after):
            assert await transcript(node, conversation) == [("MANAGER", "welcome")]
        assert bot.all("error") == bot.all("warn") == []
    async with running_bot(bots, "greeting", node, "manager") as bot:
        await bot.hears("known", 2)
        assert bot.all("joined") == []


async def test_a_bot_that_closes_everything_again_and_again_ends(bots: Path, node: Node) -> None:
    consumer = await consumer_of(node)
    conversation = await node.open_conversation(consumer)
    async with running_bot(bots, "closing", node, "manager") as bot:
        assert await bot.hears("deleted") == conversation
        assert await bot.hears("closed once") == 200
        assert await bot.hears("closed again") == 400
        await node.open_conversation(consumer)
        await bot.hears("closed again", 2)
        assert bot.all("closed once") == [200, 200]
        assert bot.all("error") == bot.all("warn") == bot.all("closed") == []


async def test_a_bot_conducts_the_survey_that_follows(bots: Path, node: Node) -> None:
    consumer = await consumer_of(node)
    await node.platform.accounts.update_account(ACCOUNT, AccountChange(survey_app="survey-app"), OPERATOR)
    async with running_bot(bots, "asking", node, "manager", app="survey-app") as bot:
        await bot.hears("subscribed")
        conversation = await node.open_conversation(consumer)
        close = {
            "field": "DialogChange",
            "type": "UPDATE",
            "dialog": {"dialogId": conversation, "state": "CLOSE", "closedCause": "Closed by consumer"},
        }
        body = {"conversationId": conversation, "conversationField": close}
        assert (await node.send(consumer, "cm.UpdateConversationField", body)).status_code == 200
        assert await bot.hears("survey") == {"state": "CLOSE", "stage": "OPEN"}
        assert await bot.hears("joined") == "yes"
        assert await bot.hears("described") == "yes"
        assert await bot.hears("profile") is True
        found = await node.platform.messaging.get_conversation(ACCOUNT, conversation)
        survey = found.dialogs[1].dialog_id
        assert await wait_for_transcript(node, conversation, 1, survey) == [("AGENT", "How was it?")]
        answer = {
            "kind": "req",
            "id": 1,
            "type": "ms.PublishEvent",
            "metadata": [{"type": "Answer", "id": "A5"}],
            "body": {
                "dialogId": survey,
                "conversationId": conversation,
                "event": {"type": "ContentEvent", "contentType": "text/plain", "message": "fine"},
            },
        }
        path = f"/api/account/{ACCOUNT}/messaging/consumer/conversation/send?v=3"
        assert (await node.client.post(path, content=json.dumps(answer), headers=consumer)).status_code == 200
        assert await bot.hears("answer") == {
            "message": "fine",
            "metadata": [{"type": "Answer", "id": "A5"}],
            "conversation": True,
        }
        assert await bot.hears("finished") == "yes"
        assert await bot.hears("deleted") == "CLOSE"
        assert bot.all("error") == bot.all("warn") == bot.all("closed") == []
    ended = await node.platform.messaging.get_conversation(ACCOUNT, conversation)
    assert (ended.stage, ended.dialogs[1].closed_cause) == ("CLOSE", "Completed")
