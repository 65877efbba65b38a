"""Signed tokens: RS256 and nothing else, one spelling only."""

import base64
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from switchbay.oauth.protocol.rfc7515_signature import TokenRefused, read_kid, sign, verify
from switchbay.oauth.protocol.rfc7517_keys import (
    generate_key,
    load_private_key,
    load_public_key,
    render_key_set,
)

NEW = generate_key()
PRIVATE = load_private_key(NEW.private_der)
PUBLIC = load_public_key(NEW.public_jwk)
PAYLOAD = b'{"a":1}'
TOKEN = sign(PAYLOAD, NEW.kid, PRIVATE)


def segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def with_header(header: object) -> str:
    return segment(json.dumps(header).encode()) + TOKEN[TOKEN.index(".") :]


def refusal_of_header(token: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        read_kid(token)
    return str(refused.value)


def test_the_header_has_exactly_three_members() -> None:
    header = TOKEN.partition(".")[0]
    decoded = json.loads(base64.urlsafe_b64decode(header + "=="))
    assert decoded == {"kid": NEW.kid, "typ": "JWT", "alg": "RS256"}


def test_a_token_that_was_signed_verifies() -> None:
    assert read_kid(TOKEN) == NEW.kid
    assert verify(TOKEN, PUBLIC) == PAYLOAD


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "RS384", "RS512", "PS256", "ES256", "rs256", ""])
def test_every_other_algorithm_is_refused_by_name(algorithm: str) -> None:
    token = with_header({"kid": NEW.kid, "typ": "JWT", "alg": algorithm})
    assert refusal_of_header(token) == "algorithm_not_allowed"


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["b64"], "b64": False},
        {"jku": "https://attacker.example/jwks"},
        {"x5u": "https://attacker.example/cert"},
        {"jwk": {"kty": "RSA"}},
        {"zip": "DEF"},
        {"cty": "JWT"},
    ],
)
def test_a_header_that_says_more_is_refused(extra: Mapping[str, object]) -> None:
    token = with_header({"kid": NEW.kid, "typ": "JWT", "alg": "RS256", **extra})
    assert refusal_of_header(token) == "header_malformed"


@pytest.mark.parametrize(
    "header", [[], "alg", 1, None, {}, {"kid": NEW.kid}, {"kid": 1, "typ": "JWT", "alg": "RS256"}, {"alg": "RS256"}]
)
def test_a_header_of_another_shape_is_refused(header: object) -> None:
    assert refusal_of_header(with_header(header)) == "header_malformed"


@pytest.mark.parametrize("kid", ["", "\x00", "a b", "é", "x" * 129, "../key"])
def test_a_key_id_that_no_key_can_have_is_refused(kid: str) -> None:
    assert refusal_of_header(with_header({"kid": kid, "typ": "JWT", "alg": "RS256"})) == "key_unknown"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a",
        "a.b",
        "a.b.c",
        TOKEN + ".x",
        TOKEN + "=",
        TOKEN[:-1],
        TOKEN + "A",
        TOKEN.replace(".", ". "),
        "." + TOKEN,
        TOKEN.rpartition(".")[0] + ".",
        "\x00" + TOKEN,
        "é" + TOKEN,
    ],
)
def test_what_is_not_three_segments_with_a_signature_of_the_right_size_is_refused(token: str) -> None:
    assert refusal_of_header(token) == "not_compact"


def test_a_signature_has_one_spelling_only() -> None:
    last = TOKEN[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    sibling = alphabet[alphabet.index(last) ^ 1]  # differs in bits that carry nothing
    with pytest.raises(TokenRefused, match="signature_wrong"):
        verify(TOKEN[:-1] + sibling, PUBLIC)


def test_a_tampered_payload_is_refused() -> None:
    head, _, signature = TOKEN.split(".")
    with pytest.raises(TokenRefused, match="signature_wrong"):
        verify(f"{head}.{segment(b'{}')}.{signature}", PUBLIC)


def test_a_key_does_not_verify_what_another_signed() -> None:
    with pytest.raises(TokenRefused, match="signature_wrong"):
        verify(TOKEN, load_public_key(generate_key().public_jwk))


@given(st.text(max_size=80))
def test_any_text_is_refused_without_another_exception(text: str) -> None:
    with pytest.raises(TokenRefused):
        read_kid(text)


def test_a_published_key_shows_no_private_part() -> None:
    assert set(json.loads(NEW.public_jwk)) == {"kty", "use", "alg", "kid", "n", "e"}


def test_the_key_id_is_the_thumbprint_of_the_public_key() -> None:
    jwk = json.loads(NEW.public_jwk)
    assert NEW.kid == RSAKey.import_key({"kty": "RSA", "n": jwk["n"], "e": jwk["e"]}).thumbprint()


def test_a_key_has_2048_bits() -> None:
    assert PUBLIC.public_key.key_size == 2_048


def test_the_key_set_is_json_of_all_keys() -> None:
    assert json.loads(render_key_set([NEW.public_jwk])) == {"keys": [json.loads(NEW.public_jwk)]}
    assert render_key_set([]) == b'{"keys":[]}'
