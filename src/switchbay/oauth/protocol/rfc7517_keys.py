"""Signing keys and the published key set (RFC 7517, RFC 7518 §6.3, key ids by RFC 7638)."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import RSAKey

from switchbay.oauth.protocol.rfc7515_signature import ALGORITHM

KEY_BITS = 2_048
_EXPONENT = 65_537


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key pair that was just made: the private part as PKCS #8, the public part as JSON Web Key text."""

    kid: str
    private_der: bytes
    public_jwk: str


def generate_key() -> NewKey:
    """Make a key pair. Takes some tens of milliseconds, seconds on a bad day: call it in a thread."""
    private = rsa.generate_private_key(_EXPONENT, KEY_BITS)
    der = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = RSAKey.import_key(private.public_key())
    kid = key.thumbprint()
    jwk = {"kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": kid, **key.as_dict(private=False)}
    return NewKey(kid, der, msgspec.json.encode(jwk).decode("ascii"))


def load_private_key(der: bytes) -> RSAKey:
    """Read a private key that the vault has opened.

    The vault has authenticated the bytes, and this program made them, so the primality checks, which take forty
    milliseconds, are left out.
    """
    private = serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError("a signing key is an RSA key")
    return RSAKey.import_key(private)


def load_public_key(public_jwk: str) -> RSAKey:
    """Read a public key from its JSON Web Key text."""
    return RSAKey.import_key(msgspec.json.decode(public_jwk, type=dict[str, str | list[str]]))


def render_key_set(public_jwks: Iterable[str]) -> bytes:
    """The JWK Set document of keys that are JSON text already (RFC 7517 §5)."""
    return ('{"keys":[' + ",".join(public_jwks) + "]}").encode("ascii")
