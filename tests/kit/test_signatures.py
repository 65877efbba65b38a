"""Webhook signatures, against values captured from real clients."""

import json
from pathlib import Path

import pytest

from switchbay.kit.signatures import sign, verify

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
