"""The developer log: what is kept of refused requests, for whom, and within which bounds."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from support.oauth_stage import ACCOUNT, OTHER_ACCOUNT, Stage
from switchbay.accounts.public import OPERATOR
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.oauth.service.refusals import MOST_CHARACTERS, MOST_HELD, RefusalLog
from switchbay.oauth.store.refusals import MOST_KEPT
from switchbay.oauth.tables import refusals

APP = "6c5a36a1-9b1f-4b4f-9a1e-0c7d3f1f2a01"
OTHER_APP = "6c5a36a1-9b1f-4b4f-9a1e-0c7d3f1f2a02"


@pytest.fixture
def log(db: Database, clock: ManualClock, randomness: Randomness) -> RefusalLog:
    """The log of one node, without its worker."""
    return RefusalLog(db, clock, randomness)


def refuse(log: RefusalLog, reason: str = "secret_wrong", *, app: str = APP, account: str = ACCOUNT) -> None:
    """Note one refusal."""
    log.note(account, app, "token", "invalid_client", reason, {}, "192.0.2.7")


async def reasons(log: RefusalLog, app: str = APP, account: str = ACCOUNT) -> list[str]:
    """What is stored of an app, the newest first."""
    return [refusal.reason for refusal in await log.list_refusals(account, app)]


async def stored(db: Database) -> int:
    """How many rows there are."""

    async def work(tx: Tx) -> int:
        row = await tx.fetch_one(sa.select(sa.func.count()).select_from(refusals))
        assert row is not None
        return int(row[0])

    return await db.read(work)


async def test_a_refusal_is_kept_with_all_that_was_said_of_it(log: RefusalLog, clock: ManualClock) -> None:
    detail = {"expected": "https://app.example.com/callback", "got": "https://app.example.com/callback/"}
    log.note(ACCOUNT, APP, "authorize", "page", "redirect_uri_unknown", detail, "192.0.2.7")
    assert await log.list_refusals(ACCOUNT, APP) == []
    assert await log.flush_once() == 1
    (refusal,) = await log.list_refusals(ACCOUNT, APP)
    assert (refusal.account_id, refusal.client_id, refusal.at) == (ACCOUNT, APP, clock.now_ms())
    assert (refusal.endpoint, refusal.error, refusal.reason) == ("authorize", "page", "redirect_uri_unknown")
    assert (dict(refusal.detail), refusal.address) == (detail, "192.0.2.7")
    assert (await log.flush_once(), log.held) == (0, 0)


async def test_the_newest_refusal_comes_first(log: RefusalLog, clock: ManualClock) -> None:
    for reason in ("first", "second"):
        refuse(log, reason)
    clock.advance(ms=1)
    refuse(log, "third")
    await log.flush_once()
    assert await reasons(log) == ["third", "second", "first"]


async def test_only_the_last_hundred_of_an_app_are_kept(log: RefusalLog, db: Database) -> None:
    refuse(log, "of another app", app=OTHER_APP)
    for number in range(60):
        refuse(log, f"reason {number}")
    await log.flush_once()
    for number in range(60, 130):
        refuse(log, f"reason {number}")
    await log.flush_once()
    assert await reasons(log) == [f"reason {number}" for number in range(129, 29, -1)]
    assert await reasons(log, OTHER_APP) == ["of another app"]
    assert await stored(db) == MOST_KEPT + 1


async def test_a_flood_of_one_app_pushes_out_only_its_own(log: RefusalLog) -> None:
    refuse(log, "of another app", app=OTHER_APP)
    refuse(log, "of another account", account=OTHER_ACCOUNT)
    for number in range(10_000):
        refuse(log, f"reason {number}")
    assert (log.held, log.dropped) == (MOST_KEPT + 2, 10_000 - MOST_KEPT)
    await log.flush_once()
    assert (await reasons(log))[0] == "reason 9999"
    assert await reasons(log, OTHER_APP) == ["of another app"]
    assert await reasons(log, account=OTHER_ACCOUNT) == ["of another account"]


async def test_floods_of_many_apps_are_bounded_and_leave_the_quiet_one_alone(log: RefusalLog) -> None:
    refuse(log, "of a quiet app", app=OTHER_APP)
    for number in range(MOST_KEPT):
        for app in range(50):
            refuse(log, f"reason {number}", app=f"app-{app}")
    assert (log.held, log.dropped) == (MOST_HELD, 50 * MOST_KEPT + 1 - MOST_HELD)
    await log.flush_once()
    assert await reasons(log, OTHER_APP) == ["of a quiet app"]
    assert (await reasons(log, "app-7"))[0] == f"reason {MOST_KEPT - 1}"


@pytest.mark.parametrize(
    ("detail", "kept"),
    [
        ({"got": "x" * 301}, {"got": "x" * 299 + "…"}),
        ({"got": "x" * 300}, {"got": "x" * 300}),
        ({"got": "x" * 5_000_000}, {"got": "x" * 299 + "…"}),
        ({"client_secret": "swordfish", "Code": "abc", "refresh_token": "def"}, dict.fromkeys(
            ("client_secret", "Code", "refresh_token"), "***"
        )),
        ({"got": "https://user:pass@app.example.com/"}, {"got": "https://***@app.example.com/"}),
        ({"got": "a\x00b\r\nc\x1b[31m"}, {"got": "a\ufffdb\ufffd\ufffdc\ufffd[31m"}),
        ({"got": "\ud800\u202e"}, {"got": "\ufffd\ufffd"}),
        ({f"member{number}": "x" for number in range(20)}, {f"member{number}": "x" for number in range(12)}),
    ],
)  # fmt: skip
async def test_details_are_kept_short_clean_and_free_of_secrets(
    log: RefusalLog, detail: Mapping[str, str], kept: Mapping[str, str]
) -> None:
    log.note(ACCOUNT, APP, "token", "invalid_grant", "any", detail, None)
    await log.flush_once()
    (refusal,) = await log.list_refusals(ACCOUNT, APP)
    assert dict(refusal.detail) == kept
    assert all(len(text) <= MOST_CHARACTERS for _, text in refusal.detail)


async def test_what_cannot_be_written_is_written_later_and_in_order(
    log: RefusalLog, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(log, "before")
    with monkeypatch.context() as patch:
        patch.setattr("switchbay.oauth.store.refusals.insert", _failing)
        with pytest.raises(RuntimeError):
            await log.flush_once()
    assert log.held == 1
    clock.advance(ms=1)
    refuse(log, "after")
    assert await log.flush_once() == 2
    assert await reasons(log) == ["after", "before"]


async def _failing(*_: object) -> None:
    raise RuntimeError("the database is away")


async def test_two_nodes_write_at_once_and_a_hundred_stay(
    log: RefusalLog, db: Database, clock: ManualClock, randomness: Randomness
) -> None:
    other = RefusalLog(db, clock, randomness)
    for app in (APP, OTHER_APP):
        for number in range(80):
            refuse(log, f"one {number}", app=app)
            refuse(other, f"two {number}", app=app)
    assert list(await asyncio.gather(log.flush_once(), other.flush_once())) == [160, 160]
    refuse(log, "last")
    await log.flush_once()
    assert len(await reasons(log)) == MOST_KEPT
    assert (await reasons(log))[0] == "last"


async def test_the_worker_writes_by_itself_and_stopping_writes_the_rest(log: RefusalLog) -> None:
    await log.start()
    refuse(log, "while it runs")
    async with asyncio.timeout(10):
        while log.held:  # noqa: ASYNC110 - it is the worker that empties it
            await asyncio.sleep(0.01)
    refuse(log, "at the end")
    await log.stop()
    assert await reasons(log) == ["at the end", "while it runs"]


async def test_a_month_later_refusals_are_forgotten(log: RefusalLog, clock: ManualClock, db: Database) -> None:
    refuse(log)
    await log.flush_once()
    clock.advance(seconds=30 * 86_400)
    assert await log.sweep_once(clock.now_ms()) == 0
    clock.advance(ms=1)
    assert await log.sweep_once(clock.now_ms()) == 1
    assert await stored(db) == 0


async def listed(stage: Stage, app: str, user: str) -> tuple[int, Any]:
    """What a user gets of an app's log."""
    answer = await stage.manage("GET", f"/apps/{app}/refusals", user=user)
    return answer.status_code, answer.json()


