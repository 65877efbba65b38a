"""Erasure of one consumer's data: nothing of it is left anywhere, and sequences stay whole."""

import asyncio
from typing import Any

import msgspec
import pytest

from support.files_house import file_event, get, picture, stored, upload, want
from support.history_stage import Past
from support.messaging_stage import ACCOUNT, APP, CONSUMER, OTHER_CONSUMER, request, text
from switchbay.accounts.public import OPERATOR
from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.kit.errors import AppError
from switchbay.kit.ids import sortable_id
from switchbay.messaging.domain import AddParticipant, DescribeDialog, Role, SetFact
from switchbay.messaging.files.workers import purge_once
from switchbay.messaging.history.domain.erasures import Erasure, Phase
from switchbay.messaging.history.domain.tombstones import erased_notification
from switchbay.messaging.history.erasing import Erasing
from switchbay.messaging.history.indexing import Indexer
from switchbay.webhooks.tables import attempts, deliveries

_SECRETS = ("Kimberly", "kim@example.test", "Elm Street", "gate code", "personal note", "visitor-77", CONSUMER)


def _erasing(past: Past, rows: int = 500) -> Erasing:
    stage = past.stage
    return Erasing(stage.db, stage.clock, past.room.erasing._randomness, stage.messaging, past.files.delete, rows)


async def _erased(past: Past, rows: int = 500) -> Erasure:
    erasing = _erasing(past, rows)
    asked = await erasing.request(ACCOUNT, CONSUMER, OPERATOR)
    while await erasing.erase_once():
        pass
    return await erasing.find(ACCOUNT, asked.erasure_id)


async def _talk(past: Past, *, is_indexed: bool = True) -> list[str]:
    """Two conversations full of what nobody else should know, one closed; and one of somebody else."""
    stage = past.stage
    await stage.send(
        "userprofile.SetUserProfile", {"firstName": "Kimberly", "privateData": {"mail": "kim@example.test"}}
    )
    context = {"type": "SharkContext", "visitorId": "visitor-77"}
    opening = request("cm.ConsumerRequestConversation", {"brandId": ACCOUNT, "conversationContext": context})
    found = []
    for key in ("one", "two"):
        opened = await stage.post("", [opening], idempotency_key=key)
        found.append(str(opened.body[0]["body"]["conversationId"]))
    bob = await past.pid("bob")
    for conversation in found:
        await past.do(conversation, AddParticipant(bob, Role.ASSIGNED_AGENT), by="bob")
        await stage.say(conversation, "I live in Elm Street", client_properties='{"type":".ClientProperties"}')
        await stage.agent("POST", f"/{conversation}/events", text("The gate code, Kimberly?"))
        await stage.publish(conversation, {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [1]})
        await past.do(conversation, SetFact("note", "personal note"), by="bob")
        await past.do(conversation, DescribeDialog(conversation, '{"about":"Elm Street"}'), by="bob")
    await stage.close(found[0])
    other = await stage.open(consumer="other-consumer")
    await stage.say(other, "Oak Avenue", consumer="other-consumer", idempotency_key="three")
    if is_indexed:
        await past.index()
    return [*found, other]


async def _log(past: Past) -> int:
    """Put what webhooks were told into their log: the first half delivered, the rest pending."""
    seen = past.stage.webhooks.seen
    rows: list[dict[str, Value]] = [
        {
            "account_id": ACCOUNT,
            "id": sortable_id("dlv", one.created_at, place.to_bytes(10, "big")),
            "owner_id": APP,
            "lane": one.lane,
            "position": place,
            "event_key": one.event_key,
            "body": one.body,
            "status": "delivered" if place < len(seen) // 2 else "pending",
            "attempts": 1,
            "created_at": one.created_at,
        }
        for place, one in enumerate(seen)
    ]
    tried: list[dict[str, Value]] = [
        {
            "account_id": ACCOUNT,
            "delivery_id": row["id"],
            "number": 1,
            "started_at": 1,
            "total_ms": 1,
            "response_headers": "[]",
            "response_body": row["body"],
            "outcome": "delivered",
        }
        for row in rows
    ]

    async def work(tx: Tx) -> None:
        await tx.insert_many(deliveries, rows)
        await tx.insert_many(attempts, tried)

    await past.stage.db.write(work)
    return len(rows)


