"""Signing keys and the published key set (RFC 7517, RFC 7518 §6, key ids by RFC 7638)."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, RSAKey

from switchbay.oauth.domain import Algorithm
from switchbay.oauth.protocol.rfc7515_signature import PrivateKey, PublicKey

KEY_BITS = 2_048
_EXPONENT = 65_537


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key pair that was just made: the private part as PKCS #8, the public part as JSON Web Key text."""

    kid: str
    private_der: bytes
    public_jwk: str


def generate_key(alg: Algorithm = Algorithm.RS256) -> NewKey:
    """Make a key pair: RSA with 2,048 bits, or P-256.

    An RSA key takes some tens of milliseconds, seconds on a bad day: call this in a thread.
    """
    private: PrivateKey
    public: PublicKey
    if alg is Algorithm.RS256:
        private = rsa.generate_private_key(_EXPONENT, KEY_BITS)
        public = RSAKey.import_key(private.public_key())
    else:
        private = ec.generate_private_key(ec.SECP256R1())
        public = ECKey.import_key(private.public_key())
    der = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    kid = public.thumbprint()
    members = {name: value for name, value in public.as_dict(private=False).items() if name not in {"kty", "kid"}}
    jwk = {"kty": public.key_type, "use": "sig", "alg": alg.value, "kid": kid, **members}
    return NewKey(kid, der, msgspec.json.encode(jwk).decode("ascii"))


def load_private_key(der: bytes) -> PrivateKey:
    """Read a private key that the vault has opened.

    The vault has authenticated the bytes, and this program made them, so the primality checks, which take forty
    milliseconds, are left out.
    """
    private = serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError("a signing key is an RSA key or one of an elliptic curve")
    return private


def load_public_key(public_jwk: str) -> PublicKey:
    """Read a public key from its JSON Web Key text."""
    members = msgspec.json.decode(public_jwk, type=dict[str, str | list[str]])
    return RSAKey.import_key(members) if members["kty"] == "RSA" else ECKey.import_key(members)


def render_key_set(public_jwks: Iterable[str]) -> bytes:
    """The JWK Set document of keys that are JSON text already (RFC 7517 §5)."""
    return ('{"keys":[' + ",".join(public_jwks) + "]}").encode("ascii")
