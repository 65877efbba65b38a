"""Refreshing: rotation, the grace time, the end of a family, and scope that only narrows."""

import asyncio
import json
from pathlib import Path

import pytest

from support.accounts_house import HOME, PASSWORD
from support.oauth_stage import ACCOUNT, CALLBACK, ISSUER, WEB_APP, Installed, Stage
from support.oauth_tokens import (
    CHALLENGE,
    VERIFIER,
    assert_refused,
    count_rows,
    get_tokens,
    give_code,
    introspect,
    neighbour,
    read_signed,
    reasons,
    redeem,
    refresh,
    userinfo,
)
from switchbay.accounts.public import OPERATOR, UserChange
from switchbay.oauth.domain import Face


async def first_refresh_token(stage: Stage, app: Installed, scope: str = "openid msg.consumer") -> str:
    return str((await get_tokens(stage, app, scope=scope))["refresh_token"])


# What comes out


async def test_a_refresh_gives_new_tokens_and_the_successor(stage: Stage) -> None:
    app = await stage.install()
    first = await get_tokens(stage, app)
    stage.clock.advance(seconds=5)
    answer = await refresh(stage, app, first["refresh_token"])
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert list(body) == ["access_token", "token_type", "refresh_token", "id_token", "expires_in", "scope"]
    assert body["access_token"] != first["access_token"]
    assert body["refresh_token"] != first["refresh_token"]
    assert len(body["refresh_token"]) == 144
    assert answer.headers["cache-control"] == "no-store"
    assert (await userinfo(stage, body["access_token"])).status_code == 200


async def test_the_id_token_keeps_who_and_when_and_has_no_nonce(stage: Stage) -> None:
    app = await stage.install()
    first = await get_tokens(stage, app, nonce="n-0S6_WzA2Mj")
    stage.clock.advance(seconds=100)
    second = (await refresh(stage, app, first["refresh_token"])).json()
    before, after = await read_signed(stage, first["id_token"]), await read_signed(stage, second["id_token"])
    for name in ("iss", "sub", "aud", "azp", "auth_time", "acr", "amr", "sid"):
        assert after[name] == before[name]
    assert before["nonce"] == "n-0S6_WzA2Mj"
    assert "nonce" not in after
    assert after["iat"] == before["iat"] + 100


@pytest.mark.parametrize(("version", "dots"), [("1.0", 0), ("2.0", 2)])
async def test_the_old_face_refreshes_in_the_version_that_is_asked_for(stage: Stage, version: str, dots: int) -> None:
    app = await stage.install()
    code = await give_code(stage, app, face=Face.SENTINEL)
    first = (await redeem(stage, app, code, face="sentinel", version="1.0")).json()
    body = (await refresh(stage, app, first["refresh_token"], face="sentinel", version=version)).json()
    assert body["access_token"].count(".") == dots
    assert len(body["refresh_token"]) == 144
    assert body["id_token"].count(".") == 2


