"""How much the files of an account may have together: counted exactly, whoever uploads at once and whatever fails."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from support.files_house import TEXT, address, announce, file_event, picture, put, stored, upload
from support.messaging_stage import ACCOUNT, OTHER, Stage, stage_on
from switchbay.accounts.public import OPERATOR, AccountChange
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.messaging.domain import AgentCaller
from switchbay.messaging.files import store, workers
from switchbay.messaging.files.stores import StoreUnavailable
from switchbay.messaging.files.transfer import Rules

MOST = 10 * len(TEXT)
AGENT = AgentCaller("pid")


@pytest.fixture
async def small(db: Database, clock: ManualClock, randomness: Randomness) -> AsyncIterator[Stage]:
    """A server on which an account has room for ten texts."""
    async with stage_on(db, clock, randomness, rules=Rules(account_bytes=MOST)) as stage:
        yield stage


async def used(stage: Stage, account: str = ACCOUNT) -> int:
    return (await stage.files.get_usage(account)).used


async def limit(stage: Stage, size: int, account: str = ACCOUNT) -> None:
    await stage.accounts.update_account(account, AccountChange(file_total_bytes=size), OPERATOR)


async def test_what_is_announced_must_fit(small: Stage) -> None:
    assert (await announce(small, MOST, "TXT")).status == 200
    refused = await announce(small, MOST + 1, "TXT")
    assert (refused.status, refused.error) == (413, 41322)
    assert await used(small) == 0


async def test_what_comes_must_fit_too_and_its_address_takes_another_try(small: Stage) -> None:
    places = [address(await announce(small, len(TEXT), "TXT")) for _ in range(11)]
    answers = await asyncio.gather(*(put(small, *place, TEXT) for place in places))
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [413]
    assert await used(small) == MOST
    assert len(stored(small)) == 10
    [late] = [place for place, answer in zip(places, answers, strict=True) if answer.status_code == 413]
    await limit(small, 0)
    small.files.rules = small.files.transfer._rules = Rules(account_bytes=MOST + len(TEXT))
    assert (await put(small, *late, TEXT)).status_code == 201
    assert await used(small) == MOST + len(TEXT)


async def test_the_refusal_of_an_upload_has_its_code(small: Stage) -> None:
    places = [address(await announce(small, MOST, "TXT")) for _ in range(2)]
    assert (await put(small, *places[0], TEXT * 10)).status_code == 201
    refused = await put(small, *places[1], TEXT)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "file_quota_exceeded")


async def test_the_account_s_own_limit_counts_only_if_it_is_lower(small: Stage) -> None:
    await limit(small, MOST - 1)
    assert (await announce(small, MOST, "TXT")).status == 413
    await limit(small, MOST * 2)
    assert (await announce(small, MOST, "TXT")).status == 200
    assert (await announce(small, MOST + 1, "TXT")).status == 413


async def test_accounts_have_room_of_their_own(small: Stage) -> None:
    place = address(await announce(small, MOST, "TXT"))
    assert (await put(small, *place, TEXT * 10)).status_code == 201
    given = {"account": OTHER, "app": "foreign-app", "consumer": "foreign-consumer"}
    assert (await announce(small, MOST, "TXT", **given)).status == 200


async def test_previews_are_counted_and_everything_is_given_back(stage: Stage) -> None:
    content = picture()
    path = await upload(stage, content)
    file = await stage.files.get_file(ACCOUNT, AGENT, path)
    assert await used(stage) == len(content) + file.preview_size > len(content)
    stage.clock.advance(seconds=stage.files.rules.unsent_seconds + 1)
    for _ in range(2):
        await workers.purge_once(stage.db, stage.files._objects, stage.clock.now_ms())
    assert (await used(stage), stored(stage)) == (0, [])


async def test_what_was_sent_and_then_erased_is_given_back(stage: Stage) -> None:
    path, conversation = await upload(stage, TEXT, "TXT"), await stage.open()
    assert (await stage.publish(conversation, file_event(path))).status == 200
    now = stage.clock.now_ms()
    await stage.db.write(lambda tx: store.delete_files_of(tx, ACCOUNT, [conversation], now))
    assert await used(stage) == len(TEXT)  # until the bytes are gone
    await workers.purge_once(stage.db, stage.files._objects, now)
    assert await used(stage) == 0


async def test_what_does_not_get_into_the_store_takes_no_room(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise StoreUnavailable("full")

    place = address(await announce(stage, len(TEXT), "TXT"))
    with monkeypatch.context() as patch:
        patch.setattr(stage.files._objects, "keep", fail)
        assert (await put(stage, *place, TEXT)).status_code == 503
    assert await used(stage) == 0
    assert (await put(stage, *place, TEXT)).status_code == 201
    assert await used(stage) == len(TEXT)


async def test_administrators_read_how_much_there_is(small: Stage) -> None:
    assert (await put(small, *address(await announce(small, len(TEXT), "TXT")), TEXT)).status_code == 201
    path = f"/switchbay/v1/accounts/{ACCOUNT}/files"
    for user, status in (("ada", 200), ("bob", 403)):
        answer = await small.http.get(path, headers={"Authorization": "Bearer " + await small.bearer(user)})
        assert answer.status_code == status
        if status == 200:
            assert answer.json() == {"bytes": len(TEXT), "most_bytes": MOST}
