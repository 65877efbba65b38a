"""The agents' door: read, join, answer, leave, close."""

import asyncio
from typing import Any

import pytest

from support.messaging_stage import ACCOUNT, APP, CONSUMER, OTHER, Stage, request, text, unknown_id


async def pid(stage: Stage, name: str) -> str:
    users = await stage.accounts.list_users(ACCOUNT)
    return next(user.user_pid for user in users if user.login_name == name)


def participants(answered: Any) -> list[tuple[str, str]]:
    details = answered.body["result"]["conversationDetails"]
    return [(one["id"], one["role"]) for one in details["participants"]]


async def test_joining_makes_the_assigned_agent_and_tells_the_connector(stage: Stage) -> None:
    conversation = await stage.open()
    stage.clock.advance(seconds=5)
    answered = await stage.agent("POST", f"/{conversation}/join")
    bob = await pid(stage, "bob")
    assert answered.status == 200
    assert participants(answered) == [(CONSUMER, "CONSUMER"), (bob, "ASSIGNED_AGENT")]
    details = stage.webhooks.changes()[-1]["result"]["conversationDetails"]
    assert details["dialogs"][0]["participantsDetails"] == [
        {"id": CONSUMER, "role": "CONSUMER", "state": "ACTIVE"},
        {"id": bob, "role": "ASSIGNED_AGENT", "state": "ACTIVE"},
    ]
    assert details["metaDataLastUpdateTs"] == stage.clock.at_ms


