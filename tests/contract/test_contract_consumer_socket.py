"""Frames of the consumer's socket: each fits the vendor's published schemas, where these are.

The schemas want ``sequence`` and ``serverTimestamp`` of every event, which chat states do not have: the tests of the
socket hold those.
"""

from pathlib import Path

import pytest

from support.consumer_socket import serve_consumers
from support.messaging_stage import stage_on, text
from support.schemas import Check, published_schemas
from switchbay.accounts.public import OPERATOR, AccountChange
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness


@pytest.fixture(scope="session")
def check(shared: Path) -> Check:
    """Validates a message against one of the published schemas."""
    return published_schemas(shared)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_every_frame_fits_the_published_schemas(
    db: Database, clock: ManualClock, randomness: Randomness, check: Check
) -> None:
    async with stage_on(db, clock, randomness) as stage, serve_consumers(stage) as consumers:
        await stage.accounts.update_account("4711001", AccountChange(survey_app="survey"), OPERATOR)
        async with consumers.connect(None) as kim:
            await kim.init()
            await kim.done("cqm.SubscribeExConversations", {"convState": ["OPEN", "CLOSE"]})
            conversation = await kim.open()
            await stage.agent("POST", f"/{conversation}/join")
            await kim.follow(conversation)
            await kim.say(conversation)
            await stage.agent("POST", f"/{conversation}/events", text("Good day"))
            read = {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [1]}
            await kim.done("ms.PublishEvent", {"dialogId": conversation, "event": read})
            await kim.done("ms.GenerateURLForUploadFile", {"fileSize": "10", "fileType": "PNG"})
            await kim.request("ms.GenerateURLForUploadFile", {"fileSize": "10", "fileType": "EXE"})
            dialog = {"dialogId": conversation, "state": "CLOSE"}
            change = {"field": "DialogChange", "type": "UPDATE", "dialog": dialog}
            body = {"conversationId": conversation, "conversationField": [change]}
            await kim.done("cm.UpdateConversationField", body)
            await kim.request("ms.PublishEvent", {"dialogId": conversation, "event": text("too late")})
            await kim.done("GetClock")
            await kim.follow(conversation)
            await kim.rest()
    kinds = {"resp": "ws/consumerResponses.json", "notification": "ws/consumerNotifications.json"}
    assert [problem for frame in kim.frames for problem in check(kinds[frame["kind"]], frame)] == []
    assert {frame["type"] for frame in kim.frames} == {
        ".GetClock$Response",
        ".ReqBody$StringResp",
        "GenericSubscribeResponse",
        "cm.RequestConversationResponse",
        "cqm.ExConversationChangeNotification",
        "cqm.SubscribeExConversationsResponse",
        "ms.GenerateURLResponse",
        "ms.MessagingEventNotification",
        "ms.PublishEventResponse",
    }