async def test_a_public_client_refreshes_with_its_name_alone(stage: Stage) -> None:
    app = await stage.install(token_endpoint_auth_method="none", grant_types=["authorization_code", "refresh_token"])
    code = await give_code(stage, app, challenge=CHALLENGE)
    path = f"/oidc/{ACCOUNT}/token"
    fields = {"client_id": app.client_id, "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    first = (await stage.http.post(path, data={"grant_type": "authorization_code", **fields})).json()
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": app.client_id}
    assert (await stage.http.post(path, data=again)).status_code == 200


# Scope and resources


async def test_scope_narrows_for_one_access_token_and_the_grant_keeps_its_own(stage: Stage) -> None:
    app = await stage.install()
    token = await first_refresh_token(stage, app)
    narrow = (await refresh(stage, app, token, scope="openid")).json()
    assert narrow["scope"] == "openid"
    assert (await introspect(stage, app, narrow["access_token"]))["scope"] == "openid"
    assert (await introspect(stage, app, narrow["refresh_token"]))["scope"] == "msg.consumer openid"
    whole = (await refresh(stage, app, narrow["refresh_token"])).json()
    assert whole["scope"] == "msg.consumer openid"


async def test_without_openid_in_the_asked_scope_there_is_no_id_token(stage: Stage) -> None:
    app = await stage.install()
    body = (await refresh(stage, app, await first_refresh_token(stage, app), scope="msg.consumer")).json()
    assert "id_token" not in body


@pytest.mark.parametrize("scope", ["openid profile", "admin", "openid  msg.consumer", 'open"id', "openid\x00"])
async def test_scope_never_widens_and_a_refused_one_leaves_the_token_unused(stage: Stage, scope: str) -> None:
    app = await stage.install()
    token = await first_refresh_token(stage, app)
    assert_refused(await refresh(stage, app, token, scope=scope), "invalid_scope")
    assert (await count_rows(stage))["used tokens"] == 0
    assert (await refresh(stage, app, token)).status_code == 200


async def test_a_scope_that_the_app_has_lost_since_is_left_out(stage: Stage) -> None:
    app = await stage.install()
    token = await first_refresh_token(stage, app)
    manifest, _ = await stage.apps.accept(
        json.dumps({**WEB_APP, "scope": None, "grant_types": ["authorization_code", "refresh_token"]}).encode()
    )
    await stage.apps.update(ACCOUNT, app.client_id, manifest, OPERATOR)
    assert (await refresh(stage, app, token)).json()["scope"] == "openid"
    assert_refused(await refresh(stage, app, token, scope="msg.consumer"), "invalid_scope")


async def test_a_refresh_may_name_some_of_the_granted_resources(stage: Stage) -> None:
    app = await stage.install()
    api, files = "https://api.example.com/", "https://files.example.com/"
    token = (await get_tokens(stage, app, resources=(api, files)))["refresh_token"]
    one = (await refresh(stage, app, token, resource=files)).json()
    assert (await read_signed(stage, one["access_token"]))["aud"] == files
    both = (await refresh(stage, app, one["refresh_token"], resource=[api, files, api])).json()
    assert (await read_signed(stage, both["access_token"]))["aud"] == [api, files]
    whole = (await refresh(stage, app, both["refresh_token"])).json()
    assert (await read_signed(stage, whole["access_token"]))["aud"] == [api, files]
    assert_refused(await refresh(stage, app, whole["refresh_token"], resource=ISSUER), "invalid_target")


# Who and with what


async def test_another_client_gets_nothing_and_ends_nothing(stage: Stage) -> None:
    app, other = await stage.install(), await stage.install(client_name="com.example.other")
    token = await first_refresh_token(stage, app)
    assert_refused(await refresh(stage, other, token), "invalid_grant")
    assert await reasons(stage, other) == ["refresh_token_of_another_client"]
    await refresh(stage, app, token)
    stage.clock.advance(seconds=1_000)
    assert_refused(await refresh(stage, other, token), "invalid_grant")
    assert (await count_rows(stage))["revoked grants"] == 0


@pytest.mark.parametrize("token", ["0" * 144, "x", "\x00\ud7ff", "y" * 9_000])
async def test_a_token_that_never_was_is_refused(stage: Stage, token: str) -> None:
    app = await stage.install()
    assert_refused(await refresh(stage, app, token), "invalid_grant")


async def test_an_access_token_does_not_refresh(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app, face=Face.SENTINEL)
    body = (await redeem(stage, app, code, face="sentinel")).json()
    assert_refused(await refresh(stage, app, body["access_token"], face="sentinel"), "invalid_grant")
    assert (await count_rows(stage))["used tokens"] == 0


async def test_a_token_of_one_face_is_none_of_the_other(stage: Stage) -> None:
    app = await stage.install()
    token = await first_refresh_token(stage, app)
    assert_refused(await refresh(stage, app, token, face="sentinel"), "invalid_grant")
    assert await reasons(stage, app) == ["face_wrong"]
    assert (await refresh(stage, app, token)).status_code == 200


async def test_a_token_that_is_not_used_ends_after_its_time(stage: Stage) -> None:
    app = await stage.install()
    early, late = await first_refresh_token(stage, app), await first_refresh_token(stage, app)
    stage.clock.advance(ms=2_592_000_000 - 1)
    assert (await refresh(stage, app, early)).status_code == 200
    stage.clock.advance(ms=1)
    assert_refused(await refresh(stage, app, late), "invalid_grant")
    assert await reasons(stage, app) == ["refresh_token_expired"]


async def test_a_parameter_is_missing_or_the_manifest_lists_no_such_grant(stage: Stage) -> None:
    app = await stage.install()
    assert_refused(await refresh(stage, app, ""), "invalid_request")
    without = await stage.install(client_name="com.example.other", grant_types=["authorization_code"])
    assert_refused(await refresh(stage, without, "0" * 144), "unauthorized_client")


# Rotation


async def test_within_the_grace_time_the_old_token_answers_its_one_successor(stage: Stage) -> None:
    app = await stage.install()
    token = await first_refresh_token(stage, app)
    first = (await refresh(stage, app, token)).json()
    stage.clock.advance(ms=29_999)
    again = await refresh(stage, app, token)
    assert again.status_code == 200, again.text
    assert again.json()["refresh_token"] == first["refresh_token"]
    assert again.json()["access_token"] != first["access_token"]
    assert (await userinfo(stage, again.json()["access_token"])).status_code == 200
    assert (await refresh(stage, app, first["refresh_token"])).status_code == 200
    assert (await count_rows(stage))["revoked grants"] == 0


async def test_after_the_grace_time_the_old_token_ends_the_family(stage: Stage) -> None:
    app = await stage.install()
    token = await first_refresh_token(stage, app)
    second = (await refresh(stage, app, token)).json()
    third = (await refresh(stage, app, second["refresh_token"])).json()
    stage.clock.advance(ms=30_000)
    assert_refused(await refresh(stage, app, token), "invalid_grant")
    assert await reasons(stage, app) == ["refresh_token_replayed"]
    assert (await count_rows(stage))["revoked grants"] == 1
    assert_refused(await refresh(stage, app, third["refresh_token"]), "invalid_grant")
    for access in (second["access_token"], third["access_token"]):
        assert (await userinfo(stage, access)).status_code == 401
        assert await introspect(stage, app, access) == {"active": False}


async def test_other_families_of_the_app_live_on(stage: Stage) -> None:
    app = await stage.install()
    one, other = await first_refresh_token(stage, app), await first_refresh_token(stage, app)
    await refresh(stage, app, one)
    stage.clock.advance(seconds=60)
    assert_refused(await refresh(stage, app, one), "invalid_grant")
    assert (await refresh(stage, app, other)).status_code == 200


async def test_fifty_refreshes_over_two_nodes_have_one_successor(
    stage: Stage, database_url: str, tmp_path: Path
) -> None:
    app = await stage.install()
    async with neighbour(stage, database_url, tmp_path) as other:
        for warm in (stage, other):
            assert (await redeem(warm, app, await give_code(stage, app))).status_code == 200
        token = await first_refresh_token(stage, app)
        before = await count_rows(stage)
        answers = await asyncio.gather(*(refresh(node, app, token) for node in (stage, other) for _ in range(25)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["refresh_token"] for answer in answers}) == 1
        assert len({answer.json()["access_token"] for answer in answers}) == 50
        after = await count_rows(stage)
        assert (after["tokens"] - before["tokens"], after["used tokens"] - before["used tokens"]) == (1, 1)
        assert (await refresh(other, app, answers[0].json()["refresh_token"])).status_code == 200


async def test_without_a_grace_time_the_second_use_ends_the_family(
    stage: Stage, database_url: str, tmp_path: Path
) -> None:
    app = await stage.install()
    async with neighbour(stage, database_url, tmp_path, refresh_grace_seconds=0) as strict:
        token = await first_refresh_token(stage, app)
        answers = await asyncio.gather(*(refresh(strict, app, token) for _ in range(10)))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9
        assert (await count_rows(stage))["revoked grants"] == 1
        won = next(answer for answer in answers if answer.status_code == 200)
        assert_refused(await refresh(strict, app, won.json()["refresh_token"]), "invalid_grant")


# When something ends


async def test_a_disabled_user_refreshes_nothing(stage: Stage) -> None:
    app = await stage.install()
    tokens = await get_tokens(stage, app)
    user = await stage.accounts.find_user_by_login(ACCOUNT, "agent")
    assert user is not None
    await stage.accounts.update_user(ACCOUNT, user.user_id, UserChange(enabled=False), OPERATOR)
    assert_refused(await refresh(stage, app, tokens["refresh_token"]), "invalid_grant")
    assert (await userinfo(stage, tokens["access_token"])).status_code == 401
    assert (await count_rows(stage))["used tokens"] == 0


async def test_a_disabled_app_refreshes_nothing_nor_when_it_is_enabled_again(stage: Stage) -> None:
    app = await stage.install()
    tokens = await get_tokens(stage, app)
    stage.clock.advance(ms=1)
    await stage.apps.set_enabled(ACCOUNT, app.client_id, OPERATOR, enabled=False)
    assert_refused(await refresh(stage, app, tokens["refresh_token"]), "invalid_grant")
    await stage.apps.set_enabled(ACCOUNT, app.client_id, OPERATOR, enabled=True)
    assert_refused(await refresh(stage, app, tokens["refresh_token"]), "invalid_grant")
    assert await reasons(stage, app) == ["app_revoked_tokens", "app_disabled"]
    assert await introspect(stage, app, tokens["refresh_token"]) == {"active": False}
    assert await introspect(stage, app, tokens["access_token"]) == {"active": False}
    assert (await count_rows(stage))["used tokens"] == 0


@pytest.mark.parametrize(("scope", "status"), [("openid", 400), ("openid offline_access", 200)])
async def test_logging_out_ends_what_was_not_granted_for_longer(stage: Stage, scope: str, status: int) -> None:
    app = await stage.install()
    login = await stage.accounts.login(ACCOUNT, "agent", PASSWORD, HOME)
    tokens = await get_tokens(stage, app, scope=scope, session_id=login.principal.session_id)
    await stage.accounts.logout(ACCOUNT, f"Bearer {login.bearer.reveal()}", None)
    assert (await refresh(stage, app, tokens["refresh_token"])).status_code == status