async def test_an_administrator_reads_the_log_of_an_app(stage: Stage) -> None:
    app = await stage.install()
    log = stage.server.refusals
    detail = {"expected": "msg.consumer", "got": "msg.everything"}
    log.note(ACCOUNT, app.client_id, "token", "invalid_scope", "scope_not_allowed", detail, "192.0.2.7")
    await log.flush_once()
    status, body = await listed(stage, app.client_id, "admin")
    (item,) = body["items"]
    assert status == 200
    assert item.pop("refusal_id").startswith("ref_")
    assert item == {
        "at": stage.clock.now_ms(),
        "endpoint": "token",
        "error": "invalid_scope",
        "reason": "scope_not_allowed",
        "detail": detail,
        "address": "192.0.2.7",
    }


@pytest.mark.parametrize(("user", "status"), [("developer", 403), ("agent", 403), ("foreign", 401)])
async def test_nobody_else_reads_it(stage: Stage, user: str, status: int) -> None:
    app = await stage.install()
    refuse(stage.server.refusals, app=app.client_id)
    await stage.server.refusals.flush_once()
    answered, body = await listed(stage, app.client_id, user)
    assert answered == status
    assert "items" not in body


@pytest.mark.parametrize("app", [APP, "x", "%00"])
async def test_there_is_no_log_of_an_app_that_is_not_installed(stage: Stage, app: str) -> None:
    status, body = await listed(stage, app, "admin")
    assert (status, body["error"]["code"]) == (404, "app_unknown")


async def test_the_log_of_an_uninstalled_app_is_gone_with_it(stage: Stage) -> None:
    app = await stage.install()
    refuse(stage.server.refusals, app=app.client_id)
    await stage.server.refusals.flush_once()
    await stage.apps.uninstall(ACCOUNT, app.client_id, OPERATOR)
    assert (await listed(stage, app.client_id, "admin"))[0] == 404
