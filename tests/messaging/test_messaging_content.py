"""Structured content on its way in: what is refused comes back with its findings, the rest is passed on untouched."""

from typing import Any

import pytest

from support.messaging_stage import Stage, text

RUNS_CODE = {
    "type": "RichContentEvent",
    "content": {
        "type": "vertical",
        "elements": [
            {"type": "text", "text": 1},
            {"type": "button", "title": "Go", "click": {"actions": [{"type": "link", "uri": "java\tscript:alert(1)"}]}},
        ],
    },
}
UNUSUAL: dict[str, Any] = {
    "type": "RichContentEvent",
    "content": {
        "type": "carousel",
        "elements": [{"type": "hologram", "volume": 11, "Text": "ü"}, {"elements": [], "type": "vertical"}],
        "customSettings": None,
    },
    "quickReplies": None,
}


async def test_a_connector_is_told_the_findings_in_words(stage: Stage) -> None:
    conversation = await stage.open()
    answered = await stage.publish(conversation, RUNS_CODE)
    assert (answered.status, answered.error) == (400, 40005)
    assert answered.body["body"]["details"] == (
        "The event is not valid: /content/elements/0/text type: text is a number, not a string; "
        "/content/elements/1/click/actions/0/uri link_scheme: uri has the scheme javascript, which is not allowed."
    )
    assert (await stage.rows())["events"] == 0
    assert stage.webhooks.keys == ["cqm.ExConversationChangeNotification"]


async def test_an_agent_gets_the_findings_as_data(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.agent("POST", f"/{conversation}/join")
    known = len(stage.webhooks.seen)
    replies = {"type": "quickReplies", "itemsPerRow": "3", "replies": [{"type": "button", "title": "Yes"}] * 25}
    answered = await stage.agent("POST", f"/{conversation}/events", text("Well?") | {"quickReplies": replies})
    error = answered.body["error"]
    assert (answered.status, error["code"]) == (400, "event_invalid")
    assert [(one["code"], one["path"], one["fix"]) for one in error["detail"]["findings"]] == [
        ("type", "/quickReplies/itemsPerRow", [{"op": "replace", "path": "/quickReplies/itemsPerRow", "value": 3}]),
        ("too_many", "/quickReplies/replies", None),
    ]
    assert len(stage.webhooks.seen) == known


async def test_an_answer_names_few_findings_of_many(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.agent("POST", f"/{conversation}/join")
    content = {"type": "vertical", "elements": [{"type": "text"}] * 50}
    answered = await stage.agent("POST", f"/{conversation}/events", {"type": "RichContentEvent", "content": content})
    assert len(answered.body["error"]["detail"]["findings"]) == 20
    assert answered.body["error"]["message"].endswith("text needs the member text; 47 more.")


@pytest.mark.parametrize("event", [UNUSUAL, text() | {"quickReplies": None}], ids=["unusual", "null"])
async def test_what_is_only_unusual_is_passed_on_as_it_was_published(stage: Stage, event: dict[str, Any]) -> None:
    conversation = await stage.open()
    assert (await stage.publish(conversation, event)).status == 200
    passed_on = stage.webhooks.changes()[-1]["event"]
    assert passed_on == event
    assert list(passed_on) == list(event)