async def test_joining_again_changes_nothing(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.agent("POST", f"/{conversation}/join")
    known = len(stage.webhooks.seen)
    assert (await stage.agent("POST", f"/{conversation}/join")).status == 200
    assert len(stage.webhooks.seen) == known


async def test_a_conversation_has_one_assigned_agent_until_they_leave(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.agent("POST", f"/{conversation}/join")
    answered = await stage.agent("POST", f"/{conversation}/join", user="cyd")
    assert (answered.status, answered.body["error"]["code"]) == (409, "conversation_taken")
    assert participants(await stage.agent("POST", f"/{conversation}/leave")) == [(CONSUMER, "CONSUMER")]
    assert (await stage.agent("POST", f"/{conversation}/join", user="cyd")).status == 200


async def test_of_agents_who_join_at_once_one_is_assigned(stage: Stage) -> None:
    conversation = await stage.open()
    users = ["ada", "bob", "cyd"]
    for user in users:
        await stage.bearer(user)
    answers = await asyncio.gather(*(stage.agent("POST", f"/{conversation}/join", user=user) for user in users))
    assert sorted(one.status for one in answers) == [200, 409, 409]


async def test_an_answer_reaches_the_connector_as_the_consumers_events_do(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.say(conversation)
    await stage.agent("POST", f"/{conversation}/join")
    answered = await stage.agent("POST", f"/{conversation}/events", text("How can I help?"))
    assert (answered.status, answered.body) == (200, {"sequence": 1})
    bob = await pid(stage, "bob")
    sent = stage.webhooks.seen[-1]
    assert (sent.owner_id, sent.lane) == (APP, conversation)
    assert stage.webhooks.changes()[-1] == {
        "sequence": 1,
        "originatorId": bob,
        "originatorMetadata": {"id": bob, "role": "ASSIGNED_AGENT"},
        "serverTimestamp": stage.clock.at_ms,
        "event": text("How can I help?"),
        "conversationId": conversation,
        "dialogId": conversation,
        "messageAudience": "ALL",
    }


@pytest.mark.parametrize(
    ("event", "sequence"),
    [
        ({"type": "RichContentEvent", "content": {"type": "vertical", "elements": []}}, 1),
        ({"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]}, 1),
        ({"type": "AcceptStatusEvent", "status": "ENRICH", "sequenceList": [0]}, 1),
        ({"type": "ChatStateEvent", "chatState": "COMPOSING"}, 0),
    ],
)
async def test_agents_publish_every_type(stage: Stage, event: dict[str, Any], sequence: int) -> None:
    conversation = await stage.open()
    await stage.say(conversation)
    await stage.agent("POST", f"/{conversation}/join")
    answered = await stage.agent("POST", f"/{conversation}/events", event)
    assert answered.body == {"sequence": sequence}
    assert stage.webhooks.keys[-1] == f"ms.MessagingEventNotification.{event['type']}"


async def test_a_private_message_is_kept_from_the_connector(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.agent("POST", f"/{conversation}/join")
    known = len(stage.webhooks.seen)
    answered = await stage.agent("POST", f"/{conversation}/events?audience=AGENTS_AND_MANAGERS", text("psst"))
    assert answered.body == {"sequence": 0}
    assert len(stage.webhooks.seen) == known
    listed = await stage.agent("GET", f"/{conversation}/events")
    assert [one["messageAudience"] for one in listed.body["items"]] == ["AGENTS_AND_MANAGERS"]


async def test_who_has_not_joined_may_not_publish_leave_or_close(stage: Stage) -> None:
    conversation = await stage.open()
    known = len(stage.webhooks.seen)
    refused = [("events", text(), 403, "participant_missing"), ("leave", None, 400, "agent_absent")]
    for path, body, status, code in (*refused, ("close", None, 403, "participant_missing")):
        answered = await stage.agent("POST", f"/{conversation}/{path}", body)
        assert (answered.status, answered.body["error"]["code"]) == (status, code), path
    assert len(stage.webhooks.seen) == known
    assert (await stage.rows())["events"] == 0


@pytest.mark.parametrize("user", ["ada", "bob"])
async def test_agents_close_what_they_joined_and_administrators_anything(stage: Stage, user: str) -> None:
    conversation = await stage.open()
    if user == "bob":
        await stage.agent("POST", f"/{conversation}/join")
    answered = await stage.agent("POST", f"/{conversation}/close", user=user)
    details = answered.body["result"]["conversationDetails"]
    assert (details["state"], details["stage"], details["closeReason"]) == ("CLOSE", "CLOSE", "AGENT")
    assert details["dialogs"][0]["closedBy"] == "AGENT"
    assert stage.webhooks.changes()[-1]["result"]["conversationDetails"] == details
    again = await stage.agent("POST", f"/{conversation}/close", user=user)
    assert (again.status, again.body["error"]["code"]) == (409, "conversation_closed")


async def test_an_answer_makes_nothing_due_and_the_consumers_word_does_again(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.agent("POST", f"/{conversation}/join")

    async def due() -> Any:
        return (await stage.agent("GET", f"/{conversation}")).body["result"]["effectiveTTR"]

    assert await due() == stage.clock.at_ms + 3_600_000
    await stage.agent("POST", f"/{conversation}/events", text())
    assert await due() == -1
    stage.clock.advance(seconds=9)
    await stage.say(conversation)
    assert await due() == stage.clock.at_ms + 3_600_000
    await stage.agent("POST", f"/{conversation}/events?audience=AGENTS_AND_MANAGERS", text())
    assert await due() == stage.clock.at_ms + 3_600_000


async def test_events_are_listed_from_a_sequence_on(stage: Stage) -> None:
    conversation = await stage.open()
    for number in range(5):
        await stage.say(conversation, str(number), client_properties='{"type":".ClientProperties"}')
    listed = await stage.agent("GET", f"/{conversation}/events?since=1&limit=2")
    assert [one["event"]["message"] for one in listed.body["items"]] == ["1", "2"]
    assert listed.body["next_since"] == 3
    assert listed.body["items"][0] == {
        "sequence": 1,
        "originatorId": CONSUMER,
        "originatorMetadata": {"id": CONSUMER, "role": "CONSUMER"},
        "serverTimestamp": stage.clock.at_ms,
        "event": text("1"),
        "conversationId": conversation,
        "dialogId": conversation,
        "messageAudience": "ALL",
        "originatorClientProperties": {"type": ".ClientProperties"},
    }
    assert (await stage.agent("GET", f"/{conversation}/events?since=4")).body["next_since"] is None
    assert (await stage.agent("GET", f"/{conversation}/events?since=5")).body["items"] == []


async def test_metadata_of_a_request_is_shown_to_agents_only(stage: Stage) -> None:
    conversation = await stage.open()
    body = request("ms.PublishEvent", {"dialogId": conversation, "event": text()})
    await stage.post("/send", body | {"metadata": [{"type": "ExternalId", "id": "card"}]})
    assert "metadata" not in stage.webhooks.changes()[-1]
    listed = await stage.agent("GET", f"/{conversation}/events")
    assert listed.body["items"][0]["metadata"] == [{"type": "ExternalId", "id": "card"}]


async def test_conversations_are_listed_newest_first_page_by_page(stage: Stage) -> None:
    opened = []
    for _ in range(5):
        opened.append(await stage.open())
        stage.clock.advance(ms=1)
    await stage.close(opened[2])
    seen, cursor = [], ""
    while True:
        page = await stage.agent("GET", f"?limit=2{cursor}")
        seen += [one["convId"] for one in page.body["items"]]
        if page.body["next_cursor"] is None:
            break
        cursor = f"&cursor={page.body['next_cursor']}"
    assert seen == opened[::-1]
    closed = await stage.agent("GET", "?state=CLOSE")
    assert [one["convId"] for one in closed.body["items"]] == [opened[2]]
    page = await stage.agent("GET", "?state=OPEN&limit=3")
    assert [one["convId"] for one in page.body["items"]] == [opened[4], opened[3], opened[1]]
    page = await stage.agent("GET", f"?state=OPEN&limit=3&cursor={page.body['next_cursor']}")
    assert [one["convId"] for one in page.body["items"]] == [opened[0]]


async def test_conversations_of_one_moment_are_all_listed(stage: Stage) -> None:
    opened = {await stage.open() for _ in range(4)}
    first = await stage.agent("GET", "?limit=2")
    second = await stage.agent("GET", f"?limit=2&cursor={first.body['next_cursor']}")
    assert {one["convId"] for one in first.body["items"] + second.body["items"]} == opened


async def test_a_conversation_shows_its_consumers_profile(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.send("userprofile.SetUserProfile", {"firstName": "Kim"})
    answered = await stage.agent("GET", f"/{conversation}")
    assert (answered.body["installationId"], answered.body["consumerId"]) == (APP, CONSUMER)
    assert answered.body["profile"] == {"firstName": "Kim"}


async def test_a_repeated_answer_is_published_once(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.agent("POST", f"/{conversation}/join")
    first = await stage.agent("POST", f"/{conversation}/events", text(), idempotency_key="k")
    again = await stage.agent("POST", f"/{conversation}/events", text(), idempotency_key="k")
    assert first.body == again.body == {"sequence": 0}
    assert again.headers["idempotency-replayed"] == "true"
    assert (await stage.rows())["events"] == 1
    private = f"/{conversation}/events?audience=AGENTS_AND_MANAGERS"
    assert (await stage.agent("POST", private, text(), idempotency_key="k")).status == 422


BAD: list[tuple[str, str, object, int, str]] = [
    ("GET", "/{unknown}", None, 404, "conversation_unknown"),
    ("GET", "/nonsense", None, 404, "conversation_unknown"),
    ("GET", "/{unknown}/events", None, 404, "conversation_unknown"),
    ("GET", "/{known}/events?dialog=x%00", None, 404, "dialog_unknown"),
    ("POST", "/{unknown}/join", None, 404, "conversation_unknown"),
    ("POST", "/{known}/events?dialog=x", text(), 404, "dialog_unknown"),
    ("POST", "/{known}/events", b"{", 400, "malformed_json"),
    ("POST", "/{known}/events", b"[]", 400, "invalid_body"),
    ("POST", "/{known}/events", {"type": "Unknown"}, 400, "event_invalid"),
    ("GET", "?cursor=nonsense", None, 400, "cursor_invalid"),
    ("GET", "?cursor=%C3%A9%00", None, 400, "cursor_invalid"),
]


async def test_bad_requests_of_agents(stage: Stage) -> None:
    known, unknown = await stage.open(), unknown_id()
    await stage.agent("POST", f"/{known}/join")
    for method, path, body, status, code in BAD:
        answered = await stage.agent(method, path.format(known=known, unknown=unknown), body)
        assert (answered.status, answered.body["error"]["code"]) == (status, code), path
    assert (await stage.rows())["events"] == 0


async def test_queries_out_of_bounds_are_refused(stage: Stage) -> None:
    for query in ("?limit=0", "?limit=201", "?state=GONE"):
        assert (await stage.agent("GET", query)).status in {400, 422}, query


ROUTES = [("GET", path) for path in ("", "/x", "/x/events")] + [
    ("POST", f"/x/{name}") for name in ("join", "leave", "close", "events")
]


async def test_every_route_wants_an_agent_of_this_account(stage: Stage) -> None:
    bearer = {"Authorization": await stage.bearer("bob")}
    for method, path in ROUTES:
        answered = await stage.agent(method, path, user="dev")
        assert (answered.status, answered.body["error"]["code"]) == (403, "role_missing")
        base = "/switchbay/v1/accounts/{}/conversations" + path
        assert (await stage.http.request(method, base.format(ACCOUNT))).status_code == 401
        assert (await stage.http.request(method, base.format(OTHER), headers=bearer)).status_code == 401


async def test_a_conversation_of_another_account_is_unknown(stage: Stage) -> None:
    conversation = await stage.open()
    answered = await stage.post("/send", {}, account=OTHER)
    assert answered.status == 401
    with pytest.raises(Exception, match="no such conversation"):
        await stage.messaging.get_conversation(OTHER, conversation)
