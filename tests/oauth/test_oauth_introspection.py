"""Introspection: what is told, to whom, and about what there is silence."""

from dataclasses import replace

import pytest

from support.accounts_house import PASSWORD
from support.oauth_stage import ACCOUNT, ISSUER, OTHER_ACCOUNT, Stage
from support.oauth_tokens import (
    assert_refused,
    get_tokens,
    give_code,
    introspect,
    post_token,
    reasons,
    redeem,
    refresh,
)
from switchbay.accounts.public import OPERATOR, Role
from switchbay.oauth.domain import Face
from switchbay.oauth.service.policies import PolicyChange

INACTIVE = {"active": False}
API = "https://api.example.com/"
PATH = f"/oidc/{ACCOUNT}/introspect"


async def test_a_signed_access_token_is_described(stage: Stage) -> None:
    app = await stage.install()
    user = await stage.accounts.find_user_by_login(ACCOUNT, "agent")
    assert user is not None
    told = await introspect(stage, app, (await get_tokens(stage, app))["access_token"])
    assert told.pop("jti").startswith("grt_")
    now = stage.clock.now_ms() // 1000
    assert told == {
        "active": True,
        "scope": "msg.consumer openid",
        "client_id": app.client_id,
        "sub": user.user_id,
        "iss": ISSUER,
        "aud": ISSUER,
        "iat": now,
        "exp": now + 3_600,
        "token_type": "Bearer",
    }


async def test_an_opaque_access_token_is_described(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app, face=Face.SENTINEL)
    told = await introspect(stage, app, (await redeem(stage, app, code, face="sentinel")).json()["access_token"])
    now = stage.clock.now_ms() // 1000
    assert (told["active"], told["iss"], told["aud"]) == (True, "Sentinel", ACCOUNT)
    assert (told["iat"], told["exp"], told["token_type"]) == (now, now + 3_600, "Bearer")


async def test_a_refresh_token_is_described_without_a_token_type(stage: Stage) -> None:
    app = await stage.install()
    told = await introspect(stage, app, (await get_tokens(stage, app))["refresh_token"])
    assert told["active"] is True
    assert told["exp"] - told["iat"] == 2_592_000
    assert "token_type" not in told


async def test_the_login_name_is_told_with_profile_only(stage: Stage) -> None:
    app = await stage.install()
    await stage.accounts.create_user(ACCOUNT, "maria@example.com", PASSWORD, [Role.AGENT], OPERATOR)
    with_profile = await get_tokens(stage, app, login_name="maria@example.com", scope="openid profile")
    assert (await introspect(stage, app, with_profile["access_token"]))["username"] == "maria@example.com"
    without = await get_tokens(stage, app, login_name="maria@example.com", scope="openid email")
    assert "username" not in await introspect(stage, app, without["access_token"])


@pytest.mark.parametrize("version", ["1.0", "2.0"])
async def test_an_application_token_is_described_to_its_app(stage: Stage, version: str) -> None:
    app = await stage.install()
    answer = await stage.http.post(
        f"/sentinel/api/account/{ACCOUNT}/app/token?v={version}",
        data={"grant_type": "client_credentials"},
        auth=(app.client_id, app.secret),
    )
    told = await introspect(stage, app, answer.json()["access_token"])
    assert (told["active"], told["sub"], told["client_id"]) == (True, app.client_id, app.client_id)
    assert (told["scope"], told["iss"], told["aud"]) == ("msg.consumer", "Sentinel", ACCOUNT)


async def test_a_clients_own_token_by_rfc_9068_is_described(stage: Stage) -> None:
    app = await stage.install()
    answer = await post_token(stage, app, {"grant_type": "client_credentials"})
    told = await introspect(stage, app, answer.json()["access_token"])
    assert (told["active"], told["sub"], told["scope"]) == (True, app.client_id, "msg.consumer")


# To whom


async def test_another_client_learns_nothing(stage: Stage) -> None:
    app, other = await stage.install(), await stage.install(client_name="com.example.other")
    tokens = await get_tokens(stage, app)
    for name in ("access_token", "refresh_token"):
        assert await introspect(stage, other, tokens[name]) == INACTIVE
        assert (await introspect(stage, app, tokens[name]))["active"] is True


async def test_a_resource_server_learns_of_access_tokens_for_a_resource_of_the_account(stage: Stage) -> None:
    app, server = await stage.install(), await stage.install(client_name="com.example.api")
    tokens = await get_tokens(stage, app, resources=(API,))
    assert await introspect(stage, server, tokens["access_token"]) == INACTIVE
    await stage.server.policies.change(ACCOUNT, PolicyChange(resources=frozenset({API})), OPERATOR)
    told = await introspect(stage, server, tokens["access_token"])
    assert (told["active"], told["aud"], told["client_id"]) == (True, API, app.client_id)
    assert await introspect(stage, server, tokens["refresh_token"]) == INACTIVE


