"""Redeeming authorization codes: what comes out, who may, and that it happens once."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from support.oauth_stage import ACCOUNT, CALLBACK, OTHER_ACCOUNT, Installed, Stage
from support.oauth_tokens import (
    CHALLENGE,
    VERIFIER,
    assert_refused,
    count_rows,
    give_code,
    introspect,
    neighbour,
    post_token,
    reasons,
    redeem,
    refresh,
    userinfo,
)
from switchbay.accounts.public import OPERATOR, UserChange
from switchbay.kit.secret import Secret
from switchbay.oauth.domain import Face
from switchbay.oauth.errors import keys_unavailable
from switchbay.oauth.service import KeyRing

UNUSED = {"grants": 1, "revoked grants": 0, "codes": 1, "used codes": 0, "tokens": 0, "used tokens": 0}
REPLAYED = {**UNUSED, "revoked grants": 1, "used codes": 1, "tokens": 1}


# What comes out


async def test_the_standards_face_gives_tokens(stage: Stage) -> None:
    app = await stage.install()
    answer = await redeem(stage, app, await give_code(stage, app))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert list(body) == ["access_token", "token_type", "refresh_token", "id_token", "expires_in", "scope"]
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 3_600, "msg.consumer openid")
    assert body["access_token"].count(".") == 2
    assert body["id_token"].count(".") == 2
    assert len(body["refresh_token"]) == 144
    assert set(body["refresh_token"]) <= set("0123456789abcdef")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert await count_rows(stage) == {**UNUSED, "used codes": 1, "tokens": 1}


async def test_without_openid_there_is_no_id_token_on_the_standards_face(stage: Stage) -> None:
    app = await stage.install()
    answer = await redeem(stage, app, await give_code(stage, app, scope="msg.consumer"))
    assert list(answer.json()) == ["access_token", "token_type", "refresh_token", "expires_in", "scope"]


async def test_version_one_has_opaque_tokens_and_always_an_id_token(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app, face=Face.SENTINEL, scope="msg.consumer")
    body = (await redeem(stage, app, code, face="sentinel", version="1.0")).json()
    assert (len(body["access_token"]), len(body["refresh_token"])) == (64, 144)
    assert set(body["access_token"]) <= set("0123456789abcdef")
    assert body["id_token"].count(".") == 2
    assert (await count_rows(stage))["tokens"] == 2


@pytest.mark.parametrize("version", [None, "", "1", "1.0"])
async def test_version_one_is_what_old_clients_get_who_name_none(stage: Stage, version: str | None) -> None:
    app = await stage.install()
    code = await give_code(stage, app, face=Face.SENTINEL)
    assert len((await redeem(stage, app, code, face="sentinel", version=version)).json()["access_token"]) == 64


async def test_version_two_has_a_signed_access_token(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app, face=Face.SENTINEL)
    body = (await redeem(stage, app, code, face="sentinel", version="2.0")).json()
    assert body["access_token"].count(".") == 2
    assert len(body["refresh_token"]) == 144


async def test_an_app_without_the_grant_gets_no_refresh_token(stage: Stage) -> None:
    app = await stage.install(grant_types=["authorization_code"])
    body = (await redeem(stage, app, await give_code(stage, app))).json()
    assert list(body) == ["access_token", "token_type", "id_token", "expires_in", "scope"]
    assert (await count_rows(stage))["tokens"] == 0


async def test_old_clients_may_send_everything_in_the_query_and_the_standards_face_refuses_it(stage: Stage) -> None:
    app = await stage.install()
    fields = {
        "grant_type": "authorization_code",
        "redirect_uri": CALLBACK,
        "client_id": app.client_id,
        "client_secret": app.secret,
    }
    standard = await give_code(stage, app)
    answer = await stage.http.post(f"/oidc/{ACCOUNT}/token", params={**fields, "code": standard})
    assert_refused(answer, "invalid_request")
    assert (await count_rows(stage))["used codes"] == 0
    old = await give_code(stage, app, face=Face.SENTINEL)
    answer = await stage.http.post(f"/sentinel/api/account/{ACCOUNT}/token", params={**fields, "code": old})
    assert answer.status_code == 200, answer.text


async def test_an_operator_can_close_the_query_for_old_clients_too(
    stage: Stage, database_url: str, tmp_path: Path
) -> None:
    app = await stage.install()
    fields = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "client_id": app.client_id}
    code = await give_code(stage, app, face=Face.SENTINEL)
    async with neighbour(stage, database_url, tmp_path, query_credentials=False) as strict:
        path = f"/sentinel/api/account/{ACCOUNT}/token"
        answer = await strict.http.post(path, params={**fields, "client_secret": app.secret, "code": code})
        assert_refused(answer, "invalid_request")
        answer = await strict.http.post(f"{path}?v=2.0", data={**fields, "client_secret": app.secret, "code": code})
        assert answer.status_code == 200, answer.text


# What must fit


@pytest.mark.parametrize(
    ("given", "sent", "reason"),
    [
        (True, None, "redirect_uri_missing"),
        (True, CALLBACK + "/", "redirect_uri_different"),
        (True, CALLBACK.upper(), "redirect_uri_different"),
        (True, CALLBACK + "?x=1", "redirect_uri_different"),
        (False, "https://evil.example/callback", "redirect_uri_different"),
    ],
)
async def test_a_redirect_uri_that_does_not_fit_leaves_the_code_unused(
    stage: Stage, given: bool, sent: str | None, reason: str
) -> None:
    app = await stage.install()
    code = await give_code(stage, app, redirect_uri_given=given)
    assert_refused(await redeem(stage, app, code, redirect_uri=sent), "invalid_grant")
    assert await count_rows(stage) == UNUSED
    assert await reasons(stage, app) == [reason]
    assert (await redeem(stage, app, code)).status_code == 200


async def test_a_redirect_uri_that_was_left_out_may_be_left_out_again(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app, redirect_uri_given=False)
    assert (await redeem(stage, app, code, redirect_uri=None)).status_code == 200


@pytest.mark.parametrize(
    ("challenge", "verifier", "reason"),
    [
        (CHALLENGE, None, "verifier_missing"),
        (CHALLENGE, VERIFIER[:-1] + "K", "verifier_wrong"),
        (CHALLENGE, CHALLENGE, "verifier_wrong"),
        (CHALLENGE, "short", "verifier_wrong"),
        (CHALLENGE, VERIFIER * 4, "verifier_wrong"),
        (CHALLENGE, VERIFIER + "\x00", "verifier_wrong"),
        (CHALLENGE, VERIFIER + "ü", "verifier_wrong"),
        (None, VERIFIER, "verifier_without_challenge"),
    ],
)
async def test_a_verifier_that_does_not_fit_leaves_the_code_unused(
    stage: Stage, challenge: str | None, verifier: str | None, reason: str
) -> None:
    app = await stage.install()
    code = await give_code(stage, app, challenge=challenge)
    assert_refused(await redeem(stage, app, code, code_verifier=verifier), "invalid_grant")
    assert await count_rows(stage) == UNUSED
    assert await reasons(stage, app) == [reason]
    right = None if challenge is None else VERIFIER
    assert (await redeem(stage, app, code, code_verifier=right)).status_code == 200


async def test_a_public_client_redeems_with_its_verifier_alone(stage: Stage) -> None:
    app = await stage.install(token_endpoint_auth_method="none", grant_types=["authorization_code", "refresh_token"])
    code = await give_code(stage, app, challenge=CHALLENGE)
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": app.client_id,
    }
    assert_refused(await stage.http.post(f"/oidc/{ACCOUNT}/token", data=fields), "invalid_grant")
    answer = await stage.http.post(f"/oidc/{ACCOUNT}/token", data={**fields, "code_verifier": VERIFIER})
    assert answer.status_code == 200, answer.text


async def test_another_client_cannot_redeem_a_code_nor_burn_it(stage: Stage) -> None:
    app, other = await stage.install(), await stage.install(client_name="com.example.other")
    code = await give_code(stage, app)
    assert_refused(await redeem(stage, other, code), "invalid_grant")
    assert await count_rows(stage) == UNUSED
    assert await reasons(stage, other) == ["code_of_another_client"]
    assert (await redeem(stage, app, code)).status_code == 200
    assert_refused(await redeem(stage, other, code), "invalid_grant")
    assert (await count_rows(stage))["revoked grants"] == 0


async def test_a_client_of_another_account_is_unknown_here_and_its_code_too(stage: Stage) -> None:
    app = await stage.install()
    foreign = await stage.install(account_id=OTHER_ACCOUNT)
    code = await give_code(stage, foreign, account_id=OTHER_ACCOUNT)
    assert_refused(await redeem(stage, foreign, code), "invalid_client", 401)
    assert_refused(await redeem(stage, app, code), "invalid_grant")
    assert await count_rows(stage) == UNUSED
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    assert (await post_token(stage, foreign, fields, account_id=OTHER_ACCOUNT)).status_code == 200


async def test_a_code_of_one_face_is_none_of_the_other(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app, face=Face.SENTINEL)
    assert_refused(await redeem(stage, app, code), "invalid_grant")
    assert await count_rows(stage) == UNUSED
    assert (await redeem(stage, app, code, face="sentinel")).status_code == 200


async def test_every_refusal_of_a_code_is_one_answer(stage: Stage) -> None:
    app, other = await stage.install(), await stage.install(client_name="com.example.other")
    code = await give_code(stage, app, challenge=CHALLENGE)
    answers = [
        await redeem(stage, app, "0" * 64),
        await redeem(stage, app, "x" * 8_000),
        await redeem(stage, app, "\x00\ud7ff"),
        await redeem(stage, other, code),
        await redeem(stage, app, code, redirect_uri=None),
        await redeem(stage, app, code),
    ]
    for answer in answers:
        assert_refused(answer, "invalid_grant")
        assert answer.content == answers[0].content


async def test_a_code_is_good_for_its_minute(stage: Stage) -> None:
    app = await stage.install()
    early, late = await give_code(stage, app), await give_code(stage, app)
    stage.clock.advance(ms=59_999)
    assert (await redeem(stage, app, early)).status_code == 200
    stage.clock.advance(ms=1)
    assert_refused(await redeem(stage, app, late), "invalid_grant")
    assert await reasons(stage, app) == ["code_expired"]


# What else is refused


async def test_the_manifest_must_list_the_grant(stage: Stage) -> None:
    app = await stage.install(grant_types=["client_credentials"], response_types=None, redirect_uris=None)
    code = await give_code(stage, app)
    assert_refused(await redeem(stage, app, code), "unauthorized_client")
    assert await count_rows(stage) == UNUSED
    assert await reasons(stage, app) == ["grant_not_allowed"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"code": None}, "invalid_request"),
        ({"code": ""}, "invalid_request"),
        ({"resource": "https://other.example/"}, "invalid_target"),
    ],
)
async def test_a_malformed_request_leaves_the_code_unused(
    stage: Stage, fields: dict[str, str | None], error: str
) -> None:
    app = await stage.install()
    code = await give_code(stage, app)
    assert_refused(await redeem(stage, app, **{"code": code, **fields}), error)  # type: ignore[arg-type]  # names vary
    assert await count_rows(stage) == UNUSED


@pytest.mark.parametrize(
    "name", ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "scope", "unknown"]
)
async def test_a_parameter_that_comes_twice_is_refused(stage: Stage, name: str) -> None:
    app = await stage.install()
    code = await give_code(stage, app)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    twice = {**form, name: [form.get(name, "same"), form.get(name, "same")]}
    answer = await stage.http.post(f"/oidc/{ACCOUNT}/token", data=twice, auth=(app.client_id, app.secret))
    assert_refused(answer, "invalid_request")
    assert await count_rows(stage) == UNUSED


@pytest.mark.parametrize("path", [f"/oidc/{ACCOUNT}/token", f"/sentinel/api/account/{ACCOUNT}/token"])
async def test_only_post_is_served(stage: Stage, path: str) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = await stage.http.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"grant_type=authorization_code&code=\xff", "application/x-www-form-urlencoded"),
        (b"grant_type=authorization_code&code=%ff", "application/x-www-form-urlencoded"),
        (b'{"grant_type": "authorization_code"}', "application/json"),
        (b"a=1&" * 1_000, "application/x-www-form-urlencoded"),
    ],
)
async def test_a_body_that_is_no_form_is_refused(stage: Stage, content: bytes, content_type: str) -> None:
    app = await stage.install()
    answer = await stage.http.post(
        f"/oidc/{ACCOUNT}/token",
        content=content,
        headers={"Content-Type": content_type},
        auth=(app.client_id, app.secret),
    )
    assert_refused(answer, "invalid_request")


async def test_a_large_body_is_refused(stage: Stage) -> None:
    answer = await stage.http.post(f"/oidc/{ACCOUNT}/token", content=b"x" * 100_000)
    assert_refused(answer, "invalid_request", 413)


async def test_a_wrong_secret_leaves_the_code_unused(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app)
    assert_refused(await redeem(stage, replace(app, secret="wrong"), code), "invalid_client", 401)
    assert await count_rows(stage) == UNUSED


async def test_a_code_outlives_a_moment_without_keys(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = await stage.install()
    code = await give_code(stage, app)

    async def unavailable(*_args: object, **_more: object) -> None:
        raise keys_unavailable()

    with monkeypatch.context() as patched:
        patched.setattr(KeyRing, "get_signing_key", unavailable)
        answer = await redeem(stage, app, code)
        assert_refused(answer, "temporarily_unavailable", 503)
        assert answer.headers["retry-after"] == "1"
    assert await count_rows(stage) == UNUSED
    assert (await redeem(stage, app, code)).status_code == 200


# When something ends


async def _disable_user(stage: Stage, app: Installed) -> None:
    user = await stage.accounts.find_user_by_login(ACCOUNT, "agent")
    assert user is not None
    await stage.accounts.update_user(ACCOUNT, user.user_id, UserChange(enabled=False), OPERATOR)


async def _disable_app(stage: Stage, app: Installed) -> None:
    await stage.apps.set_enabled(ACCOUNT, app.client_id, OPERATOR, enabled=False)


async def _change_password(stage: Stage, app: Installed) -> None:
    """After the session ended by itself, so that it is the password alone that ends what was issued."""
    user = await stage.accounts.find_user_by_login(ACCOUNT, "agent")
    assert user is not None
    stage.clock.advance(ms=1)
    await stage.accounts.set_password(ACCOUNT, user.user_id, Secret("another horse"), OPERATOR)


@pytest.mark.parametrize(
    ("end", "reason"),
    [(_disable_user, "user_disabled"), (_disable_app, "app_disabled"), (_change_password, "password_changed")],
)
async def test_nothing_comes_of_a_code_after_the_end(stage: Stage, end: object, reason: str) -> None:
    app = await stage.install()
    code = await give_code(stage, app)
    assert callable(end)
    await end(stage, app)
    assert_refused(await redeem(stage, app, code), "invalid_grant")
    assert await reasons(stage, app) == [reason]
    assert (await count_rows(stage))["tokens"] == 0


async def test_a_code_of_before_the_apps_epoch_stays_dead_when_the_app_is_enabled_again(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app)
    stage.clock.advance(ms=1)
    await _disable_app(stage, app)
    await stage.apps.set_enabled(ACCOUNT, app.client_id, OPERATOR, enabled=True)
    assert_refused(await redeem(stage, app, code), "invalid_grant")
    assert await reasons(stage, app) == ["app_revoked_tokens"]
    assert (await redeem(stage, app, await give_code(stage, app))).status_code == 200


async def test_an_uninstalled_app_is_unknown_at_once(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app)
    await stage.apps.uninstall(ACCOUNT, app.client_id, OPERATOR)
    assert_refused(await redeem(stage, app, code), "invalid_client", 401)
    assert (await count_rows(stage))["tokens"] == 0


# Once


async def test_a_replay_ends_everything_that_was_issued(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app)
    body = (await redeem(stage, app, code)).json()
    assert (await userinfo(stage, body["access_token"])).status_code == 200
    assert_refused(await redeem(stage, app, code), "invalid_grant")
    assert await count_rows(stage) == REPLAYED
    assert await reasons(stage, app) == ["code_replayed"]
    assert (await userinfo(stage, body["access_token"])).status_code == 401
    assert await introspect(stage, app, body["access_token"]) == {"active": False}
    assert await introspect(stage, app, body["refresh_token"]) == {"active": False}
    assert_refused(await refresh(stage, app, body["refresh_token"]), "invalid_grant")


async def test_a_replay_after_the_codes_minute_is_one_too(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app)
    await redeem(stage, app, code)
    stage.clock.advance(seconds=3_000)
    assert_refused(await redeem(stage, app, code), "invalid_grant")
    assert await count_rows(stage) == REPLAYED


async def test_fifty_redemptions_over_two_nodes_give_one_answer_and_its_tokens_are_revoked(
    stage: Stage, database_url: str, tmp_path: Path
) -> None:
    app = await stage.install()
    async with neighbour(stage, database_url, tmp_path) as other:
        for warm in (stage, other):  # keys are made once, outside of what is measured here
            assert (await redeem(warm, app, await give_code(stage, app))).status_code == 200
        before = await count_rows(stage)
        code = await give_code(stage, app)
        answers = await asyncio.gather(
            *(redeem(node, app, code) for node in (stage, other) for _ in range(25)),
        )
        won = [answer for answer in answers if answer.status_code == 200]
        assert len(won) == 1
        for answer in answers:
            if answer is not won[0]:
                assert_refused(answer, "invalid_grant")
        body = won[0].json()
        for node in (stage, other):
            assert (await userinfo(node, body["access_token"])).status_code == 401
            assert await introspect(node, app, body["access_token"]) == {"active": False}
            assert_refused(await refresh(node, app, body["refresh_token"]), "invalid_grant")
        after = await count_rows(stage)
        assert after["tokens"] - before["tokens"] == 1
        assert after["revoked grants"] - before["revoked grants"] == 1
