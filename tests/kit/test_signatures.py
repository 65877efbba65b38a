"""Webhook signatures, against values captured from real clients."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from switchbay.kit.signatures import (
    sign,
    sign_v1,
    sign_v1a,
    signed_content,
    verify,
    webhook_public_key,
    webhook_secret,
)

_BODY = '{"text":"é😀"}'.encode()


def test_the_captured_bodies_have_the_captured_signatures(shared: Path) -> None:
    vectors = json.loads((shared / "examples" / "signed-bodies.json").read_text())
    assert len(vectors) == 2
    for vector in vectors:
        secret, body = vector["secret"].encode(), vector["body"].encode()
        assert sign(secret, body) == "sha1=" + vector["sha1_base64"]
        assert sign(secret, body, "sha256") == "sha256=" + vector["sha256_base64"]


def test_the_default_is_sha1_in_base64() -> None:
    assert sign(b"key", b"The quick brown fox jumps over the lazy dog") == "sha1=3nybhbi3iqa8ino29wqQcBydtNk="


def test_hex_is_lower_case() -> None:
    expected = "sha1=de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9"
    assert sign(b"key", b"The quick brown fox jumps over the lazy dog", "sha1", "hex") == expected


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize("encoding", ["base64", "hex"])
def test_every_form_verifies(algorithm: str, encoding: str) -> None:
    assert verify(b"key", _BODY, sign(b"key", _BODY, algorithm, encoding))  # type: ignore[arg-type]  # parametrised


@pytest.mark.parametrize("header", ["", "sha1", "sha1=", "md5=x", "sha1=é", "SHA1=de7c", "sha1=de7c9b85"])
def test_a_forged_header_does_not_verify(header: str) -> None:
    assert not verify(b"key", _BODY, header)


def test_one_changed_byte_does_not_verify() -> None:
    assert not verify(b"key", _BODY + b" ", sign(b"key", _BODY))


# Standard Webhooks: the vectors that its reference implementations share

_ID, _SECONDS, _PAYLOAD = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'


def test_the_symmetric_vector_of_standard_webhooks_is_met() -> None:
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    content = signed_content(_ID, _SECONDS, _PAYLOAD)
    assert sign_v1(secret, content) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert webhook_secret(secret) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_asymmetric_vector_of_standard_webhooks_is_met() -> None:
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode("6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="))
    content = signed_content(_ID, _SECONDS, _PAYLOAD)
    expected = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    assert sign_v1a(key, content) == expected
    public_key = key.public_key().public_bytes_raw()
    assert webhook_public_key(public_key) == "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
