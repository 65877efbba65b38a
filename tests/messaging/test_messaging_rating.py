"""The consumer's rating, and the survey that follows a conversation."""

from typing import Any

import pytest

from support.messaging_stage import ACCOUNT, Stage
from switchbay.accounts.public import OPERATOR, AccountChange
from switchbay.messaging.domain import Csat


async def change(stage: Stage, conversation: str, field: dict[str, Any]) -> Any:
    body = {"conversationId": conversation, "conversationField": field}
    return await stage.send("cm.UpdateConversationField", body)


async def rating(stage: Stage, conversation: str) -> Csat | None:
    return (await stage.messaging.get_conversation(ACCOUNT, conversation)).facts.csat


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ({"csatRate": 5, "csatResolutionConfirmation": True, "status": "FILLED"}, Csat(5, True, "FILLED")),
        ({"csatRate": 1, "csatResolutionConfirmation": False}, Csat(1, False, "FILLED")),
        ({"csatRate": 3}, Csat(3, None, "PARTIALLY_FILLED")),
        ({}, Csat(None, None, "SKIPPED")),
    ],
)
async def test_a_consumer_rates_a_conversation_that_has_ended(
    stage: Stage, field: dict[str, Any], expected: Csat
) -> None:
    conversation = await stage.open()
    await stage.close(conversation)
    answered = await change(stage, conversation, {"field": "CSATRate", **field})
    assert answered.status == 200, answered.body
    assert await rating(stage, conversation) == expected


@pytest.mark.parametrize(
    "field",
    [
        {"csatRate": 0},
        {"csatRate": 6},
        {"csatRate": "5"},
        {"csatRate": True},
        {"csatRate": 4.5},
        {"csatResolutionConfirmation": "yes"},
        {"status": "DONE"},
    ],
)
async def test_an_odd_rating_is_refused_and_kept_nowhere(stage: Stage, field: dict[str, Any]) -> None:
    conversation = await stage.open()
    await stage.close(conversation)
    known = len(stage.webhooks.seen)
    answered = await change(stage, conversation, {"field": "CSATRate", **field})
    assert (answered.status, answered.error) == (400, 40003)
    assert (await rating(stage, conversation), len(stage.webhooks.seen)) == (None, known)


async def test_an_open_conversation_is_not_rated(stage: Stage) -> None:
    conversation = await stage.open()
    answered = await change(stage, conversation, {"field": "CSATRate", "csatRate": 5})
    assert (answered.status, await rating(stage, conversation)) == (409, None)


async def test_closing_the_main_dialog_opens_the_accounts_survey(stage: Stage) -> None:
    await stage.accounts.update_account(ACCOUNT, AccountChange(survey_app="survey-app"), OPERATOR)
    conversation = await stage.open()
    dialog = {"dialogId": conversation, "state": "CLOSE"}
    answered = await change(stage, conversation, {"field": "DialogChange", "type": "UPDATE", "dialog": dialog})
    assert answered.status == 200
    stored = await stage.messaging.get_conversation(ACCOUNT, conversation)
    assert (stored.state, stored.stage) == ("CLOSE", "OPEN")
    main, survey = stored.dialogs
    assert (main.state, survey.state, survey.app_install_id) == ("CLOSE", "OPEN", "survey-app")
    dialog = {"dialogId": survey.dialog_id, "state": "CLOSE"}
    await change(stage, conversation, {"field": "DialogChange", "type": "UPDATE", "dialog": dialog})
    assert (await stage.messaging.get_conversation(ACCOUNT, conversation)).stage == "CLOSE"


async def test_closing_the_conversation_asks_nothing(stage: Stage) -> None:
    await stage.accounts.update_account(ACCOUNT, AccountChange(survey_app="survey-app"), OPERATOR)
    conversation = await stage.open()
    await stage.close(conversation)
    stored = await stage.messaging.get_conversation(ACCOUNT, conversation)
    assert (stored.stage, len(stored.dialogs)) == ("CLOSE", 1)
