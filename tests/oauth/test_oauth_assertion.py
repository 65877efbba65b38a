"""Signed assertions: what is believed, and everything that is not."""

import base64
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from support.assertions import EC, ED, NOW, OTHER_RSA, RSA, Key, assemble, encode, make_claims, public, public_set, sign
from switchbay.kit.jsonvalue import JsonValue
from switchbay.oauth.protocol.rfc7517_client_keys import MOST_KEYS, ClientKey, read_client_keys
from switchbay.oauth.protocol.rfc7523_client_assertion import (
    ALGORITHMS,
    Accepted,
    Assertion,
    AssertionRefused,
    burn_signature_check,
    choose_keys,
    judge_claims,
    read_assertion,
    verify_signature,
)

CLIENT = "6c5a36a1-9b1f-4b4f-9a1e-0c7d3f1f2a01"
US = "https://localhost:8443/oidc/4711001"
AUDIENCES = frozenset({US, f"{US}/token"})
NOW_MS = NOW * 1000
KEYS = read_client_keys(public_set(RSA, EC, ED))
CLAIMS = make_claims(CLIENT, US)


def sign_with(member: dict[str, object]) -> str:
    """A good assertion with one more member in its header."""
    return sign(CLAIMS, RSA, "RS256", **member)


def judge(text: str, keys: tuple[ClientKey, ...] = KEYS, now: int = NOW_MS) -> Accepted:
    """The whole check, as the service does it."""
    assertion = read_assertion(text)
    if not verify_signature(assertion, choose_keys(assertion, keys)):
        raise AssertionRefused("signature")
    return judge_claims(assertion, CLIENT, AUDIENCES, now)


def reason(text: str, keys: tuple[ClientKey, ...] = KEYS) -> str:
    """Why an assertion is refused."""
    with pytest.raises(AssertionRefused) as refused:
        judge(text, keys)
    return refused.value.reason


@pytest.mark.parametrize(("alg", "key"), [("RS256", RSA), ("PS256", RSA), ("ES256", EC), ("EdDSA", ED)])
@pytest.mark.parametrize("kid", [True, False])
def test_every_algorithm_is_believed_with_and_without_a_key_id(alg: str, key: Key, *, kid: bool) -> None:
    text = sign(CLAIMS, key, alg, kid=key.kid if kid else None)
    assert judge(text) == Accepted("one", NOW_MS + 300_000)


def test_the_parametrised_algorithms_are_all_there_are() -> None:
    assert ALGORITHMS == ("RS256", "PS256", "ES256", "EdDSA")


@pytest.mark.parametrize("typ", ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"])
def test_the_types_of_assertions_are_believed(typ: str) -> None:
    assert judge(sign(CLAIMS, typ=typ)).jti == "one"


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "oauth-authz-req+jwt", ""])
def test_a_token_of_another_type_is_no_assertion(typ: str) -> None:
    assert reason(sign(CLAIMS, typ=typ)) == "assertion_type_refused"


@pytest.mark.parametrize("name", ["x5t", "x5t#S256", "nonce", "ppt"])
def test_a_header_member_that_means_nothing_here_does_no_harm(name: str) -> None:
    assert judge(sign_with({name: "abc"})).jti == "one"


# Signatures


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "HS256", "HS384", "HS512", "RS384", "RS1", "ES384", "Ed448", ""]
)
def test_other_algorithms_are_refused(alg: str) -> None:
    text = assemble({"alg": alg}, json.dumps(CLAIMS).encode())
    assert reason(text) == "assertion_algorithm_refused"


def test_an_unsigned_assertion_is_refused() -> None:
    header, payload = assemble({"alg": "none"}, json.dumps(CLAIMS).encode()).split(".")[:2]
    assert reason(f"{header}.{payload}.") == "assertion_malformed"


def test_a_mac_with_the_public_key_is_refused() -> None:
    signed = f"{encode(json.dumps({'alg': 'HS256', 'kid': 'rsa'}).encode())}.{encode(json.dumps(CLAIMS).encode())}"
    mac = hmac.digest(RSA.as_pem(private=False), signed.encode(), "sha256")
    assert reason(f"{signed}.{encode(mac)}") == "assertion_algorithm_refused"


