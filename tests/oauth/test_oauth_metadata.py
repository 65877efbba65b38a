"""Discovery: where it is, that it cannot be spoofed, and that every value it lists is really served."""

from collections.abc import Mapping
from typing import Any

import pytest

from support.accounts_house import PASSWORD
from support.assertions import EC, ED, RSA, Key, form, make_claims, public_set, sign
from support.authorize_requests import allow, ask, landed, log_in
from support.oauth_stage import ACCOUNT, CALLBACK, ISSUER, OTHER_ACCOUNT, Installed, Stage
from support.oauth_tokens import (
    CHALLENGE,
    VERIFIER,
    assert_refused,
    get_tokens,
    give_code,
    header_of,
    post_token,
    read_signed,
    redeem,
    refresh,
    userinfo,
)
from switchbay.accounts.public import OPERATOR, Role
from switchbay.oauth.routes.metadata import PATHS
from switchbay.oauth.service.policies import PolicyChange

KEYS: Mapping[str, Key] = {"RS256": RSA, "PS256": RSA, "ES256": EC, "EdDSA": ED}
IMPLICIT = ("token", "id_token", "id_token token")
ALL_TYPES = ["code", *IMPLICIT]


async def read_metadata(stage: Stage, account_id: str = ACCOUNT) -> dict[str, Any]:
    answer = await stage.http.get(f"/oidc/{account_id}/.well-known/openid-configuration")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def switch_implicit_on(stage: Stage) -> None:
    await stage.server.policies.change(ACCOUNT, PolicyChange(implicit_enabled=True), OPERATOR)


# Where it is


