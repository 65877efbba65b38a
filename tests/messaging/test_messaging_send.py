"""Sending events for a consumer."""

from typing import Any

import pytest

from support.messaging_stage import ACCOUNT, APP, CONSUMER, Stage, text, unknown_id

RICH = {
    "type": "RichContentEvent",
    "content": {"type": "vertical", "elements": [{"type": "text", "text": "Ship it?"}]},
    "quickReplies": {"type": "quickReplies", "itemsPerRow": 2, "replies": [{"type": "button", "title": "Yes", "x": 1}]},
}
FORM = {
    "type": "ContentEvent",
    "contentType": "forms/secure-submission",
    "message": {"submissionId": "s-1", "invitationId": "i-1"},
}


@pytest.mark.parametrize("event", [text("Grüße 🌍"), RICH, FORM], ids=["text", "rich", "form"])
async def test_an_event_gets_a_sequence_and_is_passed_on_as_it_was_published(
    stage: Stage, event: dict[str, Any]
) -> None:
    conversation = await stage.open()
    answered = await stage.publish(conversation, event)
    assert answered.status == 200
    assert answered.body == {"reqId": "1", "code": "OK", "body": {"sequence": 0}}
    sent = stage.webhooks.seen[-1]
    assert (sent.account_id, sent.owner_id, sent.lane) == (ACCOUNT, APP, conversation)
    assert sent.event_key == f"ms.MessagingEventNotification.{event['type']}"
    change = stage.webhooks.changes()[-1]
    assert change == {
        "sequence": 0,
        "originatorId": CONSUMER,
        "originatorMetadata": {"id": CONSUMER, "role": "CONSUMER"},
        "serverTimestamp": stage.clock.at_ms,
        "event": event,
        "conversationId": conversation,
        "dialogId": conversation,
        "messageAudience": "ALL",
    }


async def test_sequences_count_messages_and_receipts_but_not_chat_states(stage: Stage) -> None:
    conversation = await stage.open()
    receipt = {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]}
    typing = {"type": "ChatStateEvent", "chatState": "COMPOSING"}
    answers = [await stage.publish(conversation, event) for event in (text(), typing, receipt, typing, RICH)]
    assert [answered.body["body"]["sequence"] for answered in answers] == [0, 0, 1, 0, 2]
    assert [change.get("sequence") for change in stage.webhooks.changes()[1:]] == [0, None, 1, None, 2]
    assert (await stage.rows())["events"] == 3