@pytest.mark.parametrize(
    "member",
    [
        {"jwk": public_set(OTHER_RSA)["keys"]},
        {"jku": "https://attacker.example/keys"},
        {"x5u": "https://attacker.example/chain"},
        {"x5c": ["MIIB"]},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False},
        {"zip": "DEF"},
        {"enc": "A256GCM"},
        {"jwk": None},
    ],
)
def test_a_header_that_brings_its_own_key_or_must_be_understood_is_refused(member: dict[str, object]) -> None:
    text = assemble({"alg": "RS256", **member}, json.dumps(CLAIMS).encode())
    assert reason(text) == "assertion_header_refused"


def test_another_key_with_the_same_id_is_refused() -> None:
    assert reason(sign(CLAIMS, OTHER_RSA)) == "signature"


@pytest.mark.parametrize(("alg", "key", "kid"), [("RS256", RSA, "ec"), ("ES256", EC, "rsa"), ("RS256", RSA, "gone")])
def test_only_the_named_key_is_tried(alg: str, key: Key, kid: str) -> None:
    assert reason(sign(CLAIMS, key, alg, kid=kid)) == "signature"


def test_a_changed_payload_is_refused() -> None:
    header, _, signature = sign(CLAIMS).split(".")
    changed = encode(json.dumps({**CLAIMS, "jti": "two"}).encode())
    assert reason(f"{header}.{changed}.{signature}") == "signature"


def test_only_a_few_keys_are_tried_without_a_key_id() -> None:
    many = read_client_keys({"keys": [*[public(OTHER_RSA)] * 8, public(RSA)]})
    assert len(many) == 9
    assert reason(sign(CLAIMS, kid=None), many) == "signature"


def test_a_key_registered_for_one_algorithm_serves_no_other() -> None:
    pinned = read_client_keys({"keys": [public(RSA, alg="PS256")]})
    assert judge(sign(CLAIMS, alg="PS256"), pinned).jti == "one"
    assert reason(sign(CLAIMS, alg="RS256"), pinned) == "signature"


def test_burning_does_the_work_for_every_algorithm() -> None:
    for alg, key in (("RS256", RSA), ("PS256", RSA), ("ES256", EC), ("EdDSA", ED)):
        burn_signature_check(read_assertion(sign(CLAIMS, key, alg)))


# Claims


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"iss": "somebody"}, "assertion_subject_wrong"),
        ({"sub": "somebody"}, "assertion_subject_wrong"),
        ({"aud": "https://other.example"}, "assertion_audience_wrong"),
        ({"aud": US + "/"}, "assertion_audience_wrong"),
        ({"aud": []}, "assertion_audience_wrong"),
        ({"aud": [US, "https://other.example"]}, "assertion_audience_wrong"),
        ({"exp": NOW}, "assertion_expired"),
        ({"exp": NOW - 1}, "assertion_expired"),
        ({"exp": -1}, "assertion_expired"),
        ({"exp": NOW + 3_661}, "assertion_too_long_lived"),
        ({"exp": 1e300}, "assertion_too_long_lived"),
        ({"nbf": NOW + 61}, "assertion_from_the_future"),
        ({"iat": NOW + 61}, "assertion_from_the_future"),
        ({"jti": ""}, "assertion_claims_malformed"),
        ({"jti": 7}, "assertion_claims_malformed"),
        ({"exp": "soon"}, "assertion_claims_malformed"),
        ({"exp": True}, "assertion_claims_malformed"),
        ({"aud": {"a": 1}}, "assertion_claims_malformed"),
        ({"aud": [1]}, "assertion_claims_malformed"),
    ],
)
def test_claims_that_do_not_hold_are_refused(changes: dict[str, object], expected: str) -> None:
    assert reason(sign({**CLAIMS, **changes})) == expected


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "jti"])
def test_no_claim_may_be_missing(name: str) -> None:
    assert reason(sign(make_claims(CLIENT, US, **{name: None}))) == "assertion_claims_malformed"


def test_an_assertion_without_a_subject_names_no_client() -> None:
    assert reason(sign(make_claims(CLIENT, US, sub=None))) == "assertion_malformed"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [US]},
        {"aud": [US, f"{US}/token"]},
        {"aud": f"{US}/token"},
        {"exp": NOW + 1},
        {"exp": NOW + 0.5},
        {"exp": NOW + 3_660},
        {"nbf": NOW + 60},
        {"iat": NOW + 60},
        {"iat": None},
        {"more": {"of": "it"}},
    ],
)
def test_claims_at_their_limits_are_believed(changes: dict[str, object]) -> None:
    assert judge(sign(make_claims(CLIENT, US, **changes))).jti == "one"


