"""Client authentication as callers of the token endpoints meet it."""

import base64
import hmac
from collections.abc import Callable

import httpx
import pytest
from authlib.oauth2.rfc7523 import private_key_jwt_sign

from support.assertions import ED, NOW, OTHER_RSA, RSA, Key, form, make_claims, public_set, sign
from support.oauth_stage import ACCOUNT, ISSUER, ORIGIN, Stage
from switchbay.apps.domain import secrets
from switchbay.infra.machine import SystemClock

TOKEN = f"/oidc/{ACCOUNT}/token"
OLD_TOKEN = f"/sentinel/api/account/{ACCOUNT}/app/token"
UNKNOWN = "6c5a36a1-9b1f-4b4f-9a1e-000000000000"
GRANT = {"grant_type": "client_credentials"}
PATHS = [TOKEN, OLD_TOKEN]


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The header of HTTP Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def answered(response: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """All of an answer but its request id."""
    headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
    return response.status_code, response.content, headers


@pytest.fixture
def comparisons(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many digests were compared since the last call."""
    count = 0
    compare = hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        nonlocal count
        count += 1
        return compare(one, other)

    class Counting:
        compare_digest = staticmethod(counting)

    monkeypatch.setattr(secrets, "hmac", Counting)

    def take() -> int:
        nonlocal count
        taken, count = count, 0
        return taken

    return take


@pytest.mark.parametrize("path", PATHS)
async def test_an_unknown_client_and_a_wrong_secret_are_one_answer_after_the_same_work(
    stage: Stage, comparisons: Callable[[], int], path: str
) -> None:
    app = await stage.install()
    public = await stage.install(
        client_name="com.example.native", token_endpoint_auth_method="none", grant_types=["authorization_code"]
    )
    by_key = await stage.install(
        client_name="com.example.key", token_endpoint_auth_method="private_key_jwt", jwks=public_set(RSA)
    )
    attempts = [
        basic(app.client_id, "wrong"),
        basic(UNKNOWN, app.secret),
        basic("no id at all", "x" * 512),
        basic(public.client_id, public.secret),
        basic(by_key.client_id, by_key.secret),
    ]
    answers, work = [], []
    for headers in attempts:
        comparisons()
        answers.append(answered(await stage.http.post(path, data=GRANT, headers=headers)))
        work.append(comparisons())
    assert answers == [answers[0]] * len(attempts)
    assert (answers[0][0], answers[0][1]) == (
        401,
        b'{"error":"invalid_client","error_description":"Client authentication failed."}',
    )
    assert work == [secrets.MOST_SECRETS + secrets.MOST_ENDED] * len(attempts)
    right = await stage.http.post(path, data=GRANT, headers=basic(app.client_id, app.secret))
    assert (right.status_code, comparisons()) == (200, work[0])


@pytest.mark.parametrize("path", PATHS)
async def test_a_client_with_a_key_gets_a_token_and_its_developer_learns_why_not(stage: Stage, path: str) -> None:
    app = await stage.install(
        client_name="com.example.key", token_endpoint_auth_method="private_key_jwt", jwks=public_set(RSA, ED)
    )
    signers: list[tuple[Key, str]] = [(RSA, "RS256"), (ED, "EdDSA")]
    for place, (key, alg) in enumerate(signers):
        for audience in (ISSUER, ORIGIN + path):
            claims = make_claims(app.client_id, audience, jti=f"{place}{audience}")
            answer = await stage.http.post(path, data={**GRANT, **form(sign(claims, key, alg))})
            assert answer.status_code == 200, answer.text
    forged = sign(make_claims(app.client_id, ISSUER, exp=NOW + 9), OTHER_RSA)
    refused = await stage.http.post(path, data={**GRANT, **form(forged)})
    assert (refused.status_code, refused.json()["error_description"]) == (401, "Client authentication failed.")
    await stage.server.refusals.flush_once()
    [noted] = (await stage.manage("GET", f"/apps/{app.client_id}/refusals")).json()["items"]
    assert (noted["error"], noted["reason"]) == ("invalid_client", "assertion_signature_wrong")
    assert forged not in str(noted)


async def test_an_assertion_as_authlib_makes_it_is_believed(stage: Stage) -> None:
    app = await stage.install(
        client_name="com.example.key", token_endpoint_auth_method="private_key_jwt", jwks=public_set(RSA)
    )
    stage.clock.at_ms = SystemClock().now_ms()  # Authlib signs by the machine's clock
    assertion = private_key_jwt_sign(RSA, app.client_id, ORIGIN + TOKEN)
    answer = await stage.http.post(TOKEN, data={**GRANT, **form(assertion)})
    assert (answer.status_code, answer.json()["scope"]) == (200, "msg.consumer")


@pytest.mark.parametrize("path", PATHS)
async def test_hostile_headers_are_refused_cleanly(stage: Stage, path: str) -> None:
    app = await stage.install()
    headers = [
        b"Basic",
        b"Basic ",
        b"Basic !!!",
        b"Basic " + base64.b64encode(app.client_id.encode()),
        b"Basic " + base64.b64encode(b"\xff\xfe:\xff"),
        b"Basic " + base64.b64encode(b"%ff%fe:%ff"),
        b"Basic " + base64.b64encode(b"\x00:\x00"),
        b"Basic " + base64.b64encode(b"x" * 8_192),
        b"Basic " + base64.b64encode(f"{app.client_id}:".encode() + b"x" * 8_192),
        b"Basic \xc3\xa9",
        b"Negotiate abc",
        b"\xff",
    ]
    for header in headers:
        answer = await stage.http.post(path, data=GRANT, headers=[(b"Authorization", header)])
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), header
        assert answer.headers["www-authenticate"] == 'Basic realm="switchbay", charset="UTF-8"'
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PATHS)
async def test_two_mechanisms_at_once_are_refused(stage: Stage, path: str) -> None:
    app = await stage.install()
    post = {"client_id": app.client_id, "client_secret": app.secret}
    assertion = form(sign(make_claims(app.client_id, ISSUER)))
    attempts: list[tuple[dict[str, str], dict[str, str]]] = [
        (basic(app.client_id, app.secret), post),
        (basic(app.client_id, app.secret), {"client_secret": app.secret}),
        (basic(app.client_id, app.secret), {"client_id": UNKNOWN}),
        (basic(app.client_id, app.secret), assertion),
        ({}, {**post, **assertion}),
    ]
    for headers, more in attempts:
        answer = await stage.http.post(path, data={**GRANT, **more}, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_an_ended_secret_is_named_in_the_developer_log_and_nowhere_else(stage: Stage) -> None:
    app = await stage.install()
    await stage.manage("POST", f"/apps/{app.client_id}/rotate-secret", {"overlap_seconds": 0})
    refused = await stage.http.post(TOKEN, data=GRANT, headers=basic(app.client_id, app.secret))
    assert refused.json() == {"error": "invalid_client", "error_description": "Client authentication failed."}
    await stage.server.refusals.flush_once()
    [noted] = (await stage.manage("GET", f"/apps/{app.client_id}/refusals")).json()["items"]
    assert noted["reason"] == "secret_ended"
    assert noted["detail"]["got"].startswith("the secret named primary, which ended at ")
    assert app.secret not in str(noted)
