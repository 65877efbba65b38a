"""The main job, over real sockets with TLS: from a manifest to signed webhooks."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.node import ACCOUNT, Node
from support.receiver import Answer, Received, Receiver
from switchbay.kit.signatures import sign

_EVENTS = (
    "ms.MessagingEventNotification.ContentEvent",
    "ms.MessagingEventNotification.RichContentEvent",
    "ms.MessagingEventNotification.AcceptStatusEvent",
    "ms.MessagingEventNotification.ChatStateEvent",
    "cqm.ExConversationChangeNotification",
)
_EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "manifests"
_INSTALLATIONS = f"/api/account/{ACCOUNT}/configuration/app-install/installations"
_RICH = {"type": "vertical", "elements": [{"type": "text", "text": "Rich 🎉", "tooltip": "t"}]}


def _connector(receiver: Receiver, *events: str, name: str = "connector", retries: int = 5) -> dict[str, Any]:
    return {
        "client_name": name,
        "grant_types": ["client_credentials"],
        "scope": "msg.consumer",
        "enabled": True,
        "capabilities": {
            "webhooks": {event: {"endpoint": receiver.url("/events"), "max_retries": retries} for event in events}
        },
    }


def _change(request: Received) -> dict[str, Any]:
    change: dict[str, Any] = json.loads(request.body)["body"]["changes"][0]
    return change


def _texts(requests: list[Received]) -> list[str]:
    return [_change(request)["event"]["message"] for request in requests]


async def _agent_event(node: Node, agent: dict[str, str], conversation: str, event: dict[str, Any]) -> None:
    path = f"/switchbay/v1/accounts/{ACCOUNT}/conversations/{conversation}/events"
    answer = await node.client.post(path, json=event, headers=agent)
    assert answer.status_code in (200, 201), answer.text


async def test_every_event_of_a_conversation_arrives_signed(node: Node, receiver: Receiver) -> None:
    admin, agent = await node.login("admin"), await node.login("agent")
    app = await node.install(_connector(receiver, *_EVENTS), admin)
    consumer = await node.consumer_headers(await node.app_token(app))
    conversation = await node.open_conversation(consumer)
    await node.say(consumer, conversation, "Hello 😀")
    joined = await node.client.post(
        f"/switchbay/v1/accounts/{ACCOUNT}/conversations/{conversation}/join", headers=agent
    )
    assert joined.status_code in (200, 201), joined.text
    for event in (
        {"type": "ChatStateEvent", "chatState": "COMPOSING"},
        {"type": "ContentEvent", "contentType": "text/plain", "message": "Hi!"},
        {"type": "RichContentEvent", "content": _RICH},
        {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]},
    ):
        await _agent_event(node, agent, conversation, event)
    closed = await node.send(
        consumer,
        "cm.UpdateConversationField",
        {
            "conversationId": conversation,
            "conversationField": {"field": "ConversationStateField", "conversationState": "CLOSE"},
        },
    )
    assert closed.status_code == 200, closed.text

    requests = await receiver.wait_for(8)
    kinds = []
    for request in requests:
        assert request.headers["x-liveperson-signature"] == sign(app["client_secret"].encode(), request.body)
        assert request.headers["x-liveperson-account-id"] == ACCOUNT
        assert request.headers["x-liveperson-client-id"] == app["client_id"]
        change = _change(request)
        kinds.append(
            change["event"]["type"]
            if "event" in change
            else "state " + change["result"]["conversationDetails"]["state"]
        )
    assert kinds == [
        "state OPEN",
        "ContentEvent",
        "state OPEN",
        "ChatStateEvent",
        "ContentEvent",
        "RichContentEvent",
        "AcceptStatusEvent",
        "state CLOSE",
    ]
    assert [_change(request).get("sequence") for request in requests] == [None, 0, None, None, 1, 2, 3, None]


async def test_order_is_kept_while_a_middle_event_fails_and_other_conversations_flow(
    node: Node, receiver: Receiver
) -> None:
    seen: list[str] = []
    arrived = asyncio.Event()

    def answer(request: Received) -> Answer:
        text = _change(request)["event"]["message"]
        seen.append(text)
        if text == "n4":
            arrived.set()
        waits = text == "n2" and (seen.count("n2") < 3 or "q4" not in seen)
        return Answer(status=500) if waits else Answer()

    receiver.answer = answer
    app = await node.install(_connector(receiver, _EVENTS[0]), await node.login())
    consumer = await node.consumer_headers(await node.app_token(app))
    slow, quick = await node.open_conversation(consumer), await node.open_conversation(consumer)
    for number in range(5):
        await node.say(consumer, slow, f"n{number}")
    for number in range(5):
        await node.say(consumer, quick, f"q{number}")
    async with asyncio.timeout(20):
        await arrived.wait()
    slowed = [text for text in seen if text[0] == "n"]
    assert slowed == ["n0", "n1", *["n2"] * (len(slowed) - 4), "n3", "n4"]
    assert len(slowed) >= 7
    assert [text for text in seen if text[0] == "q"] == ["q0", "q1", "q2", "q3", "q4"]
    assert seen.index("q4") < seen.index("n3")
    assert len({request.headers["x-liveperson-request-id"] for request in receiver.requests}) == 10


async def test_both_examples_install_once_their_placeholders_are_filled(node: Node) -> None:
    admin = await node.login()
    path = f"/switchbay/v1/accounts/{ACCOUNT}/apps"
    for name, warnings in (("custom-connector.json", 9), ("web-application.json", 1)):
        text = (_EXAMPLES / name).read_bytes()
        refused = await node.client.post(path, content=text, headers=admin)
        assert refused.status_code == 400
        report = refused.json()["error"]["detail"]["report"]
        assert report["summary"]["errors"] == 2
        filled = {"set": ["YOUR_APPLICATION_DOMAIN=app.example.com", "CALLBACK_PATH=cb"]}
        installed = await node.client.post(path, params=filled, content=text, headers=admin)
        assert installed.status_code == 201, installed.text
        checked = await node.client.post("/api/manifest/check", params=filled, content=text)
        assert checked.json()["summary"] == {"errors": 0, "warnings": warnings}
    listed = await node.client.get(f"{_INSTALLATIONS}?v=1.0", headers=admin)
    assert [app["client_name"] for app in listed.json()] == ["com.liveperson.MyConnectorApp", "com.liveperson.MyWebApp"]
    assert [app["client_secret"] for app in listed.json()] == [None, None]


async def test_a_disabled_app_gets_no_token_and_cannot_send(node: Node, receiver: Receiver) -> None:
    admin = await node.login()
    app = await node.install(_connector(receiver, _EVENTS[0]), admin)
    token = await node.app_token(app)
    consumer = await node.consumer_headers(token)
    conversation = await node.open_conversation(consumer)
    disabled = await node.client.put(
        f"{_INSTALLATIONS}/{app['id']}?v=1.0",
        json={**app, "enabled": False},
        headers={**admin, "If-Match": "*"},
    )
    assert disabled.status_code == 200, disabled.text
    refused = await node.say(consumer, conversation, "hello?")
    assert (refused.status_code, refused.json()["body"]["errorCode"]) == (401, 40102)
    again = await node.client.post(
        f"/sentinel/api/account/{ACCOUNT}/app/token",
        data={
            "grant_type": "client_credentials",
            "client_id": app["client_id"],
            "client_secret": app["client_secret"],
        },
    )
    assert again.status_code in (400, 401)
    assert receiver.requests == []


async def test_the_directory_answers_over_plain_http_and_nothing_else_does(node: Node) -> None:
    answer = await node.directory.get(f"/api/account/{ACCOUNT}/service/baseURI.json?version=1.0")
    services = {entry["service"]: entry["baseURI"] for entry in answer.json()["baseURIs"]}
    assert services["asyncMessagingEnt"] == f"localhost:{node.platform.settings.port}"
    assert {"agentVep", "sentinel", "idp", "accountConfigReadWrite", "swift", "msgHist"} <= set(services)
    assert (await node.directory.get("/api/account/nobody/service/baseURI.json")).status_code == 404
    assert (await node.directory.post(f"/api/account/{ACCOUNT}/login", json={})).status_code == 404


async def test_a_repeated_request_with_the_same_key_is_done_once(node: Node, receiver: Receiver) -> None:
    app = await node.install(_connector(receiver, _EVENTS[0]), await node.login())
    consumer = await node.consumer_headers(await node.app_token(app))
    conversation = await node.open_conversation(consumer)
    keyed = {**consumer, "Idempotency-Key": "k-1"}
    answers = await asyncio.gather(*(node.say(keyed, conversation, "once") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.json()["body"]["sequence"] for answer in answers] == [0] * 5
    await node.say(consumer, conversation, "after")
    assert _texts(await receiver.wait_for(2)) == ["once", "after"]


@pytest.mark.parametrize("header", ["", "Bearer x", "Bearer a.b.c", "eyJhbGciOiJub25lIn0.e30."])
async def test_a_forged_token_opens_nothing(node: Node, header: str) -> None:
    answer = await node.send({"Authorization": header, "X-LP-ON-BEHALF": "x"}, "ms.PublishEvent", {})
    assert answer.status_code == 401
    assert answer.json()["body"]["errorCode"] in (40102, 40105)


async def test_hostile_requests_get_an_error_with_a_code_and_never_a_500(node: Node) -> None:
    admin = await node.login()
    for method, path, body in (
        ("POST", f"/api/account/{ACCOUNT}/login", b"\xff\xfe"),
        ("POST", f"/api/account/{ACCOUNT}/login", b'{"username": 5, "password": null}'),
        ("POST", f"/api/account/{ACCOUNT}/login", b'{"username": "a\\u0000b", "password": "x"}'),
        ("POST", "/api/account/%00/login", b'{"username": "a", "password": "x"}'),
        ("POST", f"/api/account/{'x' * 5000}/login", b'{"username": "a", "password": "x"}'),
        ("POST", f"{_INSTALLATIONS}?v=1.0", b"[" * 100_000),
        ("POST", f"{_INSTALLATIONS}?v=1.0", b'{"client_name":"a\\u0000"}'),
        ("PUT", f"{_INSTALLATIONS}/%00?v=1.0", b"{}"),
        ("GET", f"{_INSTALLATIONS}/{'9' * 3000}", b"[object Object]"),
        ("DELETE", f"{_INSTALLATIONS}/nope", b"[object Object]"),
        ("POST", f"/sentinel/api/account/{ACCOUNT}/app/token", b"client_id=%00&grant_type=client_credentials"),
        ("POST", f"/api/account/{ACCOUNT}/messaging/consumer/conversation/send", b"{"),
        ("POST", f"/switchbay/v1/accounts/{ACCOUNT}/conversations/%00/events", b"{"),
        ("GET", f"/switchbay/v1/accounts/{ACCOUNT}/deliveries?cursor=%00&limit=abc", b""),
        ("GET", f"/switchbay/v1/accounts/{ACCOUNT}/deliveries?limit=99999999999999999999", b""),
        ("PATCH", f"/switchbay/v1/accounts/{ACCOUNT}", b'{"name": "\\u0000"}'),
        ("POST", "/api/manifest/check?set=nothing", b"{}"),
        ("POST", "/api/manifest/check", b" " * 300_000),
    ):
        answer = await node.client.request(method, path, content=body, headers={**admin, "If-Match": "*"})
        assert 400 <= answer.status_code < 500, (method, path, answer.status_code, answer.text)
        assert "Traceback" not in answer.text
        assert answer.headers["content-type"].startswith("application/json"), path


async def test_the_openapi_description_lists_the_management_api(node: Node) -> None:
    paths = (await node.client.get("/switchbay/v1/openapi.json")).json()["paths"]
    assert "/accounts/{account}/conversations/{conversation}/events" in paths
    assert "/accounts/{account}/deliveries" in paths


async def test_the_management_api_does_not_read_a_large_body_before_it_asks_who_is_there(node: Node) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 65_536

    path = f"/switchbay/v1/accounts/{ACCOUNT}"
    declared = await node.client.patch(path, content=b" " * 2_000_000)
    drawn_out = await node.client.patch(path, content=endless())
    for answer in (declared, drawn_out):
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