async def test_a_client_of_another_account_learns_nothing(stage: Stage) -> None:
    app = await stage.install()
    foreign = await stage.install(account_id=OTHER_ACCOUNT)
    tokens = await get_tokens(stage, app)
    for name in ("access_token", "refresh_token"):
        assert await introspect(stage, foreign, tokens[name], account_id=OTHER_ACCOUNT) == INACTIVE
    answer = await stage.http.post(PATH, data={"token": "x"}, auth=(foreign.client_id, foreign.secret))
    assert_refused(answer, "invalid_client", 401)


# About what there is silence


async def test_a_refresh_token_that_was_replaced_is_not_active(stage: Stage) -> None:
    app = await stage.install()
    first = (await get_tokens(stage, app))["refresh_token"]
    await refresh(stage, app, first)
    assert await introspect(stage, app, first) == INACTIVE


async def test_tokens_that_are_over_are_not_active(stage: Stage) -> None:
    app = await stage.install()
    signed = await get_tokens(stage, app)
    code = await give_code(stage, app, face=Face.SENTINEL)
    opaque = (await redeem(stage, app, code, face="sentinel")).json()
    stage.clock.advance(seconds=3_600)
    for token in (signed["access_token"], opaque["access_token"]):
        assert await introspect(stage, app, token) == INACTIVE
    assert (await introspect(stage, app, signed["refresh_token"]))["active"] is True


async def test_an_id_token_a_consumer_token_and_nonsense_are_not_active(stage: Stage) -> None:
    app = await stage.install()
    tokens = await get_tokens(stage, app)
    verified = await stage.server.oauth.verify_app_token(
        ACCOUNT, (await post_token(stage, app, {"grant_type": "client_credentials"})).json()["access_token"]
    )
    consumer = (await stage.server.oauth.consumer_identity(ACCOUNT, verified, "someone")).reveal()
    for token in (tokens["id_token"], consumer, "x", "a.b.c", "..", "\x00", "ü", "y" * 20_000, "0" * 64, "0" * 144):
        assert await introspect(stage, app, token) == INACTIVE


@pytest.mark.parametrize("what", ["access_token", "refresh_token"])
async def test_the_end_of_the_app_is_known_at_once(stage: Stage, what: str) -> None:
    app, other = await stage.install(), await stage.install(client_name="com.example.api")
    await stage.server.policies.change(ACCOUNT, PolicyChange(resources=frozenset({API})), OPERATOR)
    tokens = await get_tokens(stage, app, resources=(API,))
    assert (await introspect(stage, app, tokens[what]))["active"] is True
    await stage.apps.uninstall(ACCOUNT, app.client_id, OPERATOR)
    assert await introspect(stage, other, tokens[what]) == INACTIVE


# The request


async def test_who_asks_must_prove_it(stage: Stage) -> None:
    app = await stage.install()
    token = (await get_tokens(stage, app))["access_token"]
    assert_refused(await stage.http.post(PATH, data={"token": token}), "invalid_client", 401)
    wrong = replace(app, secret="wrong")
    answer = await stage.http.post(PATH, data={"token": token}, auth=(wrong.client_id, wrong.secret))
    assert_refused(answer, "invalid_client", 401)
    bearer = await stage.http.post(PATH, data={"token": token}, headers={"Authorization": f"Bearer {token}"})
    assert_refused(bearer, "invalid_client", 401)


async def test_a_public_client_cannot_ask(stage: Stage) -> None:
    app = await stage.install(token_endpoint_auth_method="none", grant_types=["authorization_code"])
    answer = await stage.http.post(PATH, data={"token": "x", "client_id": app.client_id})
    assert_refused(answer, "invalid_client", 401)
    assert await reasons(stage, app) == ["client_public"]


async def test_a_disabled_client_cannot_ask(stage: Stage) -> None:
    app = await stage.install()
    await stage.apps.set_enabled(ACCOUNT, app.client_id, OPERATOR, enabled=False)
    answer = await stage.http.post(PATH, data={"token": "x"}, auth=(app.client_id, app.secret))
    assert_refused(answer, "unauthorized_client")


async def test_the_token_must_come_once_and_in_the_body(stage: Stage) -> None:
    app = await stage.install()
    auth = (app.client_id, app.secret)
    assert_refused(await stage.http.post(PATH, auth=auth), "invalid_request")
    assert_refused(await stage.http.post(PATH, data={"token": ["x", "x"]}, auth=auth), "invalid_request")
    assert_refused(await stage.http.post(PATH, params={"token": "x"}, auth=auth), "invalid_request")
    assert (await stage.http.get(PATH, auth=auth)).status_code == 405
