"""A repeated request with the same Idempotency-Key gets the first answer, and has no second effect."""

import asyncio

from support.messaging_stage import ACCOUNT, Stage, request, text
from switchbay.messaging import workers

OPEN = [request("cm.ConsumerRequestConversation", {"brandId": ACCOUNT}), request("ms.PublishEvent", {"event": text()})]


async def test_duplicate_ingest_same_key_gives_one_event(stage: Stage) -> None:
    conversation = await stage.open()
    first = await stage.say(conversation, idempotency_key="k-1")
    await stage.say(conversation, "between")
    again = await stage.say(conversation, idempotency_key="k-1")
    assert first.body == again.body == {"reqId": "1", "code": "OK", "body": {"sequence": 0}}
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (await stage.rows())["events"] == 2
    assert len(stage.webhooks.seen) == 3


async def test_a_repeated_batch_answers_the_first_conversation(stage: Stage) -> None:
    first = await stage.post("", OPEN, idempotency_key="k-1")
    again = await stage.post("", OPEN, idempotency_key="k-1")
    assert first.body == again.body
    assert await stage.rows() == {"conversations": 1, "events": 1, "consumers": 1, "idempotency": 1}


async def test_a_close_may_be_repeated_with_its_key(stage: Stage) -> None:
    conversation = await stage.open()
    assert (await stage.close(conversation, idempotency_key="k-1")).status == 200
    assert (await stage.close(conversation, idempotency_key="k-1")).status == 200
    assert (await stage.close(conversation, idempotency_key="k-2")).status == 409


async def test_a_key_with_another_body_is_refused(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.say(conversation, "one", idempotency_key="k-1")
    answered = await stage.say(conversation, "two", idempotency_key="k-1")
    assert (answered.status, answered.error) == (422, 42201)
    assert (await stage.rows())["events"] == 1


async def test_a_key_belongs_to_the_application_and_its_consumer(stage: Stage) -> None:
    mine = await stage.open()
    theirs = await stage.open(consumer="other-consumer")
    other = await stage.open(app="other-app")
    assert (await stage.say(mine, idempotency_key="k")).status == 200
    assert (await stage.say(theirs, consumer="other-consumer", idempotency_key="k")).status == 200
    assert (await stage.say(other, app="other-app", idempotency_key="k")).status == 200
    assert (await stage.rows())["events"] == 3


async def test_a_refused_request_does_not_use_its_key_up(stage: Stage) -> None:
    conversation = await stage.open()
    receipt = {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]}
    assert (await stage.publish(conversation, receipt, idempotency_key="k")).error == 40010
    await stage.say(conversation)
    assert (await stage.publish(conversation, receipt, idempotency_key="k")).body["body"] == {"sequence": 1}


async def test_of_many_at_once_one_is_done(stage: Stage) -> None:
    conversation = await stage.open()
    answers = await asyncio.gather(*(stage.say(conversation, idempotency_key="k") for _ in range(20)))
    assert [answered.body["body"]["sequence"] for answered in answers] == [0] * 20
    assert (await stage.rows())["events"] == 1
    assert len(stage.webhooks.seen) == 2


async def test_of_many_batches_at_once_one_conversation_is_opened(stage: Stage) -> None:
    answers = await asyncio.gather(*(stage.post("", OPEN, idempotency_key="k") for _ in range(20)))
    assert len({answered.body[0]["body"]["conversationId"] for answered in answers}) == 1
    assert (await stage.rows())["conversations"] == 1


async def test_a_key_is_visible_ascii(stage: Stage) -> None:
    conversation = await stage.open()
    body = request("ms.PublishEvent", {"dialogId": conversation, "event": text()})
    url = f"/api/account/{ACCOUNT}/messaging/consumer/conversation/send"
    for key in (b"", b" x", b"x" * 256, b"a\tb", "é".encode()):
        headers = {b"Authorization": b"app", b"X-LP-ON-BEHALF": b"consumer", b"Idempotency-Key": key}
        response = await stage.http.post(url, json=body, headers=headers)
        assert (response.status_code, response.json()["body"]["errorCode"]) == (400, 40009), key
    assert (await stage.rows())["events"] == 0


async def test_an_answer_is_kept_for_its_time_and_then_forgotten(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.say(conversation, idempotency_key="old")
    stage.clock.advance(seconds=3_600)
    await stage.say(conversation, idempotency_key="new")
    assert await workers.purge_once(stage.db, stage.clock.now_ms(), 3_600) == 0
    stage.clock.advance(seconds=1)
    assert await workers.purge_once(stage.db, stage.clock.now_ms(), 3_600) == 1
    assert (await stage.say(conversation, idempotency_key="new")).headers["idempotency-replayed"] == "true"
    assert (await stage.say(conversation, idempotency_key="old")).body["body"] == {"sequence": 2}


async def test_a_running_room_forgets_old_answers_by_itself(stage: Stage) -> None:
    conversation = await stage.open()
    await stage.say(conversation, idempotency_key="old")
    stage.clock.advance(seconds=90_000)
    await stage.messaging.start()
    for _ in range(500):
        if not (await stage.rows())["idempotency"]:
            break
        await asyncio.sleep(0.01)
    assert (await stage.rows())["idempotency"] == 0
    await stage.messaging.stop()
    answered = await stage.say(conversation)
    assert (answered.status, answered.error) == (503, 50303)
