"""What ends with a session, and how apps are told of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import KeySet

from support.accounts_house import HOME, PASSWORD
from support.oauth_stage import ACCOUNT, ISSUER, Installed, Stage, join_stage, stage_settings
from support.receiver import Answer, Received, Receiver
from switchbay.accounts.public import EndedSession
from switchbay.infra.db import Tx
from switchbay.infra.egress import Egress
from switchbay.oauth.domain import Face, Grant
from switchbay.oauth.protocol import oidc_backchannel_logout as protocol
from switchbay.oauth.service.backchannel import MOST_AT_ONCE, Backchannel
from switchbay.oauth.store.grants import find_grant, insert_grant
from switchbay.oauth.tables import logouts


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver(None) as running:
        yield running


@pytest.fixture
def telling(stage: Stage) -> Backchannel:
    return stage.server.backchannel


async def install(
    stage: Stage, uri: str | None, name: str = "com.example.told", algorithm: str | None = None
) -> Installed:
    return await stage.install(client_name=name, backchannel_logout_uri=uri, id_token_signed_response_alg=algorithm)


async def log_in(stage: Stage) -> tuple[str, EndedSession]:
    """Open a session; return its bearer, and what will be told of its end."""
    opened = await stage.accounts.login(ACCOUNT, "agent", PASSWORD, HOME)
    return opened.bearer.reveal(), EndedSession(opened.principal.session_id, opened.principal.user_id)


async def grant(stage: Stage, app: Installed, session: EndedSession, *scope: str, revoked: bool = False) -> str:
    now = stage.clock.at_ms
    made = Grant(
        account_id=ACCOUNT,
        grant_id=stage.randomness.sortable_id("gra", now),
        client_id=app.client_id,
        user_id=session.user_id,
        session_id=session.session_id,
        face=Face.OIDC,
        scope=frozenset({"openid", *scope}),
        resources=(),
        auth_time=now,
        amr=("pwd",),
        created_at=now,
        expires_at=now + 3_600_000,
        revoked_at=now if revoked else None,
    )
    await stage.db.write(lambda tx: insert_grant(tx, made))
    return made.grant_id


async def is_revoked(stage: Stage, grant_id: str) -> bool:
    found = await stage.db.read(lambda tx: find_grant(tx, ACCOUNT, grant_id))
    assert found is not None
    return found.revoked_at is not None


async def queued(stage: Stage) -> list[dict[str, Any]]:
    async def read(tx: Tx) -> list[dict[str, Any]]:
        columns = ("client_id", "user_id", "session_id", "attempts", "due_at")
        rows = await tx.fetch(sa.select(logouts).order_by(logouts.c.client_id))
        return [{name: row[name] for name in columns} for row in rows]

    return await stage.db.read(read)


def token_in(received: Received) -> str:
    assert received.headers["content-type"] == "application/x-www-form-urlencoded"
    fields = parse_qs(received.body.decode(), strict_parsing=True)
    assert list(fields) == ["logout_token"]
    return fields["logout_token"][0]


async def verified(stage: Stage, token: str, algorithm: str = "RS256") -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, checked as an app checks them: with the published keys."""
    keys = KeySet.import_key_set((await stage.http.get(f"/oidc/{ACCOUNT}/jwks")).json())
    decoded = jwt.decode(token, keys, algorithms=[algorithm])
    return dict(decoded.header), dict(decoded.claims)


# The token


async def test_an_app_is_told_with_a_signed_token_of_whom_and_which_session(
    stage: Stage, receiver: Receiver, telling: Backchannel
) -> None:
    app = await install(stage, receiver.url("/out?tenant=1"))
    bearer, session = await log_in(stage)
    await grant(stage, app, session)
    await stage.accounts.logout(ACCOUNT, bearer, HOME)
    assert await telling.tell_once(stage.clock.at_ms) == 1
    (received,) = receiver.requests
    assert (received.method, received.path) == ("POST", "/out?tenant=1")
    header, claims = await verified(stage, token_in(received))
    assert header == {"alg": "RS256", "typ": "logout+jwt", "kid": header["kid"]}
    assert claims == {
        "iss": ISSUER,
        "sub": session.user_id,
        "aud": app.client_id,
        "iat": stage.clock.at_ms // 1000,
        "exp": stage.clock.at_ms // 1000 + 120,
        "jti": claims["jti"],
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        "sid": session.session_id,
    }
    assert len(claims["jti"]) == 32
    assert await queued(stage) == []


async def test_the_token_is_signed_as_the_apps_id_tokens_are(
    stage: Stage, receiver: Receiver, telling: Backchannel
) -> None:
    app = await install(stage, receiver.url(), algorithm="ES256")
    bearer, session = await log_in(stage)
    await grant(stage, app, session)
    await stage.accounts.logout(ACCOUNT, bearer, HOME)
    await telling.tell_once(stage.clock.at_ms)
    header, _ = await verified(stage, token_in(receiver.requests[0]), "ES256")
    assert header["alg"] == "ES256"


