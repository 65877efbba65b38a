"""An account is told by webhook how the endpoints of its apps are doing, and never about the one that tells it."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from support.receiver import Answer, Received, accept
from support.webhooks_house import ACCOUNT, APP, CHAT_STATE, CONTENT, House, owner_of
from switchbay.accounts.public import OPERATOR
from switchbay.infra.db import Tx
from switchbay.infra.machine import ManualClock
from switchbay.kit.errors import AppError
from switchbay.kit.secret import Secret
from switchbay.kit.signatures import sign
from switchbay.webhooks.health import FAILING_AFTER
from switchbay.webhooks.operational import Change, Notice
from switchbay.webhooks.store.deliveries import AttemptRow

OTHER_ACCOUNT = "4711002"
SIGNING = Secret("a secret of sixteen characters")
_PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "webhook-health.md"


def told(house: House) -> list[dict[str, Any]]:
    """The operational events that have arrived, in order."""
    return [json.loads(each.body) for each in house.receiver.requests if each.path == "/ops"]


async def subscribe(house: House, path: str = "/ops") -> str:
    made, _ = await house.webhooks.operational.add(ACCOUNT, house.receiver.url(path), SIGNING, OPERATOR)
    return made.subscription_id


async def fail(house: House, status: int = 503, times: int = FAILING_AFTER) -> None:
    """Have the app's endpoint fail so many times."""
    house.receiver.answer = lambda request: Answer(200 if request.path == "/ops" else status)
    for number in range(times):
        await house.publish(house.event("event", f"c{number}"))
    await house.settle()
    await house.webhooks.watch.flush_once()
    await house.settle()


async def test_failing_and_recovered_are_told_in_order_and_signed(house: House, clock: ManualClock) -> None:
    await house.configure(owner_of(house.endpoint(), house.endpoint(CHAT_STATE, path="/chat?key=secret")))
    subscription = await subscribe(house)
    await fail(house)
    house.receiver.answer = accept
    await house.publish(house.event("event", "c9"))
    await house.settle()
    await house.webhooks.watch.flush_once()
    await house.settle()
    failing, recovered = told(house)
    assert failing == {
        "type": "switchbay.webhook.failing",
        "account": ACCOUNT,
        "app": APP,
        "endpoint": house.receiver.url(),
        "events": [CONTENT],
        "state": "failing",
        "previous_state": "healthy",
        "reason": "the last calls failed (5 times in a row); of the last one: it answered 503",
        "at": clock.now_ms(),
    }
    assert (recovered["type"], recovered["previous_state"]) == ("switchbay.webhook.recovered", "failing")
    [first, _] = [each for each in house.receiver.requests if each.path == "/ops"]
    assert first.headers["x-liveperson-signature"] == sign(SIGNING.reveal().encode(), first.body, "sha1", "base64")
    assert first.headers["x-liveperson-client-id"] == subscription
    assert await house.states("operational") == ["delivered", "delivered"]


async def test_bodies_follow_the_documented_schema(house: House) -> None:
    schema = json.loads(re.findall(r"```json\n(\{\n  \"\$schema.*?)\n```", _PAGE.read_text(), re.DOTALL)[0])
    await house.configure(owner_of(house.endpoint()))
    await subscribe(house)
    url, now = house.receiver.url("/hook?secret=1"), house.clock.now_ms()

    async def announce_all(tx: Tx) -> None:
        for change in Change:
            await house.webhooks.operational.announce(tx, Notice(ACCOUNT, APP, url, change, "healthy", "why", now))

    await house.db.write(announce_all)
    await house.settle()
    bodies = told(house)
    assert {each["type"] for each in bodies} == set(Change) == set(schema["properties"]["type"]["enum"])
    for body in bodies:
        jsonschema.Draft202012Validator(schema).validate(body)
        assert "secret" not in body["endpoint"]


async def test_410_is_told_with_the_attempt_that_found_it(house: House) -> None:
    await house.configure(owner_of(house.endpoint(), house.endpoint(CHAT_STATE)))
    await subscribe(house)
    house.receiver.answer = lambda request: Answer(200 if request.path == "/ops" else 410)
    await house.publish(house.event("event"), house.event("event", "c2"))
    await house.settle()
    [disabled] = told(house)
    assert (disabled["type"], disabled["events"], disabled["reason"]) == (
        "switchbay.webhook.disabled",
        [CONTENT],
        "it answered 410: it is gone",
    )