def test_what_came_from_outside_is_shown_short_and_in_ascii() -> None:
    with pytest.raises(AssertionRefused) as refused:
        judge(sign({**CLAIMS, "iss": "\x00é" + "x" * 900}))
    assert refused.value.detail["got"].startswith("\\x00\\xe9xxx")
    assert len(refused.value.detail["got"]) < 300


# Texts


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "a.b.c",
        "é.b.c",
        "e30.e30.e30",
        "a b.c.d",
        sign(CLAIMS) + "=",
        sign(CLAIMS) + "\n",
    ],
)
def test_what_is_no_token_is_refused(text: str) -> None:
    assert reason(text) == "assertion_malformed"


def test_another_spelling_of_the_same_bytes_is_refused() -> None:
    text = sign(CLAIMS)
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = text[:-1] + last[last.index(text[-1]) ^ 1]
    pad = "=" * (-len(text.rpartition(".")[2]) % 4)
    same = base64.urlsafe_b64decode(text.rpartition(".")[2] + pad)
    assert base64.urlsafe_b64decode(other.rpartition(".")[2] + pad) == same
    assert reason(other) == "assertion_malformed"


@given(header=st.binary(max_size=80), payload=st.binary(max_size=80), signature=st.binary(min_size=1, max_size=80))
def test_any_bytes_are_refused_and_nothing_worse(header: bytes, payload: bytes, signature: bytes) -> None:
    text = f"{encode(header)}.{encode(payload)}.{encode(signature)}"
    assert reason(text).startswith("assertion_")


@given(
    claims=st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "exp", "jti", "iat", "nbf"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
            lambda children: st.lists(children, max_size=3),
            max_leaves=4,
        ),
    )
)
def test_any_claims_are_refused_or_believed_and_nothing_worse(claims: dict[str, JsonValue]) -> None:
    assertion = Assertion("RS256", None, CLIENT, b"", b"", json.dumps({**CLAIMS, **claims}).encode())
    outcome = "believed"
    try:
        judge_claims(assertion, CLIENT, AUDIENCES, NOW_MS)
    except AssertionRefused as refused:
        outcome = refused.reason
    assert outcome == "believed" or outcome.startswith("assertion_")


# Key sets


def test_public_members_alone_are_read_from_a_key() -> None:
    [key] = read_client_keys({"keys": [public(RSA, d="AQAB", p="AQAB")]})
    assert not key.key.is_private


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "k": "c2VjcmV0"},
        public(RSA, use="enc"),
        public(RSA, key_ops=["encrypt"]),
        public(RSA, alg="RS512"),
        public(RSA, alg=5),
        public(RSA, n=5),
        public(RSA, n=""),
        public(RSA, n="!"),
        public(RSA, e="A" * 40),
        {"kty": "RSA", "e": "AQAB"},
        {"kty": "RSA", "e": "AQAB", "n": encode(b"\xff" * 128)},
        {"kty": "RSA", "e": "AQAB", "n": encode(b"\xff" * 1040)},
        {"kty": "RSA", "e": "Ag", "n": encode(b"\xff" * 256)},
        {"kty": "RSA", "e": "AA", "n": encode(b"\xff" * 256)},
        public(ECKey.generate_key("P-384")),
        public(EC, y=encode(b"\x01" * 32)),
        public(OKPKey.generate_key("X25519")),
        public(OKPKey.generate_key("Ed448")),
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kty": "AKP"},
        {"kty": ["RSA"]},
        {},
        "text",
        None,
    ],
)
def test_a_key_that_cannot_be_used_is_passed_over(jwk: JsonValue) -> None:
    [usable] = read_client_keys({"keys": [jwk, public(EC)]})
    assert usable.key_id == "ec"


@pytest.mark.parametrize("document", [None, [], {}, "text", {"keys": {}}, {"keys": None}, {"keys": []}, 5])
def test_what_is_no_key_set_has_no_keys(document: JsonValue) -> None:
    assert read_client_keys(document) == ()


def test_no_more_keys_are_read_than_a_set_may_have() -> None:
    assert len(read_client_keys({"keys": [public(ED)] * (MOST_KEYS + 1)})) == MOST_KEYS


def test_a_small_rsa_key_is_no_key() -> None:
    with pytest.warns(SecurityWarning):
        small = RSAKey.generate_key(1024)
    assert read_client_keys(public_set(small)) == ()