async def test_nothing_is_left_of_the_consumer(past: Past) -> None:
    first, second, _ = await _talk(past)
    before = {one: await past.conversation(one) for one in (first, second)}
    await _log(past)
    all_there = await past.texts()
    assert [secret for secret in _SECRETS if secret not in all_there] == []
    erasure = await _erased(past)
    assert (erasure.phase, erasure.consumer_id, erasure.conversations, erasure.events) == (Phase.DONE, None, 2, 6)
    left = await past.texts()
    assert [secret for secret in _SECRETS if secret in left] == []
    assert ("Oak Avenue" in left, OTHER_CONSUMER in left) == (True, True)
    assert sorted(past.files.gone) == sorted([first, second])
    assert (await past.messages("street"), await past.messages("oak")) == ([], ["Oak Avenue"])
    for one in (first, second):
        after = await past.conversation(one)
        assert after.consumer_id == erasure.pseudonym
        assert (after.stage, after.main.next_sequence) == ("CLOSE", before[one].main.next_sequence)
        assert [who.id for who in after.main.participants] == [erasure.pseudonym, await past.pid("bob")]
    assert (await past.stage.rows())["idempotency"] == 1


async def test_events_become_tombstones_in_their_places(past: Past) -> None:
    first, *_ = await _talk(past)
    erasure = await _erased(past)
    events = (await past.stage.agent("GET", f"/{first}/events")).body["items"]
    assert [(one["sequence"], one["originatorId"]) for one in events] == [
        (0, erasure.pseudonym),
        (1, await past.pid("bob")),
        (2, erasure.pseudonym),
    ]
    receipt = {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [1]}
    assert [one["event"] for one in events] == [text(""), text(""), receipt]
    assert all(one["metadata"] == [{"type": "Erased"}] for one in events)
    assert all("originatorClientProperties" not in one for one in events)
    record = await past.record(first)
    assert [one["messageData"]["msg"]["text"] for one in record["messageRecords"]] == ["", ""]
    assert record["consumerParticipants"][0]["participantId"] == erasure.pseudonym


async def test_files_that_were_not_sent_are_nobodys_any_more_at_once(past: Past) -> None:
    stage = past.stage
    path, others = await upload(stage, picture()), await upload(stage, picture(), consumer="other-consumer")
    await past.room.erasing.request(ACCOUNT, CONSUMER, OPERATOR)
    assert (await want(stage, path)).status == 404
    assert (await want(stage, others, consumer="other-consumer")).status == 200
    assert (await stage.files.get_usage(ACCOUNT)).used > 0
    await purge_once(stage.db, stage.files._objects, stage.clock.now_ms())
    assert [name for name in stored(stage) if path.rpartition("/")[2] in name] == []


async def test_files_are_nobodys_any_more(past: Past) -> None:
    conversation = await past.stage.open()
    path = await upload(past.stage, picture())
    await past.stage.publish(conversation, file_event(path))
    assert (await get(past.stage, path)).status_code == 200
    await _erased(past)
    assert (await want(past.stage, path)).status == 404
    [event] = (await past.stage.agent("GET", f"/{conversation}/events")).body["items"]
    assert event["event"] == text("")


async def test_an_open_conversation_is_closed_by_the_platform(past: Past) -> None:
    _, second, _ = await _talk(past)
    await _erased(past)
    assert (await past.conversation(second)).close_reason == "SYSTEM"
    closed = [one for one in past.stage.webhooks.seen if one.lane == second][-1]
    assert msgspec.json.decode(closed.body)["body"]["changes"][0]["result"]["conversationDetails"]["stage"] == "CLOSE"


