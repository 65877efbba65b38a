"""The public keys of a client: reading its JWK Set (RFC 7517 §5, RFC 7518 §6, RFC 8037 §2).

A key that this server cannot use is passed over, as the standard asks, so that a client may publish keys for others as
well. Private members are never read; symmetric keys are no keys here.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from switchbay.kit.jsonvalue import JsonValue

MOST_KEYS: Final = 32
"""Keys of a set beyond this number are not looked at."""
_ALGORITHMS: Final = {"RSA": ("RS256", "PS256"), "EC": ("ES256",), "OKP": ("EdDSA",)}
_MEMBERS: Final = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_LEAST_RSA_BITS: Final = 2_048
_MOST_RSA_BITS: Final = 8_192
_LONGEST_EXPONENT: Final = 6  # characters of base64url: 32 bits
_LONGEST_VALUE: Final = 1_400


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A public key, its id if it has one, and the algorithms that it may be used with."""

    key_id: str | None
    algorithms: frozenset[str]
    key: RSAKey | ECKey | OKPKey

    def serves(self, algorithm: str) -> bool:
        """Whether the key may verify signatures of this algorithm."""
        return algorithm in self.algorithms


def read_client_keys(document: JsonValue) -> tuple[ClientKey, ...]:
    """The keys of a set that can verify assertions; none when it is no key set at all."""
    members = document.get("keys") if isinstance(document, dict) else None
    found: list[ClientKey] = []
    for member in members[:MOST_KEYS] if isinstance(members, list) else []:
        key = _read_key(member) if isinstance(member, dict) else None
        if key is not None:
            found.append(key)
    return tuple(found)


def _read_key(jwk: dict[str, JsonValue]) -> ClientKey | None:
    kty, key_id, use, operations = jwk.get("kty"), jwk.get("kid"), jwk.get("use"), jwk.get("key_ops")
    if not isinstance(kty, str) or kty not in _MEMBERS or use not in (None, "sig"):
        return None
    if isinstance(operations, list) and "verify" not in operations:
        return None
    algorithms = _algorithms(kty, jwk.get("alg"))
    values = _public_members(kty, jwk)
    if not algorithms or values is None:
        return None
    try:
        key = _import(kty, values)
    except (JoseError, ValueError, KeyError, TypeError):
        return None
    return None if key is None else ClientKey(key_id if isinstance(key_id, str) else None, algorithms, key)


def _algorithms(kty: str, named: JsonValue) -> frozenset[str]:
    allowed: Sequence[str] = _ALGORITHMS[kty]
    if named is None:
        return frozenset(allowed)
    word = "EdDSA" if named == "Ed25519" else named
    return frozenset({word} & set(allowed)) if isinstance(word, str) else frozenset()


def _public_members(kty: str, jwk: dict[str, JsonValue]) -> dict[str, str] | None:
    values: dict[str, str] = {"kty": kty}
    for name in _MEMBERS[kty]:
        value = jwk.get(name)
        if not isinstance(value, str) or not value or len(value) > _LONGEST_VALUE:
            return None
        values[name] = value
    return values


def _import(kty: str, values: dict[str, str]) -> RSAKey | ECKey | OKPKey | None:
    """The key, when it is of a size and a curve that are used here."""
    if kty == "RSA":
        bits = int.from_bytes(_decode(values["n"]), "big").bit_length()
        # A long modulus or exponent makes every check slow, a short modulus makes it worthless.
        if len(values["e"]) > _LONGEST_EXPONENT or not _LEAST_RSA_BITS <= bits <= _MOST_RSA_BITS:
            return None
        return RSAKey.import_key({"kty": kty, "n": values["n"], "e": values["e"]})
    if kty == "EC":
        if values["crv"] != "P-256":
            return None
        return ECKey.import_key({"kty": kty, "crv": values["crv"], "x": values["x"], "y": values["y"]})
    if values["crv"] != "Ed25519":
        return None
    return OKPKey.import_key({"kty": kty, "crv": values["crv"], "x": values["x"]})


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
