"""What sockets of the version 2 of the protocol are told of a transfer to an agent, beside those of 2.1."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.agent_socket import Agents, serve_agents
from support.messaging_stage import ACCOUNT, Stage

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def agents(stage: Stage) -> AsyncIterator[Agents]:
    async with serve_agents(stage) as served:
        yield served


def participants(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Everybody in the main dialog, without their ids."""
    details = result["conversationDetails"]["dialogs"][0]["participantsDetails"]
    return [{name: value for name, value in one.items() if name != "id"} for one in details]


async def suggest_cyd(agents: Agents) -> tuple[str, str]:
    """Open a conversation and offer it to cyd, by a socket of version 2; return it and cyd's PId."""
    target = await agents.stage.accounts.find_user_by_login(ACCOUNT, "cyd")
    assert target is not None
    conversation = await agents.stage.open()
    async with agents.connect("ada", version="2") as ada:
        suggest = {"field": "ParticipantsChange", "type": "SUGGEST", "role": "ASSIGNED_AGENT"}
        answer = await ada.update(conversation, suggest | {"userId": f"{ACCOUNT}.{target.user_id}"})
        assert answer["code"] == 200, answer
    return conversation, target.user_pid


@pytest.mark.parametrize(
    ("version", "there"),
    [
        ("2", [{"role": "CONSUMER"}]),
        ("2.0", [{"role": "CONSUMER"}]),
        ("2.1", [{"role": "CONSUMER", "state": "ACTIVE"}, {"role": "ASSIGNED_AGENT", "state": "SUGGESTED"}]),
        ("", [{"role": "CONSUMER", "state": "ACTIVE"}, {"role": "ASSIGNED_AGENT", "state": "SUGGESTED"}]),
    ],
)
@pytest.mark.parametrize("is_before", [True, False], ids=["subscribed before", "subscribed after"])
async def test_a_suggested_agent_is_there_from_version_2_1_on(
    agents: Agents, version: str, there: object, is_before: bool
) -> None:
    async with agents.connect("ada", version=version) as ada:
        if is_before:
            await ada.subscribe(convState=["OPEN"])
            await suggest_cyd(agents)
            await ada.change()
        else:
            await suggest_cyd(agents)
            await ada.subscribe(convState=["OPEN"])
        assert participants((await ada.change())["result"]) == there


async def test_an_offer_finds_only_subscriptions_of_version_2_1(agents: Agents) -> None:
    async with agents.connect("cyd", version="2") as old, agents.connect("cyd") as new:
        target = await agents.stage.accounts.find_user_by_login(ACCOUNT, "cyd")
        assert target is not None
        for client in (old, new):
            await client.subscribe(agentIds=[target.user_pid])
        conversation, _ = await suggest_cyd(agents)
        assert (await new.change())["result"]["convId"] == conversation
        assert await old.rest() == []
        await new.join(conversation)
        assert participants((await old.change())["result"]) == [{"role": "CONSUMER"}, {"role": "ASSIGNED_AGENT"}]