# What ends


async def test_the_end_of_a_session_revokes_what_was_issued_in_it_and_nothing_else(
    stage: Stage, receiver: Receiver
) -> None:
    app = await install(stage, receiver.url())
    bearer, session = await log_in(stage)
    _, other = await log_in(stage)
    ended, offline = await grant(stage, app, session), await grant(stage, app, session, "offline_access")
    untouched = await grant(stage, app, other)
    await stage.accounts.logout(ACCOUNT, bearer, HOME)
    assert [await is_revoked(stage, each) for each in (ended, offline, untouched)] == [True, False, False]


async def test_a_new_password_ends_everything(stage: Stage, receiver: Receiver) -> None:
    app = await install(stage, receiver.url())
    _, session = await log_in(stage)
    offline = await grant(stage, app, session, "offline_access")
    answer = await stage.manage("PATCH", f"/users/{session.user_id}", {"password": "another long password 1"})
    assert answer.status_code == 200, answer.text
    assert await is_revoked(stage, offline)
    assert [row["session_id"] for row in await queued(stage)] == [session.session_id]


async def test_each_app_of_a_session_is_told_once_however_often_it_came(
    stage: Stage, receiver: Receiver, telling: Backchannel
) -> None:
    first, second = await install(stage, receiver.url("/1"), "one"), await install(stage, receiver.url("/2"), "two")
    bearer, session = await log_in(stage)
    for _ in range(3):
        await grant(stage, first, session)
    await grant(stage, second, session, revoked=True)
    await stage.accounts.logout(ACCOUNT, bearer, HOME)
    assert await telling.tell_once(stage.clock.at_ms) == 2
    assert sorted(received.path for received in receiver.requests) == ["/1", "/2"]


async def test_an_app_that_does_not_want_to_be_told_is_not(
    stage: Stage, receiver: Receiver, telling: Backchannel
) -> None:
    silent, gone = await install(stage, None, "silent"), await install(stage, receiver.url(), "gone")
    off = await install(stage, receiver.url(), "off")
    bearer, session = await log_in(stage)
    for app in (silent, gone, off):
        await grant(stage, app, session)
    assert (await stage.manage("DELETE", f"/apps/{gone.client_id}")).status_code == 200
    assert (await stage.manage("POST", f"/apps/{off.client_id}/disable")).status_code == 200
    await stage.accounts.logout(ACCOUNT, bearer, HOME)
    await telling.tell_once(stage.clock.at_ms)
    assert receiver.requests == []
    assert await queued(stage) == []


async def test_a_logout_that_is_rolled_back_is_never_told(
    stage: Stage, receiver: Receiver, telling: Backchannel
) -> None:
    app = await install(stage, receiver.url())
    bearer, session = await log_in(stage)
    kept = await grant(stage, app, session)

    async def fail(*_given: object) -> None:
        raise RuntimeError("the transaction is undone")

    stage.accounts.on_session_end(fail)
    with pytest.raises(RuntimeError):
        await stage.accounts.logout(ACCOUNT, bearer, HOME)
    assert await telling.tell_once(stage.clock.at_ms) == 0
    assert not await is_revoked(stage, kept)
    assert (await stage.accounts.authenticate(ACCOUNT, bearer)).session_id == session.session_id


# Trying again


async def test_an_app_that_fails_is_tried_again_with_growing_gaps_and_then_given_up(
    stage: Stage, receiver: Receiver, telling: Backchannel
) -> None:
    receiver.answer = lambda _: Answer(500)
    app = await install(stage, receiver.url())
    bearer, session = await log_in(stage)
    await grant(stage, app, session)
    await stage.accounts.logout(ACCOUNT, bearer, HOME)
    for failures, gap in enumerate((10, 60, 300, 900, 3_600), 1):
        assert await telling.tell_once(stage.clock.at_ms) == 1
        assert [(row["attempts"], row["due_at"] - stage.clock.at_ms) for row in await queued(stage)] == [
            (failures, gap * 1000)
        ]
        stage.clock.advance(seconds=gap, ms=-1)
        assert await telling.tell_once(stage.clock.at_ms) == 0
        stage.clock.advance(ms=1)
    assert await telling.tell_once(stage.clock.at_ms) == 1
    assert await queued(stage) == []
    assert len(receiver.requests) == 6
    tokens = [(await verified(stage, token_in(received)))[1] for received in receiver.requests[-1:]]
    assert tokens[0]["iat"] == stage.clock.at_ms // 1000, "every try has a token of its own"


@pytest.mark.parametrize(("status", "accepted"), [(200, True), (204, True), (302, False), (400, False), (503, False)])
async def test_only_200_and_204_count_as_told(
    stage: Stage, receiver: Receiver, telling: Backchannel, status: int, accepted: bool
) -> None:
    receiver.answer = lambda _: Answer(status, b"", [("Location", receiver.url("/elsewhere"))])
    app = await install(stage, receiver.url())
    bearer, session = await log_in(stage)
    await grant(stage, app, session)
    await stage.accounts.logout(ACCOUNT, bearer, HOME)
    await telling.tell_once(stage.clock.at_ms)
    assert len(receiver.requests) == 1
    assert (await queued(stage) == []) is accepted


