"""Client assertions as clients make them, and as attackers do: any header, any claims, any key."""

import base64
import json
from collections.abc import Mapping

from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from switchbay.kit.jsonvalue import JsonValue
from switchbay.oauth.protocol.rfc6749_client_authentication import ASSERTION_TYPE

Key = RSAKey | ECKey | OKPKey
NOW = 1_700_000_000
"""The test clock's first second."""

RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def assemble(header: Mapping[str, object], payload: bytes, signature: bytes = b"none") -> str:
    """A compact JWS of these parts, whatever they say."""
    return f"{encode(json.dumps(header).encode())}.{encode(payload)}.{encode(signature)}"


def public(key: Key, **changes: JsonValue) -> dict[str, JsonValue]:
    """The public part as a JSON Web Key, with other members put in."""
    shown: dict[str, JsonValue] = {}
    for name, value in key.as_dict(private=False).items():
        shown[name] = value if isinstance(value, str) else [*value]
    return {**shown, **changes}


def public_set(*keys: Key) -> dict[str, JsonValue]:
    """The public keys as a JWK Set."""
    return {"keys": [public(key) for key in keys]}


def make_claims(client_id: str, audience: object, **changes: object) -> dict[str, object]:
    """The claims of a good assertion with others put in; None takes one out."""
    claims: dict[str, object] = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": NOW,
        "exp": NOW + 300,
        "jti": "one",
    }
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def sign(claims: Mapping[str, object], key: Key = RSA, alg: str = "RS256", **header: object) -> str:
    """Sign claims; further members of the header may be given, ``kid=None`` leaves it out."""
    full = {"alg": alg, "kid": key.kid, **header}
    text = {name: value for name, value in full.items() if value is not None}
    signed = f"{encode(json.dumps(text).encode())}.{encode(json.dumps(claims).encode())}"
    model = JWSRegistry.algorithms["Ed25519" if alg == "EdDSA" else alg]
    return f"{signed}.{encode(model.sign(signed.encode(), key))}"


def form(assertion: str, **more: str) -> dict[str, str]:
    """The parameters that carry an assertion."""
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion, **more}
