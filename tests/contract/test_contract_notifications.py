"""Webhook bodies: golden bytes, and the vendor's published schemas where they are declared and fit webhooks.

The schemas want ``sequence`` and ``serverTimestamp`` of every event and ``message`` of rich content; webhooks leave the
first two out for chat states and carry ``content``, so these two event types are held to golden bodies only.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from support.schemas import Check, published_schemas
from switchbay.messaging.domain import (
    Accepted,
    AddParticipant,
    AgentCaller,
    Caller,
    Changed,
    CloseConversation,
    ConsumerCaller,
    Conversation,
    Open,
    Publish,
    Published,
    Role,
    Step,
    decide,
)
from switchbay.messaging.domain.decide import opened
from switchbay.messaging.wire.events import parse_event
from switchbay.messaging.wire.notifications import conversation_notification, event_notification, opening_text

ACCOUNT = "4711001"
ID = "7f0c6d1e-5a52-4f0e-9c0d-2b1f6f3a9e10"
CONSUMER = "9d1f0c7be2a34c5f8a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b"
AGENT = "c0a8d6de-3b1f-5e2a-8f0b-9a4f1d2c3b4e"
START = 1_700_000_000_000

TEXT = {"type": "ContentEvent", "message": "How can I help? ✓", "contentType": "text/plain"}
FILE = {
    "type": "ContentEvent",
    "contentType": "hosted/file",
    "message": {"caption": "", "relativePath": "/v1/x.png", "fileType": "PNG"},
}
READ = {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]}


def conversation(request: Open | None = None) -> Conversation:
    request = request or Open("-1", "NORMAL", 600)
    text = opening_text(request, first=True)
    return opened(request, ConsumerCaller("app", CONSUMER), ACCOUNT, ID, text, START).conversation


def take(before: Conversation, caller: Caller, step: Step, now: int) -> Accepted:
    decision = decide(before, caller, (step,), now)
    assert isinstance(decision, Accepted)
    return decision


def published(event: dict[str, Any], **step: Any) -> Published:
    """The event as the assigned agent publishes it, fifth of its dialog."""
    state = take(conversation(), AgentCaller(AGENT), AddParticipant(AGENT, Role.ASSIGNED_AGENT), START).conversation
    state = replace(state, dialogs=(replace(state.main, next_sequence=4),))
    emitted = take(
        state, AgentCaller(AGENT), Publish("", parse_event(event, characters=100), **step), START + 12_345
    ).emitted[0]
    assert isinstance(emitted, Published)
    return emitted


def test_a_text_message_byte_by_byte() -> None:
    assert event_notification(ID, published(TEXT)).decode() == (
        '{"kind":"notification","type":"ms.MessagingEventNotification","body":{"changes":[{"sequence":4,'
        f'"originatorId":"{AGENT}","originatorMetadata":{{"id":"{AGENT}","role":"ASSIGNED_AGENT"}},'
        '"serverTimestamp":1700000012345,'
        '"event":{"type":"ContentEvent","message":"How can I help? ✓","contentType":"text/plain"},'
        f'"conversationId":"{ID}","dialogId":"{ID}","messageAudience":"ALL"}}]}}}}'
    )


def test_client_properties_come_last() -> None:
    body = event_notification(ID, published(TEXT, client_properties='{"type":".ClientProperties"}'))
    assert body.endswith(b'"messageAudience":"ALL","originatorClientProperties":{"type":".ClientProperties"}}]}}')


def test_a_chat_state_byte_by_byte() -> None:
    assert event_notification(ID, published({"type": "ChatStateEvent", "chatState": "COMPOSING"})).decode() == (
        '{"kind":"notification","type":"ms.MessagingEventNotification","body":{"changes":[{'
        f'"originatorId":"{AGENT}","originatorMetadata":{{"id":"{AGENT}","role":"ASSIGNED_AGENT"}},'
        '"event":{"type":"ChatStateEvent","chatState":"COMPOSING"},'
        f'"conversationId":"{ID}","dialogId":"{ID}","messageAudience":"ALL"}}]}}}}'
    )


def test_a_closed_conversation_byte_by_byte() -> None:
    request = Open("12", "URGENT", 300, '{"campaignId":99,"engagementId":"7"}', '{"type":"SharkContext"}')
    state = take(
        conversation(request), AgentCaller(AGENT), AddParticipant(AGENT, Role.ASSIGNED_AGENT), START + 5_000
    ).conversation
    caller = ConsumerCaller("app", CONSUMER)
    state = take(state, caller, CloseConversation(), START + 900_000).conversation
    assert conversation_notification(state).decode() == (
        '{"kind":"notification","type":"cqm.ExConversationChangeNotification","body":{"changes":[{"type":"UPSERT",'
        f'"result":{{"convId":"{ID}","effectiveTTR":-1,"conversationDetails":{{"skillId":"12","participants":['
        f'{{"id":"{CONSUMER}","role":"CONSUMER"}},{{"id":"{AGENT}","role":"ASSIGNED_AGENT"}}],'
        f'"dialogs":[{{"dialogId":"{ID}","participantsDetails":['
        f'{{"id":"{CONSUMER}","role":"CONSUMER","state":"ACTIVE"}},'
        f'{{"id":"{AGENT}","role":"ASSIGNED_AGENT","state":"ACTIVE"}}],"dialogType":"MAIN","channelType":"MESSAGING",'
        '"state":"CLOSE","creationTs":1700000000000,"endTs":1700000900000,"metaDataLastUpdateTs":1700000900000,'
        f'"closedBy":"CONSUMER"}}],"brandId":"{ACCOUNT}","state":"CLOSE","stage":"CLOSE","closeReason":"CONSUMER",'
        '"startTs":1700000000000,"endTs":1700000900000,"metaDataLastUpdateTs":1700000900000,"firstConversation":true,'
        '"campaignInfo":{"campaignId":99,"engagementId":"7"},"context":{"type":"SharkContext"},'
        '"ttr":{"ttrType":"URGENT","value":300}}}}]}}'
    )


def test_an_event_is_passed_on_with_members_that_nobody_knows() -> None:
    event = {"x": [1, 2.5, None, True, {"ü": "\x00"}]} | TEXT | {"metadata": [{"type": "ExternalId", "id": "a"}]}
    assert json.loads(parse_event(event, characters=100).json) == event
    assert list(json.loads(parse_event(event, characters=100).json)) == list(event)


@pytest.fixture(scope="session")
def check(shared: Path) -> Check:
    """Validates a message against one of the published schemas."""
    return published_schemas(shared)


@pytest.mark.parametrize("event", [TEXT, FILE, READ], ids=["text", "file", "receipt"])
def test_events_fit_the_published_schema(check: Check, event: dict[str, Any]) -> None:
    rendered = json.loads(event_notification(ID, published(event)))
    assert check("ms/messagingEventNotification.json", rendered["body"]) == []
    assert check("ms/messagingEventNotification.json", rendered) != []


def test_conversation_changes_fit_the_published_schema(check: Check) -> None:
    state = conversation()
    accepted = take(state, AgentCaller(AGENT), AddParticipant(AGENT, Role.ASSIGNED_AGENT), START + 5_000)
    assert accepted.emitted == (Changed(accepted.conversation),)
    closed = take(accepted.conversation, AgentCaller(AGENT), CloseConversation(), START + 9_000).conversation
    for one in (state, accepted.conversation, closed):
        rendered = json.loads(conversation_notification(one))
        body = rendered["body"] | {"subscriptionId": "webhooks have none"}
        assert check("aam/subscribeExConversationsNotification.json", body) == []
