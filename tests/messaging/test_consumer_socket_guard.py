"""Who gets a consumer's socket, and what a client can do to it: proofs, origins, limits, nonsense."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from support.consumer_socket import PAGE, Consumers, serve_consumers, until
from support.messaging_stage import ACCOUNT, CONSUMER, OTHER, Stage, text
from switchbay.accounts.public import OPERATOR, AccountChange
from switchbay.oauth.public import Visitor


@pytest.fixture
async def consumers(stage: Stage) -> AsyncIterator[Consumers]:
    async with serve_consumers(stage) as served:
        yield served


async def refused(consumers: Consumers, *arguments: Any, **options: Any) -> int:
    """The status with which an upgrade is refused."""
    with pytest.raises(InvalidStatus) as error:
        async with consumers.connect(*arguments, **options):
            pass
    return error.value.response.status_code


# Who


async def test_a_browser_says_who_it_is_in_its_first_request(consumers: Consumers) -> None:
    async with consumers.connect(None) as kim:
        answer = await kim.init()
        assert (answer["code"], answer["type"]) == (200, ".ReqBody$StringResp")
        conversation = await kim.open()
    stored = await consumers.stage.messaging.get_conversation(ACCOUNT, conversation)
    assert stored.consumer_id == CONSUMER
    assert '"deviceFamily":"DESKTOP"' not in stored.opening, "without a context there is nothing to add it to"


async def test_client_properties_go_along_with_events(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        await kim.init()
        conversation = await kim.open(conversationContext={"type": "SharkContext"})
        await kim.say(conversation)
    (event,) = await consumers.stage.messaging.list_events(ACCOUNT, conversation, None, since=0, most=10)
    assert event.client_properties == '{"type":".ams.headers.ClientProperties","deviceFamily":"DESKTOP"}'


@pytest.mark.parametrize("token", ["", "forged"])
async def test_a_wrong_proof_ends_the_connection(consumers: Consumers, token: str) -> None:
    async with consumers.connect(None) as somebody:
        assert (await somebody.init(token))["code"] == 401
        assert await somebody.closed() == 4401


async def test_nothing_is_done_for_who_is_not_known(consumers: Consumers) -> None:
    async with consumers.connect(None) as somebody:
        answer = await somebody.request("cm.ConsumerRequestConversation")
        assert answer["code"] == 401
        assert await somebody.closed() == 4401
    assert (await consumers.stage.rows())["conversations"] == 0


async def test_who_does_not_say_who_they_are_is_not_waited_for(stage: Stage) -> None:
    async with serve_consumers(stage, init_seconds=0.01) as consumers, consumers.connect(None) as somebody:
        assert await somebody.closed() == 4401


async def test_the_connection_ends_with_the_token(consumers: Consumers) -> None:
    now = consumers.stage.clock.now_ms()
    consumers.visitors.tokens["short"] = Visitor(ACCOUNT, CONSUMER, now + 20)
    async with consumers.connect("short") as kim:
        consumers.stage.clock.advance(ms=20)
        assert await kim.closed() == 4401


async def test_a_bad_header_is_refused_before_the_upgrade(consumers: Consumers) -> None:
    assert await refused(consumers, "forged") == 401
    assert await refused(consumers, "") == 401


async def test_a_token_of_another_account_opens_nothing(consumers: Consumers) -> None:
    await consumers.stage.accounts.update_account(OTHER, AccountChange(web_origins=[PAGE]), OPERATOR)
    assert await refused(consumers, "kim", account=OTHER) == 401
    assert await refused(consumers, "kim", account="nobody") == 404


# From where


async def test_only_pages_of_the_account_may_connect(consumers: Consumers) -> None:
    for origin in ("https://evil.example", "null", "http://www.example.com"):
        assert await refused(consumers, "kim", origin=origin) == 403
    async with consumers.connect(origin=None) as program:
        await program.rest()


async def test_an_account_without_web_origins_has_no_socket(consumers: Consumers) -> None:
    await consumers.stage.accounts.update_account(ACCOUNT, AccountChange(web_origins=[]), OPERATOR)
    assert await refused(consumers, "kim") == 403
    assert await refused(consumers, "kim", origin=None) == 403


# How much


async def test_a_consumer_has_at_most_ten_sockets(consumers: Consumers) -> None:
    async with AsyncExitStack() as many:
        for _ in range(10):
            await (await many.enter_async_context(consumers.connect())).rest()
        one_more = await many.enter_async_context(consumers.connect())
        assert await one_more.closed() == 1008
        await (await many.enter_async_context(consumers.connect("lee"))).rest()
    async with consumers.connect() as kim:
        await kim.rest()


async def test_few_connections_of_a_network_may_be_unknown(consumers: Consumers) -> None:
    async with AsyncExitStack() as many:
        unknown = [await many.enter_async_context(consumers.connect(None)) for _ in range(50)]
        assert await refused(consumers, None) == 429
        await unknown[0].init()
        async with consumers.connect(None):
            pass


async def test_requests_are_counted(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        codes = [(await kim.request("KeepAlive"))["code"] for _ in range(602)]
    assert codes == [200] * 600 + [429] * 2


async def test_subscriptions_and_followed_dialogs_are_bounded(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        codes = [(await kim.request("cqm.SubscribeExConversations"))["code"] for _ in range(11)]
        assert codes == [200] * 10 + [429]


async def test_requests_sent_at_once_are_done_in_their_order(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        conversation = await kim.open()
        for number in range(100):
            body = {"dialogId": conversation, "event": text(str(number))}
            await kim.send({"kind": "req", "id": f"p{number}", "type": "ms.PublishEvent", "body": body})
        answers = [await kim.receive() for _ in range(100)]
    assert [(one["reqId"], one["body"]["sequence"]) for one in answers] == [(f"p{n}", n) for n in range(100)]


# Nonsense


_NONSENSE = [
    ("", 400),
    ("{", 400),
    ("[]", 400),
    ('{"id": "1"}', 400),
    ('{"id": [], "type": "GetClock"}', 400),
    ('{"id": "", "type": "GetClock"}', 400),
    ('{"kind": "resp", "id": "1", "type": "GetClock"}', 400),
    ('{"id": "1", "type": "routing.SetAgentState"}', 400),
    ('{"id": "1", "type": "ms.PublishEvent"}', 400),
    ('{"id": "1", "type": "ms.PublishEvent", "body": "x"}', 400),
    ('{"id": "1", "type": "ms.PublishEvent", "body": {"event": {"type": "ContentEvent"}}}', 400),
    ('{"id": "1", "type": "cm.ConsumerRequestConversation", "body": {"brandId": "other"}}', 400),
    (
        '{"id": "1", "type": "UpdateConversationField", "body": {"conversationId": "x", "conversationField": []}}',
        400,
    ),
    ('{"id": "1", "type": "GetClock", "headers": [1]}', 200),
    ('{"id": "1", "type": "InitConnection", "headers": [{"type": 5}]}', 400),
    ('{"id": "1", "type": "cqm.SubscribeExConversations", "body": {"convState": ["LOCKED"]}}', 400),
    ('{"id": "1", "type": "ms.GenerateURLForUploadFile", "body": {}}', 400),
    ('{"id": "1", "type": ".GetClock", "body": null}', 200),
    ('{"id": 7, "type": "KeepAlive"}', 200),
    ("[" * 100_000, 400),
]


async def test_what_cannot_be_done_is_answered_and_the_connection_stays(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        for frame, code in _NONSENSE:
            await kim.send(frame)
            answer = await kim.receive()
            assert (answer["kind"], answer["code"]) == ("resp", code), frame
            if code != 200:
                assert isinstance(answer["body"], str)
                assert len(answer["body"]) <= 128
            assert await kim.rest() == []
    assert (await consumers.stage.rows())["conversations"] == 0


async def test_a_frame_that_is_too_large_ends_the_connection(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        await kim.send("x" * 300_000)
        assert await kim.closed() == 1009
    async with consumers.connect() as kim:
        await kim.rest()


async def test_a_refused_consumer_may_not_change_what_is_the_agents(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        conversation = await kim.open()
        for field in (
            {"field": "Skill", "type": "UPDATE", "skill": "9"},
            {"field": "ParticipantsChange", "type": "ADD", "role": "MANAGER"},
            {"field": "CSATRate", "csatRate": 6},
            {"field": "CSATRate", "csatRate": True},
        ):
            body = {"conversationId": conversation, "conversationField": [field]}
            assert (await kim.request("cm.UpdateConversationField", body))["code"] == 400
        private = {"dialogId": conversation, "event": text(), "messageAudience": "AGENTS_AND_MANAGERS"}
        assert (await kim.request("ms.PublishEvent", private))["code"] == 400
        early = {"field": "CSATRate", "csatRate": 5}
        rated = await kim.request(
            "cm.UpdateConversationField", {"conversationId": conversation, "conversationField": early}
        )
        assert rated["code"] == 409
    stored = await consumers.stage.messaging.get_conversation(ACCOUNT, conversation)
    assert (stored.revision, stored.main.next_sequence) == (0, 0)


async def test_a_client_that_vanishes_leaves_nothing_behind(consumers: Consumers) -> None:
    async with consumers.connect() as kim:
        conversation = await kim.open()
        await kim.follow(conversation)
        kim.connection.transport.abort()
    await until(lambda: not consumers.door._feed.is_here((ACCOUNT, CONSUMER)))
    async with consumers.connect() as kim:
        assert await kim.say(conversation) == 0
