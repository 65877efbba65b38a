"""Retention: what an account keeps no longer is gone, all of it, and nothing else."""

from support.history_stage import Past
from support.messaging_stage import ACCOUNT, OTHER
from switchbay.accounts.public import OPERATOR, AccountChange
from switchbay.messaging.history.retaining import Retaining

_DAY = 86_400


async def _keep(past: Past, days: int) -> None:
    await past.stage.accounts.update_account(ACCOUNT, AccountChange(history_days=days), OPERATOR)


async def _purge(past: Past, rows: int = 500) -> None:
    retaining = Retaining(past.stage.db, past.stage.accounts, past.files.delete, rows)
    while await retaining.purge_once(past.stage.clock.now_ms()):
        pass


async def _said_and_closed(past: Past, said: str, count: int = 5, **options: str) -> str:
    conversation = await past.stage.open(**options)
    for number in range(count):
        await past.stage.say(conversation, f"{said} {number}", **options)
    await past.stage.close(conversation, **options)
    return conversation


async def test_what_is_older_than_an_account_keeps_is_gone(past: Past) -> None:
    await past.stage.send("userprofile.SetUserProfile", {"firstName": "Kimberly"})
    old = await _said_and_closed(past, "ancient")
    past.stage.clock.advance(seconds=2 * _DAY)
    new = await _said_and_closed(past, "recent", consumer="other-consumer")
    await past.index()
    past.stage.clock.advance(seconds=29 * _DAY)
    await _purge(past)
    assert set(await past.found_ids()) == {old, new}  # it is kept for ever unless the account says otherwise
    await _keep(past, 30)
    await _purge(past)
    assert await past.found_ids() == [new]
    assert (await past.messages("ancient"), len(await past.messages("recent"))) == ([], 5)
    left = await past.texts()
    assert ("ancient" in left, "recent" in left, "Kimberly" in left) == (False, True, False)
    assert past.files.gone == [old]
    assert await past.stage.rows() == {"conversations": 1, "events": 5, "consumers": 1, "idempotency": 0}


async def test_open_conversations_stay_however_old(past: Past) -> None:
    await _keep(past, 1)
    conversation = await past.stage.open()
    await past.stage.say(conversation)
    past.stage.clock.advance(seconds=400 * _DAY)
    await _purge(past)
    assert (await past.stage.rows())["events"] == 1


async def test_small_steps_delete_large_conversations(past: Past) -> None:
    await _keep(past, 1)
    for _ in range(3):
        await _said_and_closed(past, "ancient", 8)
    await past.index()
    past.stage.clock.advance(seconds=2 * _DAY)
    retaining = Retaining(past.stage.db, past.stage.accounts, past.files.delete, rows=5)
    before = (await past.stage.rows())["events"]
    assert await retaining.purge_once(past.stage.clock.now_ms()) == 1
    assert before - (await past.stage.rows())["events"] <= 5
    await _purge(past, rows=5)
    assert await past.stage.rows() == {"conversations": 0, "events": 0, "consumers": 0, "idempotency": 0}
    assert "ancient" not in await past.texts()


async def test_a_consumer_with_another_conversation_keeps_the_profile(past: Past) -> None:
    await _keep(past, 1)
    await past.stage.send("userprofile.SetUserProfile", {"firstName": "Kimberly"})
    await _said_and_closed(past, "ancient")
    await past.stage.open()
    past.stage.clock.advance(seconds=2 * _DAY)
    await _purge(past)
    assert await past.stage.rows() == {"conversations": 1, "events": 0, "consumers": 1, "idempotency": 0}


async def test_other_accounts_keep_theirs(past: Past) -> None:
    foreign = {"account": OTHER, "app": "foreign-app", "consumer": "foreign-consumer"}
    body = [{"kind": "req", "id": "1", "type": "cm.ConsumerRequestConversation", "body": {"brandId": OTHER}}]
    conversation = (await past.stage.post("", body, **foreign)).body[0]["body"]["conversationId"]
    await past.stage.close(conversation, **foreign)
    await _keep(past, 1)
    past.stage.clock.advance(seconds=2 * _DAY)
    await _purge(past)
    assert (await past.stage.rows())["conversations"] == 1