async def test_what_is_still_to_be_sent_stays_in_its_place_and_whole(past: Past) -> None:
    first, *_ = await _talk(past)
    count = await _log(past)
    before = [msgspec.json.decode(one.body) for one in past.stage.webhooks.seen[:count]]
    erasure = await _erased(past)

    async def read(tx: Tx) -> list[Any]:
        rows = await tx.fetch(deliveries.select().order_by(deliveries.c.id))
        return [(row["lane"], row["position"], row["status"], msgspec.json.decode(bytes(row["body"]))) for row in rows]

    after = await past.stage.db.read(read)
    assert [(row[1], row[2]) for row in after] == [
        (place, "delivered" if place < count // 2 else "pending") for place in range(count)
    ]
    for then, (lane, _, _, now) in zip(before, after, strict=True):
        assert (now["type"], len(now["body"]["changes"])) == (then["type"], 1)
        old, new = then["body"]["changes"][0], now["body"]["changes"][0]
        if "event" in old and lane == first:
            assert {**new, "originatorId": 0, "originatorMetadata": 0, "event": 0} == {
                name: 0 if name in {"originatorId", "originatorMetadata", "event"} else value
                for name, value in old.items()
                if name != "originatorClientProperties"
            }
            assert new["event"] in (text(""), {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [1]})
            assert new["originatorId"] in {erasure.pseudonym, await past.pid("bob")}


@pytest.mark.parametrize("rows", [1, 2])
async def test_a_node_that_is_killed_leaves_it_to_another(past: Past, rows: int) -> None:
    """Each step is done by another worker, which knows nothing of those before; each is tried twice at once.

    Meanwhile what was said is indexed, message by message.
    """
    await _talk(past, is_indexed=False)
    await _log(past)
    asked = await _erasing(past).request(ACCOUNT, CONSUMER, OPERATOR)
    indexer = Indexer(past.stage.db, most=1)
    for _ in range(400):
        steps = [_erasing(past, rows).erase_once() for _ in range(2)]
        *busy, _ = await asyncio.gather(*steps, indexer.index_once())
        if not any(busy):
            break
    await past.index()
    done = await _erasing(past).find(ACCOUNT, asked.erasure_id)
    assert (done.phase, done.conversations, done.events) == (Phase.DONE, 2, 6)
    assert await past.messages("oak") == ["Oak Avenue"]
    left = await past.texts()
    assert [secret for secret in _SECRETS if secret in left] == []


async def test_asking_again_while_it_is_under_way_is_the_same_erasure(past: Past) -> None:
    await past.stage.open()
    erasing = _erasing(past)
    first, second = await asyncio.gather(*(erasing.request(ACCOUNT, CONSUMER, OPERATOR) for _ in range(2)))
    assert first == second
    assert await erasing.list_newest(ACCOUNT, None, 10) == [first]
    while await erasing.erase_once():
        pass
    again = await erasing.request(ACCOUNT, CONSUMER, OPERATOR)
    assert again.erasure_id != first.erasure_id
    while await erasing.erase_once():
        pass
    assert (await erasing.find(ACCOUNT, again.erasure_id)).conversations == 0


async def test_what_begins_after_the_request_stays(past: Past) -> None:
    await past.stage.open()
    erasing = _erasing(past)
    await erasing.request(ACCOUNT, CONSUMER, OPERATOR)
    past.stage.clock.advance(seconds=1)
    later = await past.stage.open()
    await past.stage.say(later, "hello again")
    while await erasing.erase_once():
        pass
    kept = await past.conversation(later)
    assert (kept.state, kept.consumer_id) == ("OPEN", CONSUMER)
    assert kept.main.next_sequence == 1


async def test_the_audit_log_tells_without_naming_the_consumer(past: Past) -> None:
    await _talk(past)
    erasure = await _erased(past)
    entries = (await past.stage.accounts.list_audit(ACCOUNT)).entries
    told = [one for one in entries if one.action.startswith("consumer.")]
    assert [(one.action, one.object_id, dict(one.detail)) for one in told] == [
        (
            "consumer.erased",
            erasure.erasure_id,
            {"pseudonym": erasure.pseudonym, "conversations": 2, "events": 6},
        ),
        ("consumer.erase", erasure.erasure_id, {"pseudonym": erasure.pseudonym}),
    ]
    assert CONSUMER not in str(entries)


async def test_administrators_ask_over_http(past: Past) -> None:
    await past.stage.open()
    for user in ("bob", "dev"):
        assert (await past.manage("POST", "/erasures", {"consumer_id": CONSUMER}, user=user))[0] == 403
    assert (await past.manage("GET", "/erasures"))[1] == b'{"items":[],"next_cursor":null}'
    status, content = await past.manage("POST", "/erasures", {"consumer_id": CONSUMER})
    asked = msgspec.json.decode(content)
    assert (status, asked["phase"], asked["consumer_id"]) == (202, "conversations", CONSUMER)
    assert msgspec.json.decode((await past.manage("GET", f"/erasures/{asked['id']}"))[1]) == asked
    assert msgspec.json.decode((await past.manage("GET", "/erasures?limit=1"))[1]) == {
        "items": [asked],
        "next_cursor": asked["id"],
    }
    assert (await past.manage("GET", "/erasures/era_x"))[0] == 404
    for wrong in ("", "a\n", "x" * 257):
        status, content = await past.manage("POST", "/erasures", {"consumer_id": wrong})
        assert (status, msgspec.json.decode(content)["error"]["code"]) == (400, "consumer_id_invalid")


async def test_messages_are_searched_over_http(past: Past) -> None:
    conversation = await past.stage.open()
    for number in range(3):
        await past.stage.say(conversation, f"hello {number}")
        past.stage.clock.advance(ms=1)
    await past.index()
    assert (await past.manage("GET", "/messages?q=hello", user="dev"))[0] == 403
    status, content = await past.manage("GET", "/messages?q=hello&limit=2", user="bob")
    page = msgspec.json.decode(content)
    assert (status, [one["snippet"] for one in page["items"]]) == (200, ["hello 2", "hello 1"])
    assert page["items"][0] | {"at": 0} == {
        "conversation_id": conversation,
        "dialog_id": conversation,
        "sequence": 2,
        "at": 0,
        "originator_id": CONSUMER,
        "role": "CONSUMER",
        "audience": "ALL",
        "snippet": "hello 2",
        "marks": [[0, 5]],
    }
    rest = (await past.manage("GET", f"/messages?q=hello&cursor={page['next_cursor']}"))[1]
    assert [one["snippet"] for one in msgspec.json.decode(rest)["items"]] == ["hello 0"]
    for wrong in ("q=!", "q=a&cursor=x", "q=a&cursor=99999999999999999999", "q=a&limit=0", "q=a&from=-1"):
        assert (await past.manage("GET", f"/messages?{wrong}"))[0] in {400, 422}


def test_a_body_that_is_not_ours_is_emptied() -> None:
    assert erased_notification(b"not json", CONSUMER, "p") == b"{}"
    deep = b'{"a":' * 500 + b"1" + b"}" * 500
    assert b"1" not in erased_notification(deep, CONSUMER, "p")


async def test_an_unknown_consumer_is_erased_without_further_ado(past: Past) -> None:
    done = await _erased(past)
    assert (done.phase, done.conversations, done.events) == (Phase.DONE, 0, 0)
    with pytest.raises(AppError) as caught:
        await _erasing(past).find(ACCOUNT, "\x00")
    assert caught.value.code == "erasure_unknown"