async def test_an_app_that_cannot_be_reached_does_not_keep_others_from_being_told(
    stage: Stage, receiver: Receiver, telling: Backchannel
) -> None:
    dead = await install(stage, "http://127.0.0.1:1/out", "dead")
    told = await install(stage, receiver.url(), "told")
    bearer, session = await log_in(stage)
    await grant(stage, dead, session)
    await grant(stage, told, session)
    await stage.accounts.logout(ACCOUNT, bearer, HOME)
    assert await telling.tell_once(stage.clock.at_ms) == 2
    assert len(receiver.requests) == 1
    assert [row["client_id"] for row in await queued(stage)] == [dead.client_id]


# Several nodes, and the end of one


async def test_two_nodes_tell_each_logout_once(stage: Stage, receiver: Receiver, telling: Backchannel) -> None:
    egress = Egress(("127.0.0.0/8",), dev_loopback=True)
    settings = stage_settings()
    other = join_stage(stage.db, stage.clock, stage.randomness, stage.vault, egress, settings)
    app = await install(stage, receiver.url())
    for _ in range(10):
        bearer, session = await log_in(stage)
        await grant(stage, app, session)
        await stage.accounts.logout(ACCOUNT, bearer, HOME)
    now = stage.clock.at_ms
    taken = await asyncio.gather(telling.tell_once(now), other.server.backchannel.tell_once(now))
    assert sum(taken) == 10
    told = [(await verified(stage, token_in(received)))[1]["sid"] for received in receiver.requests]
    assert len(told) == len(set(told)) == 10
    await other.http.aclose()
    await egress.close()


async def test_what_a_node_took_before_it_died_is_told_when_its_lease_is_over(
    stage: Stage, receiver: Receiver, telling: Backchannel
) -> None:
    app = await install(stage, receiver.url())
    bearer, session = await log_in(stage)
    await grant(stage, app, session)
    await stage.accounts.logout(ACCOUNT, bearer, HOME)
    waiting = asyncio.Event()

    async def hang(_received: Received) -> Answer:
        waiting.set()
        await asyncio.sleep(3_600)
        return Answer()

    receiver.answer = hang
    dying = asyncio.create_task(telling.tell_once(stage.clock.at_ms))
    await waiting.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    receiver.answer = lambda _: Answer()
    assert await telling.tell_once(stage.clock.at_ms) == 0, "another node may still be at it"
    stage.clock.advance(seconds=60)
    assert await telling.tell_once(stage.clock.at_ms) == 1
    assert len(receiver.requests) == 2
    assert await queued(stage) == []


async def test_a_node_whose_lease_is_over_does_not_undo_what_another_did(
    stage: Stage, receiver: Receiver, telling: Backchannel
) -> None:
    app = await install(stage, receiver.url())
    bearer, session = await log_in(stage)
    await grant(stage, app, session)
    await stage.accounts.logout(ACCOUNT, bearer, HOME)
    release = asyncio.Event()
    waiting = asyncio.Event()

    async def fail_late(_received: Received) -> Answer:
        waiting.set()
        await release.wait()
        return Answer(500)

    receiver.answer = fail_late
    slow = asyncio.create_task(telling.tell_once(stage.clock.at_ms))
    await waiting.wait()
    receiver.answer = lambda _: Answer(500)
    stage.clock.advance(seconds=60)
    await telling.tell_once(stage.clock.at_ms)
    before = await queued(stage)
    release.set()
    await slow
    assert await queued(stage) == before


async def test_the_worker_wakes_at_a_logout_and_works_through_more_than_one_batch(
    stage: Stage, receiver: Receiver, telling: Backchannel
) -> None:
    app = await install(stage, receiver.url())
    opened = [await log_in(stage) for _ in range(MOST_AT_ONCE + 1)]
    for _, session in opened:
        await grant(stage, app, session)
    await telling.start()
    try:
        for bearer, _ in opened:
            await stage.accounts.logout(ACCOUNT, bearer, HOME)
        await receiver.wait_for(MOST_AT_ONCE + 1)
    finally:
        await telling.stop()
    told = {(await verified(stage, token_in(received)))[1]["sid"] for received in receiver.requests}
    assert told == {session.session_id for _, session in opened}


def test_the_gaps_grow_and_end() -> None:
    assert [protocol.next_try(failures, 0) for failures in range(1, 7)] == [
        10_000,
        60_000,
        300_000,
        900_000,
        3_600_000,
        None,
    ]


def test_a_logout_token_has_no_nonce() -> None:
    claims = json.loads(protocol.make_claims(issuer="i", client_id="c", user_id="u", session_id="s", jti="j", iat=1))
    assert "nonce" not in claims
