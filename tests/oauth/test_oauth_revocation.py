"""Revocation: a client ends what it got, its whole family, and nothing of anyone else."""

import pytest

from support.oauth_stage import ACCOUNT, OTHER_ACCOUNT, Installed, Stage
from support.oauth_tokens import (
    CHALLENGE,
    assert_refused,
    count_rows,
    get_tokens,
    give_code,
    introspect,
    post_token,
    redeem,
    refresh,
    userinfo,
)
from switchbay.accounts.public import OPERATOR
from switchbay.oauth.domain import Face

PATH = f"/oidc/{ACCOUNT}/revoke"


async def revoke(stage: Stage, app: Installed, token: str, **fields: str) -> None:
    answer = await stage.http.post(PATH, data={"token": token, **fields}, auth=(app.client_id, app.secret))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("what", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "something_else"])
async def test_any_token_of_a_family_ends_it(stage: Stage, what: str, hint: str | None) -> None:
    app = await stage.install()
    tokens, others = await get_tokens(stage, app), await get_tokens(stage, app)
    await revoke(stage, app, tokens[what], **({} if hint is None else {"token_type_hint": hint}))
    assert (await userinfo(stage, tokens["access_token"])).status_code == 401
    assert await introspect(stage, app, tokens["refresh_token"]) == {"active": False}
    assert_refused(await refresh(stage, app, tokens["refresh_token"]), "invalid_grant")
    assert (await userinfo(stage, others["access_token"])).status_code == 200
    assert (await refresh(stage, app, others["refresh_token"])).status_code == 200


@pytest.mark.parametrize("version", ["1.0", "2.0"])
async def test_tokens_of_the_old_face_end_too(stage: Stage, version: str) -> None:
    app = await stage.install()
    code = await give_code(stage, app, face=Face.SENTINEL)
    tokens = (await redeem(stage, app, code, face="sentinel", version=version)).json()
    await revoke(stage, app, tokens["access_token"])
    assert await introspect(stage, app, tokens["access_token"]) == {"active": False}
    assert_refused(await refresh(stage, app, tokens["refresh_token"], face="sentinel"), "invalid_grant")


async def test_a_refresh_token_that_was_replaced_still_tells_its_family(stage: Stage) -> None:
    app = await stage.install()
    first = await get_tokens(stage, app)
    second = (await refresh(stage, app, first["refresh_token"])).json()
    await revoke(stage, app, first["refresh_token"])
    assert_refused(await refresh(stage, app, second["refresh_token"]), "invalid_grant")


async def test_another_client_ends_nothing_and_is_not_told(stage: Stage) -> None:
    app, other = await stage.install(), await stage.install(client_name="com.example.other")
    tokens = await get_tokens(stage, app)
    for name in ("access_token", "refresh_token", "id_token"):
        await revoke(stage, other, tokens[name])
    assert (await count_rows(stage))["revoked grants"] == 0
    assert (await userinfo(stage, tokens["access_token"])).status_code == 200


async def test_a_client_of_another_account_ends_nothing(stage: Stage) -> None:
    app = await stage.install()
    foreign = await stage.install(account_id=OTHER_ACCOUNT)
    tokens = await get_tokens(stage, app)
    answer = await stage.http.post(
        f"/oidc/{OTHER_ACCOUNT}/revoke",
        data={"token": tokens["refresh_token"]},
        auth=(foreign.client_id, foreign.secret),
    )
    assert answer.status_code == 200
    assert (await count_rows(stage))["revoked grants"] == 0


async def test_what_is_no_token_any_more_or_never_was_is_a_success_too(stage: Stage) -> None:
    app = await stage.install()
    tokens = await get_tokens(stage, app)
    await revoke(stage, app, tokens["refresh_token"])
    for token in (tokens["refresh_token"], tokens["access_token"], tokens["id_token"], "x", "a.b.c", "\x00", "0" * 144):
        await revoke(stage, app, token)
    assert (await count_rows(stage))["revoked grants"] == 1


async def test_a_clients_own_token_cannot_be_revoked_and_the_client_is_told(stage: Stage) -> None:
    app, other = await stage.install(), await stage.install(client_name="com.example.other")
    token = (await post_token(stage, app, {"grant_type": "client_credentials"})).json()["access_token"]
    answer = await stage.http.post(PATH, data={"token": token}, auth=(app.client_id, app.secret))
    assert_refused(answer, "unsupported_token_type")
    await revoke(stage, other, token)


async def test_a_public_client_revokes_its_own_by_name(stage: Stage) -> None:
    app = await stage.install(token_endpoint_auth_method="none", grant_types=["authorization_code", "refresh_token"])
    code = await give_code(stage, app, challenge=CHALLENGE)
    fields = {
        "grant_type": "authorization_code",
        "client_id": app.client_id,
        "code": code,
        "redirect_uri": "https://app.example.com/callback",
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }
    tokens = (await stage.http.post(f"/oidc/{ACCOUNT}/token", data=fields)).json()
    answer = await stage.http.post(PATH, data={"token": tokens["refresh_token"], "client_id": app.client_id})
    assert answer.status_code == 200
    assert (await count_rows(stage))["revoked grants"] == 1


async def test_a_disabled_client_may_still_revoke(stage: Stage) -> None:
    app = await stage.install()
    tokens = await get_tokens(stage, app)
    await stage.apps.set_enabled(ACCOUNT, app.client_id, OPERATOR, enabled=False)
    await revoke(stage, app, tokens["refresh_token"])


async def test_the_request_must_be_right(stage: Stage) -> None:
    app = await stage.install()
    tokens = await get_tokens(stage, app)
    auth = (app.client_id, app.secret)
    assert_refused(await stage.http.post(PATH, auth=auth), "invalid_request")
    assert_refused(await stage.http.post(PATH, data={"token": tokens["refresh_token"]}), "invalid_client", 401)
    answer = await stage.http.post(PATH, data={"token": tokens["refresh_token"]}, auth=(app.client_id, "wrong"))
    assert_refused(answer, "invalid_client", 401)
    assert_refused(await stage.http.post(PATH, params={"token": "x"}, auth=auth), "invalid_request")
    assert (await stage.http.get(PATH, params={"token": tokens["refresh_token"]}, auth=auth)).status_code == 405
    assert (await count_rows(stage))["revoked grants"] == 0
