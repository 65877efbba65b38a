"""Signed access tokens: what they say, on which face, and where they are not believed."""

import pytest

from support.oauth_stage import ACCOUNT, ISSUER, ORIGIN, OTHER_ACCOUNT, Installed, Stage
from support.oauth_tokens import (
    assert_refused,
    get_tokens,
    give_code,
    header_of,
    post_token,
    read_signed,
    reasons,
    redeem,
    userinfo,
)
from switchbay.accounts.public import OPERATOR
from switchbay.kit.errors import AppError
from switchbay.oauth.domain import Algorithm, Face, KeyPurpose
from switchbay.oauth.service.policies import PolicyChange

API = "https://api.example.com/"
CLIENT_CREDENTIALS = {"grant_type": "client_credentials"}


async def client_token(stage: Stage, app: Installed, **fields: str) -> str:
    answer = await post_token(stage, app, {**CLIENT_CREDENTIALS, **fields})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def user_id(stage: Stage, login_name: str = "agent") -> str:
    user = await stage.accounts.find_user_by_login(ACCOUNT, login_name)
    assert user is not None
    return user.user_id


# What they say


async def test_a_users_token_is_by_rfc_9068(stage: Stage) -> None:
    app = await stage.install()
    token = (await get_tokens(stage, app, amr=("pwd", "otp")))["access_token"]
    assert {name: value for name, value in header_of(token).items() if name != "kid"} == {
        "typ": "at+jwt",
        "alg": "RS256",
    }
    claims = await read_signed(stage, token)
    grant_id, _, random = claims.pop("jti").partition(".")
    assert grant_id.startswith("grt_")
    assert len(random) == 32
    now = stage.clock.now_ms() // 1000
    assert claims == {
        "iss": ISSUER,
        "sub": await user_id(stage),
        "aud": ISSUER,
        "client_id": app.client_id,
        "scope": "msg.consumer openid",
        "iat": now,
        "exp": now + 3_600,
        "auth_time": now - 60,
        "acr": "2",
        "amr": ["pwd", "otp"],
    }


async def test_a_users_token_of_version_two_has_the_literal_issuer(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app, face=Face.SENTINEL)
    token = (await redeem(stage, app, code, face="sentinel", version="2.0")).json()["access_token"]
    assert (header_of(token)["typ"], header_of(token)["alg"]) == ("at+jwt", "RS256")
    claims = await read_signed(stage, token)
    assert claims.pop("jti").startswith("grt_")
    now = stage.clock.now_ms() // 1000
    assert claims == {
        "iss": "Sentinel",
        "sub": await user_id(stage),
        "aud": ACCOUNT,
        "azp": app.client_id,
        "scope": "msg.consumer openid",
        "iat": now,
        "exp": now + 3_600,
    }


async def test_a_clients_own_token_is_about_the_client(stage: Stage) -> None:
    app = await stage.install()
    answer = await post_token(stage, app, CLIENT_CREDENTIALS)
    assert list(answer.json()) == ["access_token", "token_type", "expires_in", "scope"]
    claims = await read_signed(stage, answer.json()["access_token"])
    assert len(claims.pop("jti")) == 32
    now = stage.clock.now_ms() // 1000
    assert claims == {
        "iss": ISSUER,
        "sub": app.client_id,
        "aud": ISSUER,
        "client_id": app.client_id,
        "scope": "msg.consumer",
        "iat": now,
        "exp": now + 3_600,
    }


async def test_the_account_chooses_the_algorithm_and_old_clients_keep_theirs(stage: Stage) -> None:
    app = await stage.install()
    await stage.server.policies.change(ACCOUNT, PolicyChange(token_algorithm=Algorithm.ES256), OPERATOR)
    assert header_of((await get_tokens(stage, app))["access_token"])["alg"] == "ES256"
    assert header_of(await client_token(stage, app))["alg"] == "ES256"
    code = await give_code(stage, app, face=Face.SENTINEL)
    old = (await redeem(stage, app, code, face="sentinel", version="2.0")).json()
    assert header_of(old["access_token"])["alg"] == "RS256"


async def test_the_host_header_does_not_change_the_issuer(stage: Stage) -> None:
    app = await stage.install()
    answer = await stage.http.post(
        f"/oidc/{ACCOUNT}/token",
        data=CLIENT_CREDENTIALS,
        auth=(app.client_id, app.secret),
        headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"},
    )
    claims = await read_signed(stage, answer.json()["access_token"])
    assert (claims["iss"], claims["aud"]) == (ISSUER, ISSUER)