async def test_a_slow_webhook_is_told_as_slow_and_then_as_disabled(house: House, clock: ManualClock) -> None:
    house.signing.disable_slow_webhooks = True
    await house.configure(owner_of(house.endpoint()))
    await subscribe(house)
    clock.advance(ms=60_000 - clock.now_ms() % 60_000)
    key = (ACCOUNT, APP, house.receiver.url())
    for _ in range(2):
        for _ in range(5):
            row = AttemptRow(
                ACCOUNT, "dlv", 1, clock.now_ms(), 1, 1, 3_000, None, 200, None, None, "[]", b"", "delivered"
            )
            house.webhooks.watch.attempted(key, row)
        clock.advance(seconds=60)
    await house.webhooks.watch.flush_once()
    await house.settle()
    assert [each["type"] for each in told(house)] == ["switchbay.webhook.slow", "switchbay.webhook.disabled"]


async def test_nobody_is_told_about_the_endpoint_that_is_told(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    await subscribe(house)
    await subscribe(house, "/also")

    def answer(request: Received) -> Answer:
        return Answer({"/ops": 503, "/also": 410}.get(request.path, 500))

    house.receiver.answer = answer
    for number in range(FAILING_AFTER):
        await house.publish(house.event("event", f"c{number}"))
    await house.settle()
    for seconds in (1, 2, 4, 8, 16, 32, 64):
        await house.webhooks.watch.flush_once()
        await house.pass_time(seconds)
    assert {each["type"] for each in told(house)} == {"switchbay.webhook.failing"}
    assert len([each for each in house.receiver.requests if each.path == "/also"]) == 1
    assert sorted(await house.states("operational")) == ["failed:endpoint_gone", "pending"]


async def test_an_event_is_kept_until_the_endpoint_takes_it(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    await subscribe(house)
    await fail(house, times=4)
    house.receiver.answer = lambda _: Answer(503)
    await house.publish(house.event("event", "c5"))
    await house.settle()
    await house.webhooks.watch.flush_once()
    await house.settle()
    house.receiver.answer = accept
    await house.pass_time(2)
    assert [each["type"] for each in told(house)] == 2 * ["switchbay.webhook.failing"]
    assert await house.states("operational") == ["delivered"]


async def test_a_change_and_its_event_are_stored_together_or_not_at_all(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.configure(owner_of(house.endpoint()))
    await subscribe(house)
    house.receiver.answer = lambda request: Answer(200 if request.path == "/ops" else 503)
    for number in range(FAILING_AFTER):
        await house.publish(house.event("event", f"c{number}"))
    await house.settle()
    announce = house.webhooks.operational.announce

    async def stumble(tx: Tx, notice: Notice) -> None:
        await announce(tx, notice)
        raise RuntimeError("the process stumbles")

    monkeypatch.setattr(house.webhooks.watch, "_announce", stumble)
    with pytest.raises(RuntimeError):
        await house.webhooks.watch.flush_once()
    await house.settle()
    assert ((await house.webhooks.care.get_report(ACCOUNT, APP)).state, told(house)) == ("healthy", [])
    monkeypatch.undo()
    await house.webhooks.watch.flush_once()
    await house.settle()
    assert ((await house.webhooks.care.get_report(ACCOUNT, APP)).state, len(told(house))) == ("failing", 1)


async def test_other_accounts_are_not_told(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    await house.webhooks.operational.add(OTHER_ACCOUNT, house.receiver.url("/ops"), SIGNING, OPERATOR)
    await fail(house)
    assert told(house) == []


async def test_who_is_removed_is_told_no_more(house: House) -> None:
    await house.configure(owner_of(house.endpoint()))
    subscription = await subscribe(house)
    with pytest.raises(AppError) as refused:
        await house.webhooks.operational.remove(OTHER_ACCOUNT, subscription, OPERATOR)
    assert refused.value.code == "operational_webhook_unknown"
    await house.webhooks.operational.remove(ACCOUNT, subscription, OPERATOR)
    await fail(house)
    assert (told(house), await house.webhooks.operational.list_all(ACCOUNT)) == ([], [])


async def test_an_account_has_ten_at_most(house: House) -> None:
    for number in range(10):
        await subscribe(house, f"/ops{number}")
    with pytest.raises(AppError) as refused:
        await subscribe(house)
    assert refused.value.code == "operational_webhooks_too_many"
    assert len(await house.webhooks.operational.list_all(ACCOUNT)) == 10


async def test_an_address_that_cannot_be_called_is_refused(house: House) -> None:
    with pytest.raises(AppError) as refused:
        await house.webhooks.operational.add(ACCOUNT, "https://user@/", SIGNING, OPERATOR)
    assert refused.value.code == "webhook_endpoint_refused"
    assert await house.webhooks.operational.list_all(ACCOUNT) == []