async def test_the_document_says_what_there_is(stage: Stage) -> None:
    assert await read_metadata(stage) == {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "userinfo_endpoint": f"{ISSUER}/userinfo",
        "jwks_uri": f"{ISSUER}/jwks",
        "revocation_endpoint": f"{ISSUER}/revoke",
        "introspection_endpoint": f"{ISSUER}/introspect",
        "end_session_endpoint": f"{ISSUER}/logout",
        "registration_endpoint": f"{ISSUER}/register",
        "scopes_supported": ["email", "msg.consumer", "offline_access", "openid", "profile"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "acr_values_supported": ["1", "2"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claim_types_supported": ["normal"],
        "claims_supported": [
            "acr",
            "amr",
            "at_hash",
            "aud",
            "auth_time",
            "azp",
            "email",
            "email_verified",
            "exp",
            "iat",
            "is_admin",
            "is_lpa",
            "iss",
            "name",
            "nonce",
            "preferred_username",
            "sid",
            "sub",
        ],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        "revocation_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ],
        "revocation_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        "introspection_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ],
        "introspection_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }


@pytest.mark.parametrize("path", PATHS)
async def test_every_address_has_the_same_document_for_anyone(stage: Stage, path: str) -> None:
    answer = await stage.http.get(path.replace("{account}", ACCOUNT), headers={"Origin": "https://spa.example"})
    assert answer.json() == await read_metadata(stage)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["access-control-allow-origin"] == "*"
    asked = await stage.http.options(path.replace("{account}", ACCOUNT))
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")
    assert (await stage.http.get(path.replace("{account}", "nosuch"))).status_code == 404


async def test_no_header_changes_the_issuer(stage: Stage) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    answer = await stage.http.get(f"/oidc/{ACCOUNT}/.well-known/openid-configuration", headers=headers)
    assert answer.json()["issuer"] == ISSUER
    assert "evil" not in answer.text


async def test_each_account_has_an_issuer_of_its_own(stage: Stage) -> None:
    assert (await read_metadata(stage, OTHER_ACCOUNT))["issuer"] == ISSUER.replace(ACCOUNT, OTHER_ACCOUNT)


async def test_what_the_account_switches_on_and_off_is_listed_so(stage: Stage) -> None:
    await stage.server.policies.change(ACCOUNT, PolicyChange(implicit_enabled=True, registration="off"), OPERATOR)
    document = await read_metadata(stage)
    assert document["response_types_supported"] == ALL_TYPES
    assert document["grant_types_supported"][-1] == "implicit"
    assert "registration_endpoint" not in document
    other = await read_metadata(stage, OTHER_ACCOUNT)
    assert other["response_types_supported"] == ["code"]


# What is listed is served


async def test_every_endpoint_is_there(stage: Stage) -> None:
    document = await read_metadata(stage)
    addresses = [value for name, value in document.items() if name.endswith("_endpoint") or name == "jwks_uri"]
    assert len(addresses) == 8
    for address in addresses:
        found = {(await stage.http.request(method, address)).status_code for method in ("GET", "POST")}
        assert 404 not in found
        assert found - {405}, address


async def test_every_listed_grant_works_and_no_other(stage: Stage) -> None:
    await switch_implicit_on(stage)
    app = await stage.install(response_types=ALL_TYPES)
    worked = set()
    tokens = await get_tokens(stage, app)
    worked.add("authorization_code")
    if (await refresh(stage, app, tokens["refresh_token"])).status_code == 200:
        worked.add("refresh_token")
    if (await post_token(stage, app, {"grant_type": "client_credentials"})).status_code == 200:
        worked.add("client_credentials")
    await allow(stage, app)
    bearer = await log_in(stage)
    if "access_token" in landed(await ask(stage, app, bearers=[bearer], response_type="token")).fields:
        worked.add("implicit")
    assert worked == set((await read_metadata(stage))["grant_types_supported"])
    for grant in ("password", "implicit", "urn:ietf:params:oauth:grant-type:device_code"):
        assert_refused(await post_token(stage, app, {"grant_type": grant}), "unsupported_grant_type")


async def test_every_listed_response_type_works_and_the_others_do_not(stage: Stage) -> None:
    app = await stage.install(response_types=ALL_TYPES)
    await allow(stage, app)
    bearer = await log_in(stage)
    for enabled in (False, True):
        if enabled:
            await switch_implicit_on(stage)
        listed = (await read_metadata(stage))["response_types_supported"]
        for response_type in (*ALL_TYPES, "code id_token", "none"):
            answer = await ask(stage, app, bearers=[bearer], response_type=response_type, nonce="n")
            fields = landed(answer).fields
            if response_type in listed:
                expected = {"token": "access_token"}
                assert {expected.get(word, word) for word in response_type.split()} <= set(fields)
            else:
                assert fields["error"] == "unsupported_response_type"


async def test_every_listed_response_mode_works(stage: Stage) -> None:
    app = await stage.install()
    await allow(stage, app)
    bearer = await log_in(stage)
    for mode in (await read_metadata(stage))["response_modes_supported"]:
        answer = await ask(stage, app, bearers=[bearer], response_mode=mode)
        assert landed(answer).address == CALLBACK
        assert {"code", "state", "iss"} <= set(landed(answer).fields)
        sent = {"query": "?code=", "fragment": "#code=", "form_post": '<form method="post"'}[mode]
        shown = answer.text if mode == "form_post" else answer.headers["location"]
        assert sent.split("=")[0] in shown


async def test_every_listed_algorithm_signs_id_tokens(stage: Stage) -> None:
    for alg in (await read_metadata(stage))["id_token_signing_alg_values_supported"]:
        app = await stage.install(client_name=f"com.example.{alg}", id_token_signed_response_alg=alg)
        token = (await get_tokens(stage, app))["id_token"]
        assert header_of(token)["alg"] == alg
        await read_signed(stage, token)


async def test_every_listed_scope_can_be_asked_for(stage: Stage) -> None:
    app = await stage.install()
    await allow(stage, app)
    bearer = await log_in(stage)
    listed = " ".join((await read_metadata(stage))["scopes_supported"])
    fields = landed(await ask(stage, app, bearers=[bearer], scope=listed)).fields
    assert (await redeem(stage, app, fields["code"])).json()["scope"] == listed


async def test_exactly_the_listed_claims_are_told(stage: Stage) -> None:
    app = await stage.install()
    await stage.accounts.create_user(ACCOUNT, "maria@example.com", PASSWORD, [Role.AGENT], OPERATOR)
    tokens = await get_tokens(
        stage, app, login_name="maria@example.com", scope="openid profile email", nonce="n", amr=("pwd",)
    )
    told = {*await read_signed(stage, tokens["id_token"]), *(await userinfo(stage, tokens["access_token"])).json()}
    assert sorted(told) == (await read_metadata(stage))["claims_supported"]


async def test_the_listed_challenge_method_works_and_plain_does_not(stage: Stage) -> None:
    assert (await read_metadata(stage))["code_challenge_methods_supported"] == ["S256"]
    app = await stage.install()
    await allow(stage, app)
    bearer = await log_in(stage)
    challenge = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    code = landed(await ask(stage, app, bearers=[bearer], changes=challenge)).fields["code"]
    assert_refused(await redeem(stage, app, code), "invalid_grant")
    assert (await redeem(stage, app, code, code_verifier=VERIFIER)).status_code == 200
    plain = {**challenge, "code_challenge_method": "plain"}
    assert landed(await ask(stage, app, bearers=[bearer], changes=plain)).fields["error"] == "invalid_request"


async def test_the_listed_classes_prompts_and_refused_parameters_are_so(stage: Stage) -> None:
    app = await stage.install()
    await allow(stage, app)
    bearer = await log_in(stage)
    document = await read_metadata(stage)
    assert document["acr_values_supported"] == ["1", "2"]
    one = landed(await ask(stage, app, bearers=[bearer], acr_values="1", prompt="none")).fields
    assert (await read_signed(stage, (await redeem(stage, app, one["code"])).json()["id_token"]))["acr"] == "1"
    stage.clock.advance(seconds=1)  # so that the session is older than the request that wants a new login
    pages = {"login": "login", "consent": "consent", "select_account": "choose"}
    for prompt in document["prompt_values_supported"]:
        answer = await ask(stage, app, bearers=[bearer], prompt=prompt)
        if prompt == "none":
            assert "code" in landed(answer).fields
        else:
            assert f"/interaction/{pages[prompt]}?" in answer.headers["location"]
    refused: Mapping[str, str] = {}
    for name in ("request", "request_uri"):
        assert document[f"{name}_parameter_supported"] is False
        refused = landed(await ask(stage, app, bearers=[bearer], changes={name: "https://app.example.com/x"})).fields
        assert refused["error"] == f"{name}_not_supported"
    assert document["authorization_response_iss_parameter_supported"] is True
    assert refused["iss"] == ISSUER


# Client authentication


async def _authenticated(stage: Stage, method: str, alg: str, path: str, fields: dict[str, str]) -> int:
    """The status of a request to an endpoint by a client that authenticates with this method."""
    name = f"com.example.{method}.{alg}".replace("_", "-").lower()
    app = await stage.install(
        client_name=name,
        token_endpoint_auth_method=method,
        jwks=public_set(KEYS[alg]) if method == "private_key_jwt" else None,
        grant_types=["authorization_code"],
    )
    sent = await _fields_for(stage, app, fields)
    if method == "client_secret_basic":
        return (await stage.http.post(path, data=sent, auth=(app.client_id, app.secret))).status_code
    if method == "client_secret_post":
        proof = {"client_id": app.client_id, "client_secret": app.secret}
    elif method == "private_key_jwt":
        proof = form(sign(make_claims(app.client_id, ISSUER), KEYS[alg], alg))
    else:
        proof = {"client_id": app.client_id}
    return (await stage.http.post(path, data={**sent, **proof})).status_code


async def _fields_for(stage: Stage, app: Installed, fields: dict[str, str]) -> dict[str, str]:
    if fields.get("grant_type") != "authorization_code":
        return fields
    code = await give_code(stage, app, challenge=CHALLENGE)
    return {**fields, "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}


@pytest.mark.parametrize(
    ("endpoint", "path", "fields"),
    [
        ("token", "token", {"grant_type": "authorization_code"}),
        ("revocation", "revoke", {"token": "x"}),
        ("introspection", "introspect", {"token": "x"}),
    ],
)
async def test_every_listed_way_of_authentication_works_and_no_other(
    stage: Stage, endpoint: str, path: str, fields: dict[str, str]
) -> None:
    document = await read_metadata(stage)
    methods = document[f"{endpoint}_endpoint_auth_methods_supported"]
    algorithms = document[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
    worked = set()
    for method in ("client_secret_basic", "client_secret_post", "private_key_jwt", "none"):
        for alg in algorithms if method == "private_key_jwt" else ["RS256"]:
            status = await _authenticated(stage, method, alg, f"/oidc/{ACCOUNT}/{path}", fields)
            if status == 200:
                worked.add((method, alg))
    expected = {(method, "RS256") for method in methods} | {("private_key_jwt", alg) for alg in algorithms}
    assert worked == expected