# Resources


async def test_a_client_asks_for_a_resource_that_the_account_named(stage: Stage) -> None:
    app = await stage.install()
    refused = await post_token(stage, app, {**CLIENT_CREDENTIALS, "resource": API})
    assert_refused(refused, "invalid_target")
    assert await reasons(stage, app) == ["resource_not_allowed"]
    await stage.server.policies.change(ACCOUNT, PolicyChange(resources=frozenset({API})), OPERATOR)
    assert (await read_signed(stage, await client_token(stage, app, resource=API)))["aud"] == API
    assert (await read_signed(stage, await client_token(stage, app)))["aud"] == ISSUER
    both = await post_token(stage, app, {**CLIENT_CREDENTIALS, "resource": [API, ISSUER]})
    assert (await read_signed(stage, both.json()["access_token"]))["aud"] == [API, ISSUER]


async def test_a_code_is_redeemed_for_a_part_of_the_granted_resources(stage: Stage) -> None:
    app = await stage.install()
    code = await give_code(stage, app, resources=(API, ISSUER))
    body = (await redeem(stage, app, code, resource=API)).json()
    assert (await read_signed(stage, body["access_token"]))["aud"] == API


# Who gets none


async def test_a_client_of_its_own_needs_the_grant_a_secret_and_to_be_enabled(stage: Stage) -> None:
    without = await stage.install(client_name="com.example.without", grant_types=["authorization_code"])
    assert_refused(await post_token(stage, without, CLIENT_CREDENTIALS), "unauthorized_client")
    app = await stage.install()
    assert_refused(await post_token(stage, app, {**CLIENT_CREDENTIALS, "scope": "openid"}), "invalid_scope")
    await stage.apps.set_enabled(ACCOUNT, app.client_id, OPERATOR, enabled=False)
    assert_refused(await post_token(stage, app, CLIENT_CREDENTIALS), "unauthorized_client")
    assert await reasons(stage, app) == ["app_disabled", "scope_not_allowed"]


async def test_the_old_endpoint_of_users_has_no_such_grant(stage: Stage) -> None:
    app = await stage.install()
    answer = await post_token(stage, app, CLIENT_CREDENTIALS, face="sentinel")
    assert_refused(answer, "unsupported_grant_type")


# Where they are believed


async def test_services_take_a_clients_own_token(stage: Stage) -> None:
    app = await stage.install()
    verified = await stage.server.oauth.verify_app_token(ACCOUNT, f"Bearer {await client_token(stage, app)}")
    assert (verified.client_id, verified.installation_id) == (app.client_id, app.client_id)
    assert verified.scope == {"msg.consumer"}


async def test_services_take_no_users_token_no_id_token_and_none_for_another_resource(stage: Stage) -> None:
    app = await stage.install()
    await stage.server.policies.change(ACCOUNT, PolicyChange(resources=frozenset({API})), OPERATOR)
    tokens = await get_tokens(stage, app)
    code = await give_code(stage, app, face=Face.SENTINEL)
    old = (await redeem(stage, app, code, face="sentinel", version="2.0")).json()
    wrong = [
        tokens["access_token"],
        tokens["id_token"],
        tokens["refresh_token"],
        old["access_token"],
        old["id_token"],
        await client_token(stage, app, resource=API),
    ]
    for token in wrong:
        with pytest.raises(AppError) as refused:
            await stage.server.oauth.verify_app_token(ACCOUNT, f"Bearer {token}")
        assert refused.value.code == "app_token_invalid"


async def test_services_of_another_account_do_not_take_it(stage: Stage) -> None:
    app = await stage.install()
    with pytest.raises(AppError) as refused:
        await stage.server.oauth.verify_app_token(OTHER_ACCOUNT, f"Bearer {await client_token(stage, app)}")
    assert refused.value.code == "app_token_invalid"


