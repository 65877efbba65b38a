"""The UserInfo endpoint: what it tells, how it is asked, and its challenges (RFC 6750)."""

import httpx
import pytest

from support.accounts_house import PASSWORD
from support.oauth_stage import ACCOUNT, ISSUER, OTHER_ACCOUNT, Stage
from support.oauth_tokens import get_tokens, give_code, post_token, redeem, refresh, userinfo
from switchbay.accounts.public import OPERATOR, Role
from switchbay.kit.errors import AppError
from switchbay.oauth.domain import Face

PATH = f"/oidc/{ACCOUNT}/userinfo"
INVALID = (
    'Bearer realm="switchbay", error="invalid_token",'
    ' error_description="The access token is expired, revoked, or of another issuer."'
)


def assert_invalid(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert answer.headers["www-authenticate"] == INVALID
    assert answer.headers["cache-control"] == "no-store"


async def test_it_tells_what_the_scope_asks_for(stage: Stage) -> None:
    app = await stage.install()
    user = await stage.accounts.create_user(
        ACCOUNT, "maria@example.com", PASSWORD, [Role.AGENT], OPERATOR, display_name="María"
    )
    everything = {
        "sub": user.user_id,
        "name": "María",
        "preferred_username": "maria@example.com",
        "email": "maria@example.com",
        "email_verified": False,
    }
    for scope, members in (
        ("openid", ["sub"]),
        ("openid profile", ["sub", "name", "preferred_username"]),
        ("openid email", ["sub", "email", "email_verified"]),
        ("openid profile email", list(everything)),
    ):
        tokens = await get_tokens(stage, app, login_name="maria@example.com", scope=scope)
        answer = await userinfo(stage, tokens["access_token"])
        assert answer.json() == {name: everything[name] for name in members}
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_token_comes_in_the_header(stage: Stage, method: str, scheme: str) -> None:
    app = await stage.install()
    token = (await get_tokens(stage, app))["access_token"]
    answer = await stage.http.request(method, PATH, headers={"Authorization": f"{scheme} {token}"})
    assert answer.status_code == 200, answer.text


async def test_the_token_comes_in_a_form(stage: Stage) -> None:
    app = await stage.install()
    token = (await get_tokens(stage, app))["access_token"]
    assert (await stage.http.post(PATH, data={"access_token": token})).status_code == 200


@pytest.mark.parametrize("version", ["1.0", "2.0"])
async def test_tokens_of_the_old_face_are_good_here(stage: Stage, version: str) -> None:
    app = await stage.install()
    code = await give_code(stage, app, face=Face.SENTINEL)
    token = (await redeem(stage, app, code, face="sentinel", version=version)).json()["access_token"]
    assert list((await userinfo(stage, token)).json()) == ["sub"]


# Refusals


async def test_without_a_token_the_challenge_names_no_error(stage: Stage) -> None:
    app = await stage.install()
    basic = httpx.BasicAuth(app.client_id, app.secret)
    for answer in (
        await stage.http.get(PATH),
        await stage.http.get(PATH, auth=basic),
        await stage.http.get(PATH, headers={"Authorization": "Bearer"}),
        await stage.http.get(PATH, headers={"Authorization": "x" * 64}),
    ):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="switchbay"'
        assert answer.json() == {}


async def test_two_tokens_at_once_and_one_in_the_query_are_refused(stage: Stage) -> None:
    app = await stage.install()
    token = (await get_tokens(stage, app))["access_token"]
    header = ("Authorization", f"Bearer {token}")
    for answer in (
        await stage.http.post(PATH, data={"access_token": token}, headers=[header]),
        await stage.http.get(PATH, headers=[header, header]),
        await stage.http.post(PATH, data={"access_token": [token, token]}),
        await stage.http.get(PATH, params={"access_token": token}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert 'error="invalid_request"' in answer.headers["www-authenticate"]


async def test_other_tokens_than_users_access_tokens_are_refused(stage: Stage) -> None:
    app = await stage.install()
    tokens = await get_tokens(stage, app)
    own = (await post_token(stage, app, {"grant_type": "client_credentials"})).json()["access_token"]
    for token in (tokens["refresh_token"], tokens["id_token"], own, "x", "a.b.c", "0" * 64, "y" * 20_000):
        assert_invalid(await userinfo(stage, token))


async def test_a_token_of_one_account_is_refused_by_another(stage: Stage) -> None:
    app = await stage.install()
    tokens = await get_tokens(stage, app)
    code = await give_code(stage, app, face=Face.SENTINEL)
    opaque = (await redeem(stage, app, code, face="sentinel")).json()
    for token in (tokens["access_token"], opaque["access_token"]):
        assert_invalid(await userinfo(stage, token, account_id=OTHER_ACCOUNT))
        assert_invalid(await userinfo(stage, token, account_id="nosuch"))


async def test_a_token_for_another_resource_is_refused_and_one_that_names_the_issuer_too_is_not(stage: Stage) -> None:
    app = await stage.install()
    elsewhere = await get_tokens(stage, app, resources=("https://api.example.com/",))
    assert_invalid(await userinfo(stage, elsewhere["access_token"]))
    both = await get_tokens(stage, app, resources=("https://api.example.com/", ISSUER))
    assert (await userinfo(stage, both["access_token"])).status_code == 200


async def test_the_scope_openid_is_needed(stage: Stage) -> None:
    app = await stage.install()
    tokens = await get_tokens(stage, app)
    narrow = (await refresh(stage, app, tokens["refresh_token"], scope="msg.consumer")).json()
    answer = await userinfo(stage, narrow["access_token"])
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert answer.headers["www-authenticate"].endswith(', scope="openid"')


async def test_a_token_is_good_until_it_ends(stage: Stage) -> None:
    app = await stage.install()
    token = (await get_tokens(stage, app))["access_token"]
    stage.clock.advance(ms=3_599_999)
    assert (await userinfo(stage, token)).status_code == 200
    stage.clock.advance(ms=1)
    assert_invalid(await userinfo(stage, token))


async def test_scripts_of_any_origin_may_call_it_without_cookies(stage: Stage) -> None:
    app = await stage.install()
    token = (await get_tokens(stage, app))["access_token"]
    asked = await stage.http.options(
        PATH,
        headers={
            "Origin": "https://spa.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization",
        },
    )
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == "*"
    assert asked.headers["access-control-allow-methods"] == "GET, POST"
    assert asked.headers["access-control-allow-headers"] == "Authorization, Content-Type"
    for answer in (asked, await userinfo(stage, token), await userinfo(stage, "x")):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


# The door for other parts of the server


async def test_a_verified_token_tells_grant_client_and_scope(stage: Stage) -> None:
    app = await stage.install()
    token = (await get_tokens(stage, app))["access_token"]
    verified = await stage.server.user_tokens.verify(ACCOUNT, f"Bearer {token}")
    assert (verified.grant.client_id, verified.client.client_id) == (app.client_id, app.client_id)
    assert verified.scope == {"openid", "msg.consumer"}


@pytest.mark.parametrize(
    ("header", "code"), [(None, "user_token_missing"), ("Bearer ", "user_token_missing"), ("x", "user_token_invalid")]
)
async def test_a_missing_and_a_bad_token_are_told_apart(stage: Stage, header: str | None, code: str) -> None:
    with pytest.raises(AppError) as refused:
        await stage.server.user_tokens.verify(ACCOUNT, header)
    assert refused.value.code == code
