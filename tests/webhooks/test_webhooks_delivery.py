"""Events reach the endpoints that subscribe to them: once, in order, signed, with retries by number."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.receiver import Answer, Received
from support.webhooks_house import (
    ACCOUNT,
    APP,
    CHAT_STATE,
    CONTENT,
    OTHER_APP,
    SECRET,
    House,
    owner_of,
    with_headers,
)
from switchbay.infra.db import Tx
from switchbay.infra.machine import ManualClock
from switchbay.kit.secret import Secret
from switchbay.kit.signatures import SignatureAlgorithm, SignatureEncoding
from switchbay.webhooks import owners
from switchbay.webhooks.public import DeliveryFilter, Endpoint


def failing(body: str, times: int = 1) -> Callable[[Received], Answer]:
    """Answer 500 to one body a number of times, 200 to the rest."""
    left = times

    def answer(request: Received) -> Answer:
        nonlocal left
        if request.body != body.encode() or left == 0:
            return Answer()
        left -= 1
        return Answer(500)

    return answer


async def test_an_event_is_posted_to_the_endpoint_of_its_key(house: House) -> None:
    await house.configure(owner_of(house.endpoint(CONTENT, path="/content"), house.endpoint(CHAT_STATE, path="/chat")))
    await house.publish(house.event("one"), house.event("two", key=CHAT_STATE))
    await house.settle()
    assert [(each.path, each.body) for each in house.receiver.requests] == [("/content", b"one"), ("/chat", b"two")]
    assert await house.states() == ["delivered", "delivered"]
    assert await house.is_free()


async def test_an_event_without_an_endpoint_is_not_recorded(house: House) -> None:
    await house.configure(owner_of(house.endpoint(CONTENT)))
    await house.publish(house.event("one", key=CHAT_STATE), house.event("two", owner_id=OTHER_APP))
    await house.settle()
    assert house.receiver.requests == []
    assert await house.states(lane=None) == []


async def test_a_publish_that_is_rolled_back_sends_nothing(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))

    async def fail(tx: Tx) -> None:
        await house.webhooks.publish(tx, [house.event("one")])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await house.db.write(fail)
    await house.settle()
    assert house.receiver.requests == []
    assert await house.states() == []


async def test_both_names_of_the_conversation_event_mean_the_same(house: House) -> None:
    proper = "cqm.ExConversationChangeNotification"
    alias = "ms.MessagingEventNotification.ExConversationChangeNotification"
    await house.configure(owner_of(house.endpoint(alias)))
    await house.publish(house.event("one", key=proper), house.event("two", key=alias))
    await house.settle()
    assert house.receiver.bodies == [b"one", b"two"]
    await house.configure(owner_of(house.endpoint(alias, path="/alias"), house.endpoint(proper, path="/proper")))
    await house.publish(house.event("three", key=alias))
    await house.settle()
    assert house.receiver.requests[-1].path == "/proper"


# Headers and signatures


async def test_a_request_carries_the_documented_headers(house: House) -> None:
    endpoint = with_headers(house.endpoint(), ("X-Token", "s3cret"), ("Content-Type", "text/plain"), ("Accept", "a/b"))
    await house.configure(owner_of(endpoint))
    await house.publish(house.event("one"))
    await house.settle()
    request = house.receiver.requests[0]
    [summary] = (await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter()))[0]
    assert request.headers == {
        "host": f"localhost:{house.receiver.port}",
        "content-type": "application/json; charset=utf-8",
        "content-length": "3",
        "accept": "a/b",
        "user-agent": "Switchbay/0.1.0.dev0",
        "x-liveperson-account-id": ACCOUNT,
        "x-liveperson-client-id": APP,
        "x-liveperson-capability": "webhooks",
        "x-liveperson-request-id": summary.id,
        "x-liveperson-timestamp": str(house.clock.now_ms()),
        "x-liveperson-signature": "sha1="
        + base64.b64encode(hmac.digest(SECRET.reveal().encode(), b"one", "sha1")).decode(),
        "x-token": "s3cret",
    }
    assert len(request.header_list) == len(request.headers)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize("encoding", ["base64", "hex"])
async def test_signature_over_exact_bytes_sent(
    house: House, algorithm: SignatureAlgorithm, encoding: SignatureEncoding
) -> None:
    house.signing.signature_algorithm = algorithm
    house.signing.signature_encoding = encoding
    body = '{"message":"caffè 👋\\u0000 \U0001f9d1\u200d\U0001f680"}'
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event(body))
    await house.settle()
    request = house.receiver.requests[0]
    assert request.body == body.encode()
    mac = hmac.new(SECRET.reveal().encode(), request.body, getattr(hashlib, algorithm)).digest()
    text = base64.b64encode(mac).decode() if encoding == "base64" else mac.hex()
    assert request.headers["x-liveperson-signature"] == f"{algorithm}={text}"


async def test_published_bodies_are_signed_as_the_vendor_signs_them(house: House, shared: Path) -> None:
    golden = json.loads((shared / "examples" / "signed-bodies.json").read_text("utf-8"))
    for number, example in enumerate(golden):
        owner = replace(owner_of(house.endpoint()), signing_secret=Secret(example["secret"]))
        await house.configure(owner)
        for algorithm in ("sha1", "sha256"):
            house.signing.signature_algorithm = "sha1" if algorithm == "sha1" else "sha256"
            await house.publish(house.event(example["body"], f"c{number}"))
            await house.settle()
            request = house.receiver.requests[-1]
            assert request.body == example["body"].encode()
            assert request.headers["x-liveperson-signature"] == f"{algorithm}={example[f'{algorithm}_base64']}"
    assert len(golden) == 2


async def test_during_a_rotation_both_secrets_sign(house: House) -> None:
    await house.configure(owner_of(house.endpoint(), other=Secret("the other one")))
    await house.publish(house.event("one"))
    await house.settle()
    headers = house.receiver.requests[0].headers
    main = "sha1=" + base64.b64encode(hmac.digest(SECRET.reveal().encode(), b"one", "sha1")).decode()
    other = "sha1=" + base64.b64encode(hmac.digest(b"the other one", b"one", "sha1")).decode()
    assert headers["x-liveperson-signature"] == main
    assert headers["x-switchbay-signature"] == f"{main}, {other}"


# Success and retries


@pytest.mark.parametrize("status", [200, 201])
async def test_200_and_201_succeed(house: House, status: int) -> None:
    house.receiver.answer = lambda _: Answer(status)
    await house.configure(owner_of(house.endpoint(retries=5)))
    await house.publish(house.event("one"))
    await house.settle()
    assert (await house.states(), await house.attempts()) == (["delivered"], [1])


@pytest.mark.parametrize("status", [202, 203, 204, 206, 301, 302, 307, 304, 400, 401, 404, 429, 500, 503])
async def test_every_other_status_fails(house: House, status: int) -> None:
    house.receiver.answer = lambda _: Answer(status, b"", [("Location", house.receiver.url("/elsewhere"))])
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("one"))
    await house.settle()
    assert await house.states() == ["failed:retries_exhausted"]
    assert [each.path for each in house.receiver.requests] == ["/hook"]


async def test_retry_n_times_exactly_30s_apart_then_exhausted(house: House) -> None:
    house.receiver.answer = lambda _: Answer(500)
    await house.configure(owner_of(house.endpoint(retries=3)))
    await house.publish(house.event("one"))
    await house.settle()
    for made in (1, 2, 3):
        assert (await house.states(), await house.attempts()) == (["pending"], [made])
        await house.pass_time(29.9)
        assert len(house.receiver.requests) == made
        await house.pass_time(0.1)
    assert (await house.states(), await house.attempts()) == (["failed:retries_exhausted"], [4])
    await house.pass_time(3600)
    assert len(house.receiver.requests) == 4
    assert len({each.headers["x-liveperson-request-id"] for each in house.receiver.requests}) == 1
    assert await house.is_free()


async def test_without_retries_one_failure_is_the_end_and_the_lane_goes_on(house: House) -> None:
    house.receiver.answer = failing("one")
    await house.configure(owner_of(house.endpoint(retries=0)))
    await house.publish_each(["one", "two"])
    await house.settle()
    assert await house.states() == ["failed:retries_exhausted", "delivered"]


async def test_more_retries_than_the_limit_are_not_made(house: House) -> None:
    house.receiver.answer = lambda _: Answer(500)
    await house.configure(owner_of(house.endpoint(retries=99)))
    await house.publish(house.event("one"))
    await house.settle()
    for _ in range(10):
        await house.pass_time(30)
    assert len(house.receiver.requests) == 6


async def test_every_attempt_is_stored_with_what_was_answered(house: House) -> None:
    answers = iter([Answer(503, b"busy", [("X-Why", "load"), ("Set-Cookie", "session=1")]), Answer(200, b"fine")])
    house.receiver.answer = lambda _: next(answers)
    await house.configure(owner_of(house.endpoint(retries=1)))
    started = house.clock.now_ms()
    await house.publish(house.event("one"))
    await house.settle()
    await house.pass_time(30)
    [summary] = (await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter()))[0]
    detail = await house.webhooks.get_delivery(ACCOUNT, summary.id)
    assert detail.body == b"one"
    assert detail.summary.finished_at == started + 30_000
    first, second = detail.attempts
    assert (first.number, first.started_at, first.status, first.outcome) == (1, started, 503, "retry")
    assert (first.failure, first.response_body, first.address) == (None, b"busy", "127.0.0.1")
    assert json.loads(first.response_headers) == [
        ["Content-Length", "4"],
        ["X-Why", "load"],
        ["Set-Cookie", "(hidden)"],
    ]
    assert first.connect_ms is not None
    assert first.first_byte_ms is not None
    assert first.total_ms >= first.first_byte_ms >= first.connect_ms
    assert (second.number, second.started_at, second.status, second.outcome) == (2, started + 30_000, 200, "delivered")


async def test_a_failure_without_an_answer_is_stored_by_its_word(house: House) -> None:
    await house.configure(owner_of(Endpoint(CONTENT, "https://localhost:1/hook", (), 0)))
    await house.publish(house.event("one"))
    await house.settle()
    [summary] = (await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter()))[0]
    [attempt] = (await house.webhooks.get_delivery(ACCOUNT, summary.id)).attempts
    assert (attempt.status, attempt.failure, attempt.outcome) == (None, "connect", "gave_up")


async def test_an_endpoint_on_a_private_address_is_never_called(house: House) -> None:
    house.egress._resolver._lookup = lambda _host, _port: ["169.254.169.254"]
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("one"))
    await house.settle()
    [summary] = (await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter()))[0]
    [attempt] = (await house.webhooks.get_delivery(ACCOUNT, summary.id)).attempts
    assert (attempt.failure, attempt.address) == ("blocked_address", "169.254.169.254")
    assert house.receiver.connections == 0


async def test_an_answer_with_odd_bytes_is_stored_all_the_same(house: House) -> None:
    raw = b"HTTP/1.1 500 \xff\r\nX-Odd: \xe4\xff\r\nContent-Length: 4\r\n\r\n\x00\xff\x00\xfe"
    house.receiver.answer = lambda _: Answer(raw=raw)
    await house.configure(owner_of(house.endpoint()))
    await house.publish(house.event("one"))
    await house.settle()
    [summary] = (await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter()))[0]
    [attempt] = (await house.webhooks.get_delivery(ACCOUNT, summary.id)).attempts
    assert attempt.response_body == b"\x00\xff\x00\xfe"
    assert json.loads(attempt.response_headers)[0] == ["X-Odd", "äÿ"]


# Order


async def test_events_of_one_conversation_arrive_in_their_order(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    texts = [f"m{number}" for number in range(60)]
    await asyncio.gather(*(house.publish(*(house.event(text) for text in texts[n : n + 5])) for n in range(0, 60, 5)))
    await house.settle()
    found, _ = await house.webhooks.list_deliveries(ACCOUNT, DeliveryFilter(), limit=100)
    assert sorted(each.position for each in found) == list(range(60))
    order = [house.receiver.bodies.index(text.encode()) for text in texts]
    assert all(order[n : n + 5] == list(range(order[n], order[n] + 5)) for n in range(0, 60, 5))


async def test_order_kept_when_middle_event_fails_and_retries(house: House) -> None:
    house.receiver.answer = failing("two", times=2)
    await house.configure(owner_of(house.endpoint(retries=5)))
    await house.publish_each(["one", "two", "three"])
    await house.settle()
    assert house.receiver.bodies == [b"one", b"two"]
    await house.publish(house.event("four"))
    await house.settle()
    assert house.receiver.bodies == [b"one", b"two"]
    await house.pass_time(30)
    assert house.receiver.bodies == [b"one", b"two", b"two"]
    await house.pass_time(30)
    assert house.receiver.bodies == [b"one", b"two", b"two", b"two", b"three", b"four"]
    assert await house.states() == 4 * ["delivered"]


async def test_other_conversations_flow_while_one_waits(house: House) -> None:
    house.receiver.answer = failing("bad", times=9)
    await house.configure(owner_of(house.endpoint(retries=5)))
    await house.publish(house.event("bad", "c1"), house.event("behind", "c1"))
    await house.settle()
    await house.publish(*(house.event(f"m{number}", f"d{number}") for number in range(20)))
    await house.settle()
    assert sorted(house.receiver.bodies) == sorted([b"bad", *(f"m{number}".encode() for number in range(20))])
    assert await house.states() == ["pending", "pending"]


async def test_the_same_conversation_of_another_app_does_not_wait(house: House) -> None:
    house.receiver.answer = lambda request: Answer(500 if request.path == "/bad" else 200)
    await house.configure(owner_of(house.endpoint(path="/bad", retries=5)))
    await house.configure(owner_of(house.endpoint(path="/good"), owner_id=OTHER_APP))
    await house.publish(
        *(house.event(text, owner_id=app) for text in ("one", "two") for app in (APP, OTHER_APP)),
    )
    await house.settle()
    assert [each.body for each in house.receiver.requests if each.path == "/good"] == [b"one", b"two"]
    assert [each.body for each in house.receiver.requests if each.path == "/bad"] == [b"one"]


async def test_a_long_backlog_is_delivered_in_order(house: House) -> None:
    house.receiver.answer = failing("m0")
    await house.configure(owner_of(house.endpoint(retries=1)))
    texts = [f"m{number}" for number in range(150)]
    for start in range(0, 150, 25):
        await house.publish(*(house.event(text) for text in texts[start : start + 25]))
    await house.settle()
    await house.pass_time(30)
    assert house.receiver.bodies == [b"m0", *(text.encode() for text in texts)]
    assert await house.is_free()
    assert house.webhooks.dispatcher._memory.held == 0


async def test_only_one_request_of_a_conversation_is_under_way_at_a_time(house: House) -> None:
    under_way = 0
    most = 0

    async def answer(_request: Received) -> Answer:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.005)
        under_way -= 1
        return Answer()

    house.receiver.answer = answer
    await house.configure(owner_of(house.endpoint()))
    await asyncio.gather(*(house.publish(house.event(f"m{number}")) for number in range(15)))
    await house.settle()
    assert (len(house.receiver.requests), most) == (15, 1)


# What changes while events are pending


async def test_uninstalling_cancels_what_is_pending(house: House) -> None:
    house.receiver.answer = lambda _: Answer(500)
    await house.configure(owner_of(house.endpoint(retries=5)))
    await house.publish_each(["one", "two"])
    await house.settle()
    await house.remove()
    assert await house.states() == 2 * ["cancelled:app_removed"]
    await house.pass_time(30)
    assert len(house.receiver.requests) == 1
    assert await house.is_free()


async def test_uninstalling_another_app_changes_nothing(house: House) -> None:
    house.receiver.answer = lambda _: Answer(500)
    await house.configure(owner_of(house.endpoint(retries=5)))
    await house.configure(owner_of(house.endpoint(), owner_id=OTHER_APP))
    await house.publish(house.event("one"))
    await house.settle()
    await house.remove(OTHER_APP)
    assert await house.states() == ["pending"]


async def test_an_event_whose_endpoint_was_removed_is_cancelled_when_its_turn_comes(house: House) -> None:
    house.receiver.answer = lambda _: Answer(500)
    await house.configure(owner_of(house.endpoint(retries=5)))
    await house.publish(house.event("one"))
    await house.settle()
    await house.configure(owner_of(house.endpoint(CHAT_STATE)))
    await house.pass_time(30)
    assert await house.states() == ["cancelled:endpoint_removed"]
    assert await house.is_free()


async def test_a_retry_uses_the_configuration_of_now(house: House) -> None:
    house.receiver.answer = failing("one")
    await house.configure(owner_of(house.endpoint(path="/old", retries=1)))
    await house.publish(house.event("one"))
    await house.settle()
    newer = with_headers(house.endpoint(path="/new", retries=1), ("X-New", "1"))
    await house.configure(replace(owner_of(newer), signing_secret=Secret("new secret")))
    await house.pass_time(30)
    request = house.receiver.requests[1]
    assert (request.path, request.headers["x-new"]) == ("/new", "1")
    signature = base64.b64encode(hmac.digest(b"new secret", b"one", "sha1")).decode()
    assert request.headers["x-liveperson-signature"] == f"sha1={signature}"


async def test_a_change_on_another_node_is_known_within_two_seconds(house: House) -> None:
    await house.configure(owner_of(house.endpoint(path="/old")))
    await house.publish(house.event("one"))
    await house.settle()
    cache = house.webhooks.dispatcher._owners
    owners._hearing.discard(cache)  # as on a node that does not see the change
    await house.configure(owner_of(house.endpoint(path="/new")))
    await house.publish(house.event("two"))
    await house.settle()
    await house.pass_time(2)
    await house.publish(house.event("three"))
    await house.settle()
    assert [each.path for each in house.receiver.requests] == ["/old", "/old", "/new"]


# Slots


async def test_one_dead_endpoint_does_not_delay_others(house: House) -> None:
    async def answer(request: Received) -> Answer:
        if request.path == "/hole":
            await asyncio.sleep(30)
        return Answer()

    house.receiver.answer = answer
    await house.configure(owner_of(Endpoint(CONTENT, house.receiver.url("/hole", host="127.0.0.1"), (), 0)))
    await house.configure(owner_of(house.endpoint(), owner_id=OTHER_APP))
    node = house.node(in_flight=10, response_seconds=2)
    await house.publish(*(house.event(f"h{number}", f"h{number}") for number in range(40)), node=node)
    await house.publish(
        *(house.event(f"m{number}", f"m{number}", owner_id=OTHER_APP) for number in range(40)), node=node
    )
    await house.receiver.wait_for(45, seconds=1.5)  # before the first request to the hole is given up
    paths = [request.path for request in house.receiver.requests]
    assert (paths.count("/hook"), paths.count("/hole")) == (40, 5)


# Clocks


async def test_clock_jump_does_not_storm_retries(house: House, clock: ManualClock) -> None:
    house.receiver.answer = lambda _: Answer(500)
    await house.configure(owner_of(house.endpoint(retries=5)))
    await house.configure(replace(owner_of(house.endpoint(path="/ttl"), owner_id=OTHER_APP), retention_time=259_200))
    await house.publish(house.event("one"), house.event("two", owner_id=OTHER_APP))
    await house.settle()
    await house.pass_time(86_400)
    await house.pass_time(0.1)  # the leases have run out, too, and are taken anew
    assert sorted(each.path for each in house.receiver.requests) == ["/hook", "/hook", "/ttl", "/ttl"]
    await house.pass_time(3.8)
    assert len(house.receiver.requests) == 4
    await house.pass_time(0.1)
    assert [each.path for each in house.receiver.requests[4:]] == ["/ttl"]
    clock.advance(seconds=-86_400)  # and back again: what was to be soon is not put off for a day
    await house.webhooks.dispatcher._gates.look()
    for _ in range(10):
        await house.pass_time(10)
    paths = [each.path for each in house.receiver.requests[5:]]
    assert paths.count("/hook") == 3
    assert 2 <= paths.count("/ttl") <= 5