@pytest.mark.parametrize("endpoint", ["oidc", "app"])
async def test_tokens_of_before_the_apps_epoch_are_not_taken_and_those_after_it_are(
    stage: Stage, endpoint: str
) -> None:
    app = await stage.install()

    async def fresh() -> str:
        if endpoint == "oidc":
            return await client_token(stage, app)
        path = f"/sentinel/api/account/{ACCOUNT}/app/token"
        answer = await stage.http.post(path, data=CLIENT_CREDENTIALS, auth=(app.client_id, app.secret))
        return str(answer.json()["access_token"])

    before = await fresh()
    await stage.server.oauth.verify_app_token(ACCOUNT, before)
    stage.clock.advance(ms=300)
    await stage.apps.set_enabled(ACCOUNT, app.client_id, OPERATOR, enabled=False)
    await stage.apps.set_enabled(ACCOUNT, app.client_id, OPERATOR, enabled=True)
    with pytest.raises(AppError) as refused:
        await stage.server.oauth.verify_app_token(ACCOUNT, before)
    assert refused.value.code == "app_token_invalid"
    assert (await stage.server.oauth.verify_app_token(ACCOUNT, await fresh())).client_id == app.client_id


# Forgeries


async def forge(stage: Stage, app: Installed, purpose: KeyPurpose, typ: str, account_id: str = ACCOUNT) -> str:
    """A user's token with the claims of a good one, signed by another key or with another type."""
    claims = rfc9068_claims(await user_id(stage), app, stage.clock.now_ms() // 1000)
    return await stage.server.keys.sign(account_id, purpose, claims, typ=typ)


def rfc9068_claims(subject: str, app: Installed, now: int) -> bytes:
    text = (
        f'{{"iss":"{ISSUER}","sub":"{subject}","aud":"{ISSUER}","client_id":"{app.client_id}",'
        f'"scope":"openid","jti":"grt_0.0","iat":{now},"exp":{now + 60}}}'
    )
    return text.encode()


@pytest.mark.parametrize(
    ("purpose", "typ", "account_id"),
    [
        (KeyPurpose.APP_V1, "at+jwt", ACCOUNT),
        (KeyPurpose.APP_V2, "at+jwt", ACCOUNT),
        (KeyPurpose.CONSUMER, "at+jwt", ACCOUNT),
        (KeyPurpose.OIDC, "JWT", ACCOUNT),
        (KeyPurpose.OIDC, "logout+jwt", ACCOUNT),
        (KeyPurpose.OIDC, "at+jwt", OTHER_ACCOUNT),
        (KeyPurpose.OIDC, "at+jwt", ACCOUNT),
    ],
)
async def test_a_key_of_another_purpose_type_account_or_grant_makes_no_access_token(
    stage: Stage, purpose: KeyPurpose, typ: str, account_id: str
) -> None:
    app = await stage.install()
    token = await forge(stage, app, purpose, typ, account_id)
    assert (await userinfo(stage, token)).status_code == 401
    assert (await userinfo(stage, token, account_id=OTHER_ACCOUNT)).status_code == 401


async def test_a_grant_of_another_user_or_app_does_not_carry_a_token(stage: Stage) -> None:
    app, other = await stage.install(), await stage.install(client_name="com.example.other")
    good = await read_signed(stage, (await get_tokens(stage, app))["access_token"])
    admin = await user_id(stage, "admin")
    for subject, client in ((admin, app), (good["sub"], other)):
        claims = rfc9068_claims(subject, client, stage.clock.now_ms() // 1000).replace(b"grt_0.0", good["jti"].encode())
        token = await stage.server.keys.sign(ACCOUNT, KeyPurpose.OIDC, claims, typ="at+jwt")
        assert (await userinfo(stage, token)).status_code == 401
    claims = rfc9068_claims(good["sub"], app, stage.clock.now_ms() // 1000).replace(b"grt_0.0", good["jti"].encode())
    token = await stage.server.keys.sign(ACCOUNT, KeyPurpose.OIDC, claims, typ="at+jwt")
    assert (await userinfo(stage, token)).status_code == 200  # so it is the difference that was refused


@pytest.mark.parametrize("issuer", [f"{ORIGIN}/oidc/{OTHER_ACCOUNT}", "https://evil.example", "sentinel", ""])
async def test_another_issuer_under_our_key_is_not_believed(stage: Stage, issuer: str) -> None:
    app = await stage.install()
    good = await read_signed(stage, (await get_tokens(stage, app))["access_token"])
    claims = rfc9068_claims(good["sub"], app, stage.clock.now_ms() // 1000).replace(b"grt_0.0", good["jti"].encode())
    token = await stage.server.keys.sign(
        ACCOUNT,
        KeyPurpose.OIDC,
        claims.replace(f'"iss":"{ISSUER}"'.encode(), f'"iss":"{issuer}"'.encode()),
        typ="at+jwt",
    )
    assert (await userinfo(stage, token)).status_code == 401
