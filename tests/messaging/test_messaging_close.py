"""Closing conversations and dialogs for a consumer."""

from typing import Any

import pytest

from support.messaging_stage import ACCOUNT, Stage, unknown_id


def state() -> dict[str, Any]:
    return {"field": "ConversationStateField", "conversationState": "CLOSE"}


def dialog(dialog_id: str, **dialog: Any) -> dict[str, Any]:
    return {"field": "DialogChange", "type": "UPDATE", "dialog": {"dialogId": dialog_id, "state": "CLOSE"} | dialog}


async def change(stage: Stage, conversation: str, field: object) -> Any:
    return await stage.send(
        "cm.UpdateConversationField", {"conversationId": conversation, "conversationField": field}, request_id=9
    )


@pytest.mark.parametrize("as_array", [False, True])
async def test_closing_a_conversation_closes_its_dialogs(stage: Stage, as_array: bool) -> None:
    conversation = await stage.open()
    opened = stage.clock.at_ms
    stage.clock.advance(seconds=60)
    answered = await change(stage, conversation, [state()] if as_array else state())
    assert answered.body == {"reqId": 9, "code": "OK", "body": {"msg": "OK Conversation field updated successfully"}}
    result = stage.webhooks.changes()[-1]["result"]
    details = result["conversationDetails"]
    now = stage.clock.at_ms
    assert result["effectiveTTR"] == -1
    assert (details["state"], details["stage"], details["closeReason"]) == ("CLOSE", "CLOSE", "CONSUMER")
    assert (details["startTs"], details["endTs"], details["metaDataLastUpdateTs"]) == (opened, now, now)
    main = details["dialogs"][0]
    assert (main["state"], main["endTs"], main["closedBy"]) == ("CLOSE", now, "CONSUMER")
    assert len(stage.webhooks.seen) == 2


async def test_closing_the_main_dialog_closes_the_conversation(stage: Stage) -> None:
    conversation = await stage.open()
    answered = await change(stage, conversation, dialog(conversation, closedCause="Closed by consumer"))
    assert answered.status == 200
    details = stage.webhooks.changes()[-1]["result"]["conversationDetails"]
    assert (details["state"], details["stage"]) == ("CLOSE", "CLOSE")
    assert details["dialogs"][0]["closedCause"] == "Closed by consumer"


async def test_closing_twice_is_refused_without_a_notification(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.close(conversation)
    known = len(stage.webhooks.seen)
    answered = await stage.close(conversation)
    assert (answered.status, answered.error) == (409, 40901)
    assert len(stage.webhooks.seen) == known


async def test_a_second_change_that_is_refused_undoes_the_first(stage: Stage) -> None:
    conversation = await stage.open()
    answered = await change(stage, conversation, [state(), dialog(conversation)])
    assert (answered.status, answered.error) == (409, 40901)
    assert (await stage.messaging.get_conversation(ACCOUNT, conversation)).state == "OPEN"
    assert len(stage.webhooks.seen) == 1


REFUSED: list[tuple[object, int]] = [
    ({}, 40001),
    ([], 40003),
    ([{"field": "ConversationStateField", "conversationState": "CLOSE"}] * 11, 40003),
    ({"field": "ConversationStateField", "conversationState": "OPEN"}, 40003),
    ({"field": "Skill", "type": "UPDATE", "skill": "1"}, 40008),
    ({"field": ["DialogChange"]}, 40008),
    ({"field": "DialogChange", "type": "UPDATE"}, 40001),
    ({"field": "DialogChange", "type": "UPDATE", "dialog": {"state": "CLOSE"}}, 40001),
    (dialog("x", closedCause=1), 40003),
    (dialog("x", closedCause="c" * 513), 40003),
    (dialog("x", state="OPEN"), 40008),
    (dialog("x"), 40403),
    ("CLOSE", 40003),
    (None, 40003),
]


async def test_a_change_that_is_not_valid_changes_nothing(stage: Stage) -> None:
    conversation = await stage.open()
    for field, error in REFUSED:
        answered = await change(stage, conversation, field)
        assert (answered.status, answered.error) == (error // 100, error), field
    assert (await stage.messaging.get_conversation(ACCOUNT, conversation)).state == "OPEN"
    assert len(stage.webhooks.seen) == 1


async def test_an_unknown_conversation_is_refused(stage: Stage) -> None:
    answered = await change(stage, unknown_id(), state())
    assert (answered.status, answered.error) == (404, 40402)
