"""Signed tokens: RS256 and ES256 and nothing else, of the expected type, one spelling only."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from switchbay.oauth.domain import Algorithm
from switchbay.oauth.protocol.rfc7515_signature import PrivateKey, PublicKey, TokenRefused, read_header, sign, verify
from switchbay.oauth.protocol.rfc7517_keys import (
    NewKey,
    generate_key,
    load_private_key,
    load_public_key,
    render_key_set,
)

PAYLOAD = b'{"a":1}'
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True)
class Signer:
    """A key pair and what it signed."""

    alg: Algorithm
    new: NewKey
    private: PrivateKey
    public: PublicKey
    token: str

    def with_header(self, header: object) -> str:
        return segment(json.dumps(header).encode()) + self.token[self.token.index(".") :]

    def header(self, **changes: object) -> dict[str, object]:
        return {"kid": self.new.kid, "typ": "JWT", "alg": self.alg.value, **changes}


def make_signer(alg: Algorithm) -> Signer:
    new = generate_key(alg)
    private = load_private_key(new.private_der)
    return Signer(alg, new, private, load_public_key(new.public_jwk), sign(PAYLOAD, new.kid, private))


def segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unsegment(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


RSA = make_signer(Algorithm.RS256)
EC = make_signer(Algorithm.ES256)
both = pytest.mark.parametrize("signer", [RSA, EC], ids=["RS256", "ES256"])


def refusal_of_header(token: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        read_header(token)
    return str(refused.value)


def refusal_of_signature(token: str, key: PublicKey) -> str:
    with pytest.raises(TokenRefused) as refused:
        verify(token, key)
    return str(refused.value)


@both
def test_the_header_has_exactly_three_members(signer: Signer) -> None:
    assert json.loads(unsegment(signer.token.partition(".")[0])) == signer.header()


@both
def test_a_token_that_was_signed_verifies(signer: Signer) -> None:
    assert read_header(signer.token).kid == signer.new.kid
    assert verify(signer.token, signer.public) == PAYLOAD


@both
def test_another_library_verifies_what_was_signed(signer: Signer) -> None:
    key = (RSAKey if signer is RSA else ECKey).import_key(json.loads(signer.new.public_jwk))
    assert jws.deserialize_compact(signer.token, key, algorithms=[signer.alg.value]).payload == PAYLOAD


def test_a_signature_of_es256_always_has_64_bytes() -> None:
    # One in 256 numbers is shorter than 32 bytes, and DER writes half of them with a byte more.
    for number in range(1_000):
        token = sign(str(number).encode(), EC.new.kid, EC.private)
        assert len(unsegment(token.rpartition(".")[2])) == 64
        assert verify(token, EC.public) == str(number).encode()


@both
def test_a_token_has_the_type_that_was_asked_for_and_is_believed_as_no_other(signer: Signer) -> None:
    token = sign(PAYLOAD, signer.new.kid, signer.private, typ="at+jwt")
    assert read_header(token, {"at+jwt", "logout+jwt"}).typ == "at+jwt"
    with pytest.raises(TokenRefused, match="type_wrong"):
        read_header(token)
    with pytest.raises(TokenRefused, match="type_wrong"):
        read_header(signer.token, {"at+jwt"})


@both
@pytest.mark.parametrize(
    "algorithm", ["none", "None", "HS256", "RS384", "RS512", "PS256", "ES384", "rs256", "EdDSA", ""]
)
def test_every_other_algorithm_is_refused_by_name(signer: Signer, algorithm: str) -> None:
    assert refusal_of_header(signer.with_header(signer.header(alg=algorithm))) == "algorithm_not_allowed"


def test_a_token_without_a_signature_is_refused() -> None:
    head = segment(json.dumps(RSA.header(alg="none")).encode())
    assert refusal_of_header(f"{head}.{segment(PAYLOAD)}.") == "not_compact"


@both
def test_a_secret_made_of_the_public_key_signs_nothing(signer: Signer) -> None:
    public = signer.private.public_key()
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        signer.new.public_jwk.encode(),
        signer.new.kid.encode(),
    ]
    for secret in secrets:
        key = OctKey.import_key(base64.urlsafe_b64encode(secret).decode())
        key.get_op_key("sign")
        forged = jws.serialize_compact(signer.header(alg="HS256"), PAYLOAD, key, algorithms=["HS256"])
        assert refusal_of_header(forged) == "not_compact"
        claimed = signer.with_header(signer.header()).rpartition(".")[0] + "." + forged.rpartition(".")[2]
        assert refusal_of_header(claimed) == "not_compact"
        assert refusal_of_signature(forged, signer.public) == "signature_wrong"


@both
@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"crit": ["exp"], "exp": 1},
        {"jku": "https://attacker.example/jwks"},
        {"x5u": "https://attacker.example/cert"},
        {"x5c": ["MIIB"]},
        {"x5t": "abc"},
        {"zip": "DEF"},
        {"cty": "JWT"},
        {"KID": "x"},
    ],
)
def test_a_header_that_says_more_is_refused(signer: Signer, extra: Mapping[str, object]) -> None:
    assert refusal_of_header(signer.with_header(signer.header(**extra))) == "header_malformed"


@both
def test_a_token_that_brings_its_own_key_is_refused_though_its_signature_is_good(signer: Signer) -> None:
    key: RSAKey | ECKey = RSAKey.generate_key(2_048) if signer is RSA else ECKey.generate_key("P-256")
    header = {**signer.header(), "jwk": key.as_dict(private=False)}
    forged = jws.serialize_compact(header, PAYLOAD, key, algorithms=[signer.alg.value])
    # A header that holds an RSA key is longer than any of ours.
    assert refusal_of_header(forged) == ("not_compact" if signer is RSA else "header_malformed")
    assert refusal_of_signature(forged, signer.public) == "signature_wrong"


@pytest.mark.parametrize(
    "header",
    [
        [],
        "alg",
        1,
        None,
        {},
        {"kid": "k"},
        {"kid": 1, "typ": "JWT", "alg": "RS256"},
        {"alg": "RS256"},
        {"kid": "k", "alg": "RS256"},
    ],
)
def test_a_header_of_another_shape_is_refused(header: object) -> None:
    assert refusal_of_header(RSA.with_header(header)) == "header_malformed"


def test_of_a_member_that_stands_twice_the_algorithm_that_counts_is_still_one_of_ours() -> None:
    twice = f'{{"kid":"{RSA.new.kid}","typ":"JWT","alg":"RS256","alg":"none"}}'
    assert refusal_of_header(segment(twice.encode()) + RSA.token[RSA.token.index(".") :]) == "algorithm_not_allowed"


@pytest.mark.parametrize("kid", ["", "\x00", "a b", "é", "x" * 129, "../key"])
def test_a_key_id_that_no_key_can_have_is_refused(kid: str) -> None:
    assert refusal_of_header(RSA.with_header(RSA.header(kid=kid))) == "key_unknown"


@both
def test_what_is_not_three_segments_with_a_signature_of_the_right_size_is_refused(signer: Signer) -> None:
    token = signer.token
    for bad in (
        "",
        "a",
        "a.b",
        "a.b.c",
        token + ".x",
        token + "=",
        token[:-1],
        token + "A",
        token + "\n",
        token.replace(".", ". "),
        "." + token,
        token.rpartition(".")[0] + ".",
        "\x00" + token,
        "é" + token,
    ):
        assert refusal_of_header(bad) == "not_compact"


def test_a_signature_of_the_other_algorithms_length_is_refused() -> None:
    for signer, other in ((RSA, EC), (EC, RSA)):
        mixed = signer.token.rpartition(".")[0] + "." + other.token.rpartition(".")[2]
        assert refusal_of_header(mixed) == "signature_wrong"
        assert refusal_of_signature(mixed, signer.public) == "signature_wrong"


@both
def test_each_segment_has_one_spelling_only(signer: Signer) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = sign(b'{"a":12}', signer.new.kid, signer.private)  # 8 bytes: their last character has bits to spare
    assert verify(token, signer.public) == b'{"a":12}'
    head, payload, signature = token.split(".")

    def sibling(text: str) -> str:
        other = text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]  # differs in bits that carry nothing
        assert unsegment(other) == unsegment(text)
        return other

    assert refusal_of_signature(f"{head}.{payload}.{sibling(signature)}", signer.public) == "signature_wrong"
    assert refusal_of_signature(f"{head}.{sibling(payload)}.{signature}", signer.public) == "signature_wrong"


@pytest.mark.parametrize(
    ("r", "s"),
    [(0, 0), (0, 1), (1, 0), (1, 1), (_P256_ORDER, 1), (1, _P256_ORDER), (_P256_ORDER, _P256_ORDER), (2**256 - 1,) * 2],
)
def test_numbers_that_no_signature_of_es256_has_are_refused(r: int, s: int) -> None:
    forged = EC.token.rpartition(".")[0] + "." + segment(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    read_header(forged)
    assert refusal_of_signature(forged, EC.public) == "signature_wrong"


@pytest.mark.parametrize("number", [0, 1, 2**2048 - 1])
def test_numbers_that_no_signature_of_rs256_is_are_refused(number: int) -> None:
    forged = RSA.token.rpartition(".")[0] + "." + segment(number.to_bytes(256, "big"))
    read_header(forged)
    assert refusal_of_signature(forged, RSA.public) == "signature_wrong"


def test_a_signature_in_der_is_refused() -> None:
    head = EC.token.rpartition(".")[0]
    assert isinstance(EC.private, ec.EllipticCurvePrivateKey)
    der = EC.private.sign(head.encode(), ec.ECDSA(hashes.SHA256()))
    assert refusal_of_signature(f"{head}.{segment(der)}", EC.public) == "signature_wrong"


@both
def test_a_tampered_payload_is_refused(signer: Signer) -> None:
    head, _, signature = signer.token.split(".")
    assert refusal_of_signature(f"{head}.{segment(b'{}')}.{signature}", signer.public) == "signature_wrong"


@both
def test_a_key_does_not_verify_what_another_signed(signer: Signer) -> None:
    other = load_public_key(generate_key(signer.alg).public_jwk)
    assert refusal_of_signature(signer.token, other) == "signature_wrong"


@given(st.text(max_size=80))
def test_any_text_is_refused_without_another_exception(text: str) -> None:
    with pytest.raises(TokenRefused):
        read_header(text)


@given(st.binary(min_size=1, max_size=60), st.binary(max_size=60), st.sampled_from([64, 256]), st.data())
def test_any_segments_are_refused_without_another_exception(
    head: bytes, payload: bytes, size: int, data: st.DataObject
) -> None:
    signature = data.draw(st.binary(min_size=size, max_size=size))
    token = f"{segment(head)}.{segment(payload)}.{segment(signature)}"
    with pytest.raises(TokenRefused):
        read_header(token)
    for key in (RSA.public, EC.public):
        with pytest.raises(TokenRefused):
            verify(token, key)


def test_a_published_key_shows_no_private_part() -> None:
    assert set(json.loads(RSA.new.public_jwk)) == {"kty", "use", "alg", "kid", "n", "e"}
    assert set(json.loads(EC.new.public_jwk)) == {"kty", "use", "alg", "kid", "crv", "x", "y"}


@both
def test_the_key_id_is_the_thumbprint_of_the_public_key(signer: Signer) -> None:
    jwk = json.loads(signer.new.public_jwk)
    key = (RSAKey if signer is RSA else ECKey).import_key(
        {name: value for name, value in jwk.items() if name not in {"kid", "use", "alg"}}
    )
    assert signer.new.kid == jwk["kid"] == key.thumbprint()


def test_keys_have_the_sizes_of_their_algorithms() -> None:
    assert isinstance(RSA.private, rsa.RSAPrivateKey)
    assert (RSA.private.key_size, RSA.private.public_key().public_numbers().e) == (2_048, 65_537)
    assert isinstance(EC.private, ec.EllipticCurvePrivateKey)
    assert EC.private.curve.name == "secp256r1"


def test_the_key_set_is_json_of_all_keys() -> None:
    keys = [RSA.new.public_jwk, EC.new.public_jwk]
    assert json.loads(render_key_set(keys)) == {"keys": [json.loads(key) for key in keys]}
    assert render_key_set([]) == b'{"keys":[]}'
