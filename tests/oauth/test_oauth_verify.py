"""Believing tokens: only those this server signed, for this account, now, for an application that is still there."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import RSAKey

from support.oauth_clients import ACCOUNT, CLIENT_ID, CLIENT_SECRET, OTHER_ACCOUNT, OTHER_CLIENT_ID, Directory
from switchbay.infra.db import Database, DatabaseUnavailable, Tx
from switchbay.infra.machine import ManualClock
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.secret import Secret
from switchbay.oauth.domain import AppToken, ConsumerToken, KeyPurpose
from switchbay.oauth.protocol.rfc6749_client_authentication import Presented
from switchbay.oauth.public import OAuth
from switchbay.oauth.service import KeyRing
from switchbay.oauth.tables import keys

NOW = 1_700_000_000
APP_CLAIMS = {
    "aud": ACCOUNT,
    "azp": CLIENT_ID,
    "scope": "msg.consumer",
    "iss": "Sentinel",
    "iat": NOW,
    "exp": NOW + 3_600,
}


async def issue(service: OAuth, account: str = ACCOUNT, client: str = CLIENT_ID, version: int = 1) -> str:
    issued = await service.client_credentials(account, Presented(client, Secret(CLIENT_SECRET)), version=version)
    return issued.access_token


async def issue_consumer(service: OAuth, ext_consumer_id: str = "consumer-1") -> str:
    app = await service.verify_app_token(ACCOUNT, await issue(service))
    return (await service.consumer_identity(ACCOUNT, app, ext_consumer_id)).reveal()


async def sign(ring: KeyRing, purpose: KeyPurpose, claims: Mapping[str, object]) -> str:
    return await ring.sign(ACCOUNT, purpose, json.dumps(claims).encode())


def segment(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, payload, _ = token.split(".")
    header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(head + "=="))
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return header, claims


async def code_of_app(service: OAuth, header: str | None, account: str = ACCOUNT) -> tuple[Kind, str]:
    with pytest.raises(AppError) as refused:
        await service.verify_app_token(account, header)
    return refused.value.kind, refused.value.code


async def code_of_consumer(service: OAuth, header: str | None, account: str = ACCOUNT) -> tuple[Kind, str]:
    with pytest.raises(AppError) as refused:
        await service.verify_consumer_token(account, header)
    return refused.value.kind, refused.value.code


APP_MISSING = (Kind.UNAUTHENTICATED, "app_token_missing")
APP_INVALID = (Kind.UNAUTHENTICATED, "app_token_invalid")
CONSUMER_MISSING = (Kind.UNAUTHENTICATED, "consumer_token_missing")
CONSUMER_INVALID = (Kind.UNAUTHENTICATED, "consumer_token_invalid")


# What tokens say


@pytest.mark.parametrize("version", [1, 2])
async def test_an_application_token_has_exactly_these_claims(oauth: OAuth, version: int) -> None:
    header, claims = opened(await issue(oauth, version=version))
    assert list(header) == ["kid", "typ", "alg"]
    assert (header["typ"], header["alg"]) == ("JWT", "RS256")
    assert claims == APP_CLAIMS


async def test_the_two_versions_are_signed_by_different_keys(oauth: OAuth) -> None:
    first, second = opened(await issue(oauth, version=1)), opened(await issue(oauth, version=2))
    assert first[0]["kid"] != second[0]["kid"]


async def test_a_consumer_token_has_exactly_these_claims(oauth: OAuth) -> None:
    header, claims = opened(await issue_consumer(oauth))
    assert (header["typ"], header["alg"]) == ("JWT", "RS256")
    consumer_id = claims.pop("lp_consumer_id")
    assert len(bytes.fromhex(consumer_id)) == 32
    assert claims == {
        "account_id": ACCOUNT,
        "ext_consumer_id": "consumer-1",
        "iss": "Switchbay consumer identity",
        "iat": NOW,
        "exp": NOW + 31_536_000,
    }


async def test_the_consumer_id_is_stable_over_nodes_and_time(
    oauth: OAuth, other_node: OAuth, clock: ManualClock
) -> None:
    first = opened(await issue_consumer(oauth))[1]["lp_consumer_id"]
    clock.advance(seconds=86_400)
    assert opened(await issue_consumer(other_node))[1]["lp_consumer_id"] == first
    assert opened(await issue_consumer(oauth, "consumer-2"))[1]["lp_consumer_id"] != first


async def test_the_same_consumer_has_another_id_in_another_account(oauth: OAuth) -> None:
    app = await oauth.verify_app_token(OTHER_ACCOUNT, await issue(oauth, OTHER_ACCOUNT, OTHER_CLIENT_ID))
    theirs = (await oauth.consumer_identity(OTHER_ACCOUNT, app, "consumer-1")).reveal()
    ours = await issue_consumer(oauth)
    assert opened(theirs)[1]["lp_consumer_id"] != opened(ours)[1]["lp_consumer_id"]


# Good tokens


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("form", ["{}", "Bearer {}", "bearer {}", "BEARER   {}", " {} "])
async def test_an_application_token_is_believed_with_and_without_the_scheme(
    oauth: OAuth, form: str, version: int
) -> None:
    expected = AppToken(ACCOUNT, CLIENT_ID, CLIENT_ID, frozenset({"msg.consumer"}), (NOW + 3_600) * 1000)
    header = form.format(await issue(oauth, version=version))
    assert await oauth.verify_app_token(ACCOUNT, header) == expected
    assert await oauth.verify_app_token(ACCOUNT, header) == expected


async def test_a_consumer_token_is_believed_with_and_without_the_scheme(oauth: OAuth) -> None:
    token = await issue_consumer(oauth, "żółć 😀")
    consumer_id = opened(token)[1]["lp_consumer_id"]
    expected = ConsumerToken(ACCOUNT, "żółć 😀", consumer_id, (NOW + 31_536_000) * 1000)
    assert await oauth.verify_consumer_token(ACCOUNT, token) == expected
    assert await oauth.verify_consumer_token(ACCOUNT, "Bearer " + token) == expected


async def test_another_node_believes_the_token(oauth: OAuth, other_node: OAuth) -> None:
    token = await issue(oauth)
    assert (await other_node.verify_app_token(ACCOUNT, token)).client_id == CLIENT_ID


async def test_a_token_verified_a_moment_ago_needs_no_database(db: Database, oauth: OAuth, clock: ManualClock) -> None:
    app, consumer = await issue(oauth), await issue_consumer(oauth)
    await oauth.verify_app_token(ACCOUNT, app)
    await oauth.verify_consumer_token(ACCOUNT, consumer)
    await db.close()
    clock.advance(ms=59_999)
    assert (await oauth.verify_app_token(ACCOUNT, app)).client_id == CLIENT_ID
    assert (await oauth.verify_consumer_token(ACCOUNT, consumer)).ext_consumer_id == "consumer-1"
    clock.advance(ms=1)
    with pytest.raises(DatabaseUnavailable):
        await oauth.verify_app_token(ACCOUNT, app)
    with pytest.raises(DatabaseUnavailable):
        await oauth.verify_consumer_token(ACCOUNT, consumer)


# Missing tokens


@pytest.mark.parametrize("header", [None, "", "  ", "Bearer", "Bearer ", "bearer   "])
async def test_no_token_is_told_apart_from_a_bad_one(oauth: OAuth, header: str | None) -> None:
    assert await code_of_app(oauth, header) == APP_MISSING
    assert await code_of_consumer(oauth, header) == CONSUMER_MISSING


# Bad tokens


@pytest.mark.parametrize(
    "header",
    ["x", "Basic YTpi", "Bearer a b", "a.b.c", "Bearer ..", "\x00", "é.é.é", "\ud800", "x" * 20_000, "Bearer Bearer x"],
)
async def test_text_that_is_no_token_is_refused(oauth: OAuth, header: str) -> None:
    assert await code_of_app(oauth, header) == APP_INVALID
    assert await code_of_consumer(oauth, header) == CONSUMER_INVALID


async def test_an_unsigned_token_is_refused(oauth: OAuth) -> None:
    kid = opened(await issue(oauth))[0]["kid"]
    for signature in ("", "A" * 342):
        token = f"{segment({'kid': kid, 'typ': 'JWT', 'alg': 'none'})}.{segment(APP_CLAIMS)}.{signature}"
        assert await code_of_app(oauth, token) == APP_INVALID


async def test_a_token_signed_with_the_public_key_as_hmac_secret_is_refused(oauth: OAuth, ring: KeyRing) -> None:
    kid = opened(await issue(oauth, version=2))[0]["kid"]
    document = json.loads((await ring.render_account_keys(ACCOUNT)).document)
    (published,) = (key for key in document["keys"] if key["kid"] == kid)
    pem = RSAKey.import_key(published).as_pem(private=False)
    for secret in (pem, pem.strip(), json.dumps(published).encode()):
        for algorithm in ("HS256", "RS256"):
            signed = f"{segment({'kid': kid, 'typ': 'JWT', 'alg': algorithm})}.{segment(APP_CLAIMS)}"
            mac = hmac.digest(secret, signed.encode(), "sha256")
            assert await code_of_app(oauth, f"{signed}.{segment(mac)}") == APP_INVALID
            assert await code_of_app(oauth, f"{signed}.{segment(mac * 8)}") == APP_INVALID


async def test_a_token_of_a_key_that_is_not_ours_is_refused(oauth: OAuth) -> None:
    ours = opened(await issue(oauth))[0]["kid"]
    foreign = RSAKey.generate_key(2_048)
    for kid in (ours, foreign.thumbprint(), "", "\x00", "' OR 1=1 --", "x" * 200):
        token = jwt.encode({"kid": kid, "typ": "JWT", "alg": "RS256"}, dict(APP_CLAIMS), foreign)
        assert await code_of_app(oauth, token) == APP_INVALID


async def test_a_tampered_payload_is_refused(oauth: OAuth) -> None:
    head, _, signature = (await issue(oauth)).split(".")
    claims = {**APP_CLAIMS, "scope": "msg.consumer admin"}
    assert await code_of_app(oauth, f"{head}.{segment(claims)}.{signature}") == APP_INVALID


async def test_the_token_of_another_account_is_refused(oauth: OAuth) -> None:
    token = await issue(oauth)
    await issue(oauth, OTHER_ACCOUNT, OTHER_CLIENT_ID)
    assert await code_of_app(oauth, token, OTHER_ACCOUNT) == APP_INVALID
    assert (await oauth.verify_app_token(ACCOUNT, token)).account_id == ACCOUNT
    assert await code_of_app(oauth, token, OTHER_ACCOUNT) == APP_INVALID
    assert (await oauth.verify_app_token(ACCOUNT, token)).account_id == ACCOUNT


async def test_the_consumer_token_of_another_account_is_refused(oauth: OAuth) -> None:
    token = await issue_consumer(oauth)
    await oauth.verify_consumer_token(ACCOUNT, token)
    assert await code_of_consumer(oauth, token, OTHER_ACCOUNT) == CONSUMER_INVALID


@pytest.mark.parametrize("account", ["", "unknown", "no such", "a\x00b", "x" * 300, "../" + ACCOUNT])
async def test_an_account_that_does_not_exist_believes_nothing(oauth: OAuth, account: str) -> None:
    assert await code_of_app(oauth, await issue(oauth), account) == APP_INVALID
    assert await code_of_consumer(oauth, await issue_consumer(oauth), account) == CONSUMER_INVALID


async def test_a_consumer_token_is_no_application_token_and_the_reverse(oauth: OAuth) -> None:
    assert await code_of_app(oauth, await issue_consumer(oauth)) == APP_INVALID
    for version in (1, 2):
        assert await code_of_consumer(oauth, await issue(oauth, version=version)) == CONSUMER_INVALID


async def test_claims_of_the_other_kind_are_refused_even_with_the_right_key(oauth: OAuth, ring: KeyRing) -> None:
    both = {
        **APP_CLAIMS,
        "account_id": ACCOUNT,
        "ext_consumer_id": "c",
        "lp_consumer_id": "0" * 64,
    }
    as_consumer = await sign(ring, KeyPurpose.CONSUMER, both)
    as_app = await sign(ring, KeyPurpose.APP_V1, {**both, "iss": "Switchbay consumer identity"})
    assert await code_of_consumer(oauth, as_consumer) == CONSUMER_INVALID
    assert await code_of_app(oauth, as_app) == APP_INVALID


async def test_the_right_claims_are_refused_with_a_key_of_another_purpose(oauth: OAuth, ring: KeyRing) -> None:
    consumer_claims = {
        "account_id": ACCOUNT,
        "ext_consumer_id": "c",
        "lp_consumer_id": "0" * 64,
        "iss": "Switchbay consumer identity",
        "iat": NOW,
        "exp": NOW + 3_600,
    }
    tokens = {
        purpose: (await sign(ring, purpose, APP_CLAIMS), await sign(ring, purpose, consumer_claims))
        for purpose in KeyPurpose
    }
    assert await code_of_app(oauth, tokens[KeyPurpose.CONSUMER][0]) == APP_INVALID
    assert await code_of_app(oauth, tokens[KeyPurpose.OIDC][0]) == APP_INVALID
    assert await code_of_consumer(oauth, tokens[KeyPurpose.OIDC][1]) == CONSUMER_INVALID
    assert await code_of_consumer(oauth, tokens[KeyPurpose.APP_V1][1]) == CONSUMER_INVALID
    assert await code_of_consumer(oauth, tokens[KeyPurpose.APP_V2][1]) == CONSUMER_INVALID
    assert (await oauth.verify_app_token(ACCOUNT, tokens[KeyPurpose.APP_V1][0])).client_id == CLIENT_ID
    assert (await oauth.verify_consumer_token(ACCOUNT, tokens[KeyPurpose.CONSUMER][1])).ext_consumer_id == "c"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "sentinel"},
        {"aud": OTHER_ACCOUNT},
        {"aud": [ACCOUNT]},
        {"azp": OTHER_CLIENT_ID},
        {"azp": None},
        {"scope": None},
        {"exp": NOW},
        {"exp": None},
        {"exp": str(NOW + 10)},
        {"iat": NOW + 61},
        {"iat": None},
    ],
)
async def test_claims_are_checked_even_with_the_right_key(
    oauth: OAuth, ring: KeyRing, change: dict[str, object]
) -> None:
    token = await sign(ring, KeyPurpose.APP_V1, {**APP_CLAIMS, **change})
    assert await code_of_app(oauth, token) == APP_INVALID


async def test_another_nodes_clock_may_be_a_minute_ahead(oauth: OAuth, ring: KeyRing) -> None:
    token = await sign(ring, KeyPurpose.APP_V1, {**APP_CLAIMS, "iat": NOW + 60})
    assert (await oauth.verify_app_token(ACCOUNT, token)).client_id == CLIENT_ID


@pytest.mark.parametrize("warm", [False, True])
async def test_a_token_expires_to_the_second(oauth: OAuth, clock: ManualClock, warm: bool) -> None:
    token = await issue(oauth)
    clock.advance(ms=3_599_999)
    if warm:
        assert (await oauth.verify_app_token(ACCOUNT, token)).client_id == CLIENT_ID
    clock.advance(ms=1)
    assert await code_of_app(oauth, token) == APP_INVALID


async def test_a_consumer_token_expires_after_a_year(oauth: OAuth, clock: ManualClock) -> None:
    token = await issue_consumer(oauth)
    clock.advance(seconds=31_535_999)
    assert (await oauth.verify_consumer_token(ACCOUNT, token)).ext_consumer_id == "consumer-1"
    clock.advance(seconds=1)
    assert await code_of_consumer(oauth, token) == CONSUMER_INVALID


# Applications that change


async def test_a_disabled_application_is_refused_at_once_and_believed_again_when_enabled(
    oauth: OAuth, directory: Directory
) -> None:
    token = await issue(oauth)
    await oauth.verify_app_token(ACCOUNT, token)
    directory.change(enabled=False)
    assert await code_of_app(oauth, token) == APP_INVALID
    directory.change(enabled=True)
    assert (await oauth.verify_app_token(ACCOUNT, token)).client_id == CLIENT_ID


@pytest.mark.parametrize("warm", [False, True])
async def test_an_uninstalled_application_is_refused(oauth: OAuth, directory: Directory, warm: bool) -> None:
    token = await issue(oauth)
    if warm:
        await oauth.verify_app_token(ACCOUNT, token)
    directory.remove()
    assert await code_of_app(oauth, token) == APP_INVALID


async def test_a_scope_that_the_application_lost_is_left_out(oauth: OAuth, directory: Directory) -> None:
    directory.change(scope=frozenset({"msg.consumer", "more"}))
    token = await issue(oauth)
    assert (await oauth.verify_app_token(ACCOUNT, token)).scope == {"msg.consumer", "more"}
    directory.change(scope=frozenset({"msg.consumer"}))
    assert (await oauth.verify_app_token(ACCOUNT, token)).scope == {"msg.consumer"}


async def test_a_token_of_a_key_that_was_taken_away_is_refused_within_a_minute(
    db: Database, oauth: OAuth, clock: ManualClock
) -> None:
    token = await issue(oauth)
    await oauth.verify_app_token(ACCOUNT, token)

    async def delete(tx: Tx) -> int:
        return await tx.execute(sa.delete(keys))

    await db.write(delete)
    clock.advance(seconds=60)
    assert await code_of_app(oauth, token) == APP_INVALID


# What is remembered


async def test_a_refused_token_is_not_remembered(oauth: OAuth) -> None:
    for place in range(5):
        await code_of_app(oauth, f"x{place}")
        await code_of_consumer(oauth, f"x{place}")
    assert (len(oauth._app_tokens), len(oauth._consumer_tokens)) == (0, 0)


async def test_a_token_is_remembered_by_its_hash(oauth: OAuth) -> None:
    token = await issue(oauth)
    await oauth.verify_app_token(ACCOUNT, token)
    assert list(oauth._app_tokens._entries) == [hashlib.sha256(token.encode()).digest()]
