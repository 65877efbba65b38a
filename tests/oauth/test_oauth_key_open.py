"""Opening tokens: only what a key of this account, of an allowed purpose, signed, by that key's own algorithm."""

import base64
import hmac
import json

import pytest
import sqlalchemy as sa
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from switchbay.infra.db import Database, Tx
from switchbay.oauth.domain import APP_PURPOSES, Algorithm, KeyPurpose
from switchbay.oauth.protocol.rfc7515_signature import TokenRefused, read_header
from switchbay.oauth.service import KeyRing
from switchbay.oauth.tables import keys

PAYLOAD = b'{"sub":"1"}'
OIDC = frozenset({KeyPurpose.OIDC})
AT = frozenset({"at+jwt"})
algorithms = pytest.mark.parametrize("alg", list(Algorithm))


def segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


async def refusal(
    ring: KeyRing,
    token: str,
    account: str = "acme",
    purposes: frozenset[KeyPurpose] = OIDC,
    typ: frozenset[str] = frozenset({"JWT"}),
) -> str:
    with pytest.raises(TokenRefused) as refused:
        await ring.open(account, token, purposes, typ=typ)
    return str(refused.value)


async def sign(ring: KeyRing, alg: Algorithm, account: str = "acme", typ: str = "JWT") -> str:
    return await ring.sign(account, KeyPurpose.OIDC, PAYLOAD, alg=alg, typ=typ)


async def count_keys(db: Database) -> int:
    async def read(tx: Tx) -> int:
        return len(await tx.fetch(sa.select(keys.c.kid)))

    return await db.read(read)


@algorithms
async def test_what_one_node_signed_another_opens(ring: KeyRing, other_ring: KeyRing, alg: Algorithm) -> None:
    assert await other_ring.open("acme", await sign(ring, alg), OIDC) == PAYLOAD
    token = await sign(ring, alg, typ="at+jwt")
    assert await other_ring.open("acme", token, OIDC | APP_PURPOSES, typ=AT) == PAYLOAD


@algorithms
async def test_another_account_does_not_open_it(db: Database, ring: KeyRing, alg: Algorithm) -> None:
    token = await sign(ring, alg)
    await sign(ring, alg, "other")
    before = await count_keys(db)
    assert await refusal(ring, token, "other") == "key_unknown"
    assert await refusal(ring, token, "nobody") == "key_unknown"
    assert await refusal(ring, token, "../acme") == "account_wrong"
    assert await refusal(ring, token, "a\x00") == "account_wrong"
    assert await count_keys(db) == before


@algorithms
async def test_the_key_id_of_another_account_is_unknown_here(ring: KeyRing, alg: Algorithm) -> None:
    ours, theirs = await sign(ring, alg), await sign(ring, alg, "other")
    forged = theirs.split(".")[0] + ours[ours.index(".") :]
    assert await refusal(ring, forged) == "key_unknown"
    assert await refusal(ring, forged, "other") == "signature_wrong"


@algorithms
async def test_a_key_of_another_purpose_is_not_believed(ring: KeyRing, alg: Algorithm) -> None:
    token = await sign(ring, alg)
    for purposes in (APP_PURPOSES, frozenset({KeyPurpose.CONSUMER}), frozenset[KeyPurpose]()):
        assert await refusal(ring, token, purposes=purposes) == "key_of_another_purpose"
    app = await ring.sign("acme", KeyPurpose.APP_V2, PAYLOAD)
    assert await refusal(ring, app) == "key_of_another_purpose"
    assert await ring.open("acme", app, APP_PURPOSES) == PAYLOAD


@algorithms
async def test_a_token_of_another_type_is_not_believed(ring: KeyRing, alg: Algorithm) -> None:
    assert await refusal(ring, await sign(ring, alg, typ="at+jwt")) == "type_wrong"
    assert await refusal(ring, await sign(ring, alg), typ=AT) == "type_wrong"
    assert await refusal(ring, await sign(ring, alg, typ="logout+jwt"), typ=AT) == "type_wrong"
    assert await refusal(ring, await sign(ring, alg, typ="AT+JWT"), typ=AT) == "type_wrong"


async def test_the_key_decides_the_algorithm_and_not_the_token(ring: KeyRing) -> None:
    by_rsa, by_curve = await sign(ring, Algorithm.RS256), await sign(ring, Algorithm.ES256)
    rsa_kid, curve_kid = read_header(by_rsa).kid, read_header(by_curve).kid
    for kid, alg, other in ((curve_kid, "RS256", by_rsa), (rsa_kid, "ES256", by_curve)):
        header = segment(json.dumps({"kid": kid, "typ": "JWT", "alg": alg}).encode())
        forged = header + other[other.index(".") :]
        assert await refusal(ring, forged) == "algorithm_of_another_key"


async def test_a_token_that_an_attackers_key_signed_under_our_key_id_is_refused(ring: KeyRing) -> None:
    attackers: tuple[tuple[Algorithm, RSAKey | ECKey], ...] = (
        (Algorithm.RS256, RSAKey.generate_key(2_048)),
        (Algorithm.ES256, ECKey.generate_key("P-256")),
    )
    for alg, attacker in attackers:
        kid = read_header(await sign(ring, alg)).kid
        header = {"kid": kid, "typ": "JWT", "alg": alg.value}
        forged = jws.serialize_compact(header, PAYLOAD, attacker, algorithms=[alg.value])
        assert await refusal(ring, forged) == "signature_wrong"


@algorithms
async def test_our_published_key_is_no_secret_that_signs(ring: KeyRing, alg: Algorithm) -> None:
    kid = read_header(await sign(ring, alg)).kid
    document = json.loads((await ring.render_account_keys("acme")).document)
    (jwk,) = (key for key in document["keys"] if key["kid"] == kid)
    key = RSAKey.import_key(jwk) if alg is Algorithm.RS256 else ECKey.import_key(jwk)
    size = 256 if alg is Algorithm.RS256 else 64
    for secret in (key.as_pem(private=False), key.as_der(private=False), json.dumps(jwk).encode(), kid.encode()):
        for claimed, expected in (("HS256", "algorithm_not_allowed"), (alg.value, "signature_wrong")):
            head = segment(json.dumps({"kid": kid, "typ": "JWT", "alg": claimed}).encode())
            signed = f"{head}.{segment(PAYLOAD)}"
            mac = hmac.digest(secret, signed.encode(), "sha256")
            assert await refusal(ring, f"{signed}.{segment(mac)}") == "not_compact"
            assert await refusal(ring, f"{signed}.{segment((mac * 8)[:size])}") == expected


@algorithms
async def test_no_key_is_made_for_a_token_that_is_refused(db: Database, ring: KeyRing, alg: Algorithm) -> None:
    signature = segment(b"\x01" * (256 if alg is Algorithm.RS256 else 64))
    head = segment(json.dumps({"kid": "unknown", "typ": "JWT", "alg": alg.value}).encode())
    assert await refusal(ring, f"{head}.{segment(PAYLOAD)}.{signature}") == "key_unknown"
    assert await count_keys(db) == 0