async def test_a_chat_state_has_neither_sequence_nor_timestamp(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.publish(conversation, {"type": "ChatStateEvent", "chatState": "PAUSE"})
    assert stage.webhooks.changes()[-1] == {
        "originatorId": CONSUMER,
        "originatorMetadata": {"id": CONSUMER, "role": "CONSUMER"},
        "event": {"type": "ChatStateEvent", "chatState": "PAUSE"},
        "conversationId": conversation,
        "dialogId": conversation,
        "messageAudience": "ALL",
    }


@pytest.mark.parametrize("request_id", ["1,", 7, 2**63, 1.5, "", "\x00ü"])
async def test_the_request_id_comes_back_as_it_was_sent(stage: Stage, request_id: object) -> None:
    conversation = await stage.open()
    answered = await stage.say(conversation, request_id=request_id)
    assert answered.body["reqId"] == request_id
    assert type(answered.body["reqId"]) is type(request_id)


async def test_the_token_counts_with_and_without_bearer(stage: Stage) -> None:
    conversation = await stage.open(app="Bearer app")
    assert (await stage.say(conversation, app="app")).status == 200


async def test_a_nul_character_survives_storing_and_sending(stage: Stage) -> None:
    conversation = await stage.open()
    message = "a\x00b\u2028c"
    assert (await stage.say(conversation, message)).status == 200
    assert stage.webhooks.changes()[-1]["event"]["message"] == message
    await stage.agent("POST", f"/{conversation}/join")
    listed = await stage.agent("GET", f"/{conversation}/events")
    assert listed.body["items"][0]["event"]["message"] == message


async def test_client_properties_go_with_the_event(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.say(conversation, client_properties='{ "type": ".ClientProperties", "features": ["AUTO_MESSAGES"] }')
    assert stage.webhooks.changes()[-1]["originatorClientProperties"] == {
        "type": ".ClientProperties",
        "features": ["AUTO_MESSAGES"],
    }


@pytest.mark.parametrize("header", ["nonsense", "[1]", "[" * 3000, '"' + "x" * 5000 + '"', '{"a":"\\ud800"}'])
async def test_client_properties_that_are_no_object_are_ignored(stage: Stage, header: str) -> None:
    conversation = await stage.open()
    assert (await stage.say(conversation, client_properties=header)).status == 200
    assert "originatorClientProperties" not in stage.webhooks.changes()[-1]


async def test_the_conversation_may_be_named_beside_the_dialog(stage: Stage) -> None:
    conversation = await stage.open()
    body = {"dialogId": conversation, "conversationId": conversation, "event": text()}
    assert (await stage.send("ms.PublishEvent", body)).status == 200


async def test_a_dialog_of_another_conversation_is_unknown(stage: Stage) -> None:
    conversation, other = await stage.open(), await stage.open()
    body = {"dialogId": other, "conversationId": conversation, "event": text()}
    answered = await stage.send("ms.PublishEvent", body)
    assert (answered.status, answered.error) == (404, 40403)
    assert (await stage.rows())["events"] == 0


@pytest.mark.parametrize(
    "conversation", [None, "nonsense", "\x00", "A" * 10_000], ids=["unknown", "no-uuid", "nul", "long"]
)
async def test_an_unknown_conversation_is_refused(stage: Stage, conversation: str | None) -> None:
    answered = await stage.say(unknown_id() if conversation is None else conversation)
    assert (answered.status, answered.error) == (404, 40402)
    assert stage.webhooks.seen == []


@pytest.mark.parametrize(
    ("app", "consumer"),
    [("other-app", "consumer"), ("app", "other-consumer"), ("other-app", "other-consumer")],
)
async def test_a_foreign_conversation_looks_like_one_that_does_not_exist(stage: Stage, app: str, consumer: str) -> None:
    conversation = await stage.open()
    known = len(stage.webhooks.seen)
    unknown = await stage.say(unknown_id(), app=app, consumer=consumer)
    for answered in (
        await stage.say(conversation, app=app, consumer=consumer),
        await stage.close(conversation, app=app, consumer=consumer),
    ):
        assert (answered.status, answered.body) == (404, unknown.body)
    assert (await stage.rows())["events"] == 0
    assert len(stage.webhooks.seen) == known
    assert (await stage.messaging.get_conversation(ACCOUNT, conversation)).state == "OPEN"


async def test_a_closed_conversation_takes_no_event(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.close(conversation)
    known = len(stage.webhooks.seen)
    for event in (text(), {"type": "ChatStateEvent", "chatState": "GONE"}):
        answered = await stage.publish(conversation, event)
        assert (answered.status, answered.error) == (409, 40901)
    assert (await stage.rows())["events"] == 0
    assert len(stage.webhooks.seen) == known


async def test_a_receipt_for_a_sequence_that_does_not_exist_is_refused(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.say(conversation)
    receipt = {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0, 1]}
    answered = await stage.publish(conversation, receipt)
    assert (answered.status, answered.error) == (400, 40010)
    assert (await stage.rows())["events"] == 1


async def test_the_clock_going_back_does_not_turn_timestamps_round(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.say(conversation)
    at = stage.clock.at_ms
    stage.clock.at_ms -= 5_000
    await stage.say(conversation)
    assert stage.webhooks.changes()[-1]["serverTimestamp"] == at
