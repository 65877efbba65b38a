"""Bad input to the Send API: every refusal has the documented body, and nothing is stored."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from support.messaging_stage import ACCOUNT, APP, OTHER, Stage, request, stage_on, text
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.messaging.public import Limits

NOTHING = {"conversations": 0, "events": 0, "consumers": 0, "idempotency": 0}
PROFILE = request("userprofile.SetUserProfile", {"firstName": "Kim"})


CALLERS: list[tuple[dict[str, Any], int, int, str]] = [
    ({"app": None}, 401, 40105, "AppJWT is missing"),
    ({"app": "forged"}, 401, 40102, "Invalid AppJWT"),
    ({"app": "foreign-app"}, 401, 40102, "Invalid AppJWT"),
    ({"consumer": None}, 401, 40104, "ConsumerJWS is missing"),
    ({"consumer": "forged"}, 401, 40103, "Invalid ConsumerJWS"),
    ({"consumer": "foreign-consumer"}, 401, 40103, "Invalid ConsumerJWS"),
    ({"app": None, "consumer": None}, 401, 40105, "AppJWT is missing"),
    ({"account": OTHER}, 401, 40102, "Invalid AppJWT"),
    ({"account": "nobody"}, 401, 40102, "Invalid AppJWT"),
    ({"account": "%00"}, 401, 40102, "Invalid AppJWT"),
    ({"app": "narrow-app"}, 403, 40301, "Missing scope"),
]


async def test_who_may_not_call(stage: Stage) -> None:
    for options, status, error, title in CALLERS:
        for path, body in (("", [PROFILE]), ("/send", PROFILE)):
            answered = await stage.post(path, body, **options)
            assert (answered.status, answered.error, answered.body["body"]["title"]) == (status, error, title), options
    assert await stage.rows() == NOTHING


async def test_a_disabled_application_is_refused_with_its_old_token(stage: Stage) -> None:
    conversation = await stage.open()
    del stage.tokens.apps["app"]
    answered = await stage.say(conversation)
    assert (answered.status, answered.error) == (401, 40102)
    assert answered.headers["www-authenticate"] == "Bearer"
    assert (await stage.rows())["events"] == 0


BODIES: list[tuple[bytes, int]] = [
    (b"", 40002),
    (b"{", 40002),
    (b"\xff\xfe", 40002),
    (b"\xef\xbb\xbf{}", 40002),
    (b'{"kind":"req","id":"1","type":"ms.PublishEvent","body":{"x":"\\ud800"}}', 40002),
    (b'{"id":"1","type":"userprofile.SetUserProfile","body":{"x":"\xed\xa0\x80"}}', 40002),
    (b'{"id":"1","type":"userprofile.SetUserProfile","body":{"x":NaN}}', 40002),
    (b'{"id":"1","type":"userprofile.SetUserProfile","body":{"x":1e999}}', 40003),
    (b'{"id":"1","type":"userprofile.SetUserProfile","body":{"x":' + b"[" * 100_000, 40002),
    (b"null", 40003),
    (b"[]", 40003),
    (b'"x"', 40003),
    (b"{}", 40001),
    (b'{"id":"1"}', 40001),
    (b'{"type":"userprofile.SetUserProfile","body":{}}', 40001),
    (b'{"id":"1","type":"userprofile.SetUserProfile"}', 40001),
    (b'{"id":null,"type":"userprofile.SetUserProfile","body":{}}', 40003),
    (b'{"id":[],"type":"userprofile.SetUserProfile","body":{}}', 40003),
    (b'{"id":true,"type":"userprofile.SetUserProfile","body":{}}', 40003),
    (b'{"id":"' + b"x" * 129 + b'","type":"userprofile.SetUserProfile","body":{}}', 40003),
    (b'{"kind":"resp","id":"1","type":"userprofile.SetUserProfile","body":{}}', 40003),
    (b'{"kind":"req","id":"1","type":"cqm.SubscribeExConversations","body":{}}', 40004),
    (b'{"kind":"req","id":"1","type":7,"body":{}}', 40003),
    (b'{"id":"1","type":"ms.PublishEvent","body":{"dialogId":"x"}}', 40001),
    (b'{"id":"1","type":"ms.PublishEvent","body":{"dialogId":7,"event":{}}}', 40003),
    (b'{"id":"1","type":"ms.PublishEvent","body":{"dialogId":"x","event":[]}}', 40003),
    (b'{"id":"1","type":"cm.UpdateConversationField","body":{}}', 40001),
]


async def test_a_body_that_does_not_fit(stage: Stage) -> None:
    for body, error in BODIES:
        answered = await stage.post("/send", body)
        assert (answered.status, answered.error) == (400, error), body[:100]
    assert await stage.rows() == NOTHING


async def test_a_missing_member_is_named(stage: Stage) -> None:
    batch = [PROFILE, request("cm.ConsumerRequestConversation", {})]
    assert (await stage.post("", batch)).body["body"]["details"] == "[1].body.brandId is missing."
    answered = await stage.send("ms.PublishEvent", {"event": text()})
    assert (answered.error, answered.body["body"]["details"]) == (40001, "body.dialogId is missing.")


async def test_metadata_that_is_too_long_is_refused(stage: Stage) -> None:
    conversation = await stage.open()
    body = request("ms.PublishEvent", {"dialogId": conversation, "event": text()}) | {"metadata": ["x" * 17_000]}
    answered = await stage.post("/send", body)
    assert (answered.status, answered.error) == (400, 40003)
    assert (await stage.rows())["events"] == 0


async def test_a_consumer_cannot_publish_in_private(stage: Stage) -> None:
    conversation = await stage.open()
    body = {"dialogId": conversation, "event": text(), "messageAudience": "AGENTS_AND_MANAGERS"}
    answered = await stage.send("ms.PublishEvent", body)
    assert (answered.status, answered.error) == (400, 40003)
    assert (await stage.rows())["events"] == 0


FILE: dict[str, object] = {"relativePath": "/x", "fileType": "PNG"}
EVENTS: list[object] = [
    {},
    {"type": "Unknown"},
    {"type": ["ContentEvent"]},
    {"type": "ContentEvent"},
    {"type": "ContentEvent", "contentType": "text/plain"},
    {"type": "ContentEvent", "contentType": "text/plain", "message": 1},
    {"type": "ContentEvent", "contentType": "text/plain", "message": None},
    {"type": "ContentEvent", "contentType": "text/html", "message": "x"},
    {"type": "ContentEvent", "contentType": ["text/plain"], "message": "x"},
    {"type": "ContentEvent", "contentType": "text/plain", "message": "x", "quickReplies": []},
    {"type": "ContentEvent", "contentType": "hosted/file", "message": "x"},
    {"type": "ContentEvent", "contentType": "hosted/file", "message": {"caption": "x", "fileType": "PNG"}},
    {"type": "ContentEvent", "contentType": "hosted/file", "message": {"relativePath": "/x", "fileType": ""}},
    {"type": "ContentEvent", "contentType": "hosted/file", "message": FILE | {"caption": 1}},
    {"type": "ContentEvent", "contentType": "forms/secure-invitation", "message": "x"},
    {"type": "RichContentEvent"},
    {"type": "RichContentEvent", "content": "x"},
    {"type": "RichContentEvent", "content": {}, "quickReplies": "x"},
    {"type": "RichContentEvent", "content": {"type": "text", "text": "x"}, "quickReplies": {}},
    {"type": "RichContentEvent", "content": {"type": "image", "url": "javascript:alert(1)"}},
    {"type": "ContentEvent", "contentType": "text/plain", "message": "x", "quickReplies": {"type": "quickReplies"}},
    {"type": "AcceptStatusEvent", "status": "READ"},
    {"type": "AcceptStatusEvent", "status": "SEEN", "sequenceList": []},
    {"type": "AcceptStatusEvent", "status": "ENRICH", "sequenceList": []},
    {"type": "AcceptStatusEvent", "status": ["READ"], "sequenceList": []},
    {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": 0},
    {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": ["0"]},
    {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [True]},
    {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0.0]},
    {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [-1]},
    {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0] * 10_001},
    {"type": "ChatStateEvent"},
    {"type": "ChatStateEvent", "chatState": "BACKGROUND"},
    {"type": "ChatStateEvent", "chatState": {}},
]  # fmt: skip


async def test_an_event_without_the_shape_of_its_type(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.say(conversation)
    for event in EVENTS:
        answered = await stage.publish(conversation, event)
        assert (answered.status, answered.error) == (400, 40005), event
    assert (await stage.rows())["events"] == 1
    assert len(stage.webhooks.seen) == 2


@pytest.fixture
async def narrow(db: Database, clock: ManualClock, randomness: Randomness) -> AsyncIterator[Stage]:
    """A room that takes ten characters and two thousand bytes."""
    async with stage_on(db, clock, randomness, Limits(message_characters=10, body_bytes=2_000)) as stage:
        yield stage


async def test_a_message_has_a_longest_length_in_characters(narrow: Stage) -> None:
    conversation = await narrow.open()
    assert (await narrow.say(conversation, "🌍" * 10)).status == 200
    answered = await narrow.say(conversation, "x" * 11)
    assert (answered.status, answered.error) == (413, 41302)
    assert (await narrow.rows())["events"] == 1


async def test_a_caption_is_no_longer_than_a_message(narrow: Stage) -> None:
    conversation = await narrow.open()
    event = {"type": "ContentEvent", "contentType": "hosted/file", "message": FILE | {"caption": "x" * 11}}
    answered = await narrow.publish(conversation, event)
    assert (answered.status, answered.error) == (413, 41302)
    assert (await narrow.rows())["events"] == 0


async def test_a_body_has_a_largest_size(narrow: Stage) -> None:
    body = msgspec.json.encode(request("userprofile.SetUserProfile", {"x": "y" * 2_000}))
    answered = await narrow.post("/send", body)
    assert (answered.status, answered.error) == (413, 41301)
    assert await narrow.rows() == NOTHING


async def test_a_body_that_comes_in_pieces_is_stopped_at_its_largest_size(narrow: Stage) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 500

    headers = {"Authorization": "app", "X-LP-ON-BEHALF": "consumer"}
    url = f"/api/account/{ACCOUNT}/messaging/consumer/conversation/send"
    response = await narrow.http.post(url, content=endless(), headers=headers)
    assert (response.status_code, response.json()["body"]["errorCode"]) == (413, 41301)
    assert sent == 5


async def test_tokens_are_looked_at_before_the_body(narrow: Stage) -> None:
    answered = await narrow.post("/send", b"x" * 3_000, app=None)
    assert (answered.status, answered.error) == (401, 40105)


async def test_an_event_that_cannot_be_published_is_not_stored_either(stage: Stage) -> None:
    conversation = await stage.open()
    stage.webhooks.failure = RuntimeError("the webhooks room failed")
    headers = {"Authorization": "app", "X-LP-ON-BEHALF": "consumer"}
    url = f"/api/account/{ACCOUNT}/messaging/consumer/conversation/send"
    body = request("ms.PublishEvent", {"dialogId": conversation, "event": text()})
    assert (await stage.http.post(url, json=body, headers=headers)).status_code == 500
    assert (await stage.rows())["events"] == 0
    stage.webhooks.failure = None
    assert (await stage.say(conversation)).body["body"] == {"sequence": 0}
    assert stage.webhooks.seen[-1].owner_id == APP
