"""Client authentication with a signed assertion: ``private_key_jwt`` (RFC 7523 §2.2 and §3, OpenID Connect Core §9).

The signature is checked with the keys that the client registered and nothing else: a header that brings a key of its
own, or points to one, or names extensions that must be understood is refused before any key is looked at (RFC 8725
§3.1). An assertion serves one server, for at most an hour, once.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from switchbay.oauth.protocol.rfc7517_client_keys import ClientKey, read_client_keys

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
LONGEST_LIFE_MS: Final = 3_600_000
"""How far ahead ``exp`` may be. Common clients sign for an hour; each assertion counts once whatever it says."""
LEEWAY_MS: Final = 60_000
"""How far a client's clock may be ahead of ours."""

# RFC 9864 names the one curve that is meant; the algorithm is the same.
_MODELS: Final = {name: JWSRegistry.algorithms["Ed25519" if name == "EdDSA" else name] for name in ALGORITHMS}
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]{1,2048})\.([A-Za-z0-9_-]{1,6000})\.([A-Za-z0-9_-]{1,1400})")
_FORBIDDEN_MEMBERS: Final = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"})
_TYPES: Final = frozenset({"jwt", "client-authentication+jwt"})
_MOST_TRIED: Final = 8
_LONGEST_SHOWN: Final = 250
_LATEST: Final = 32_503_680_000  # the year 3000: no date that a number of milliseconds could not hold

# Keys that nobody signs with: the base points of the two curves, and a modulus of ones.
_DECOYS: Final = read_client_keys(
    {
        "keys": [
            {"kty": "RSA", "n": "_" * 341 + "w", "e": "AQAB"},
            {
                "kty": "EC",
                "crv": "P-256",
                "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
                "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
            },
            {"kty": "OKP", "crv": "Ed25519", "x": "WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY"},
        ]
    }
)


class AssertionRefused(Exception):
    """An assertion that is not believed; ``reason`` and ``detail`` are for the log of the client's developer."""

    def __init__(self, reason: str, **detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = {name: _shown(text) for name, text in detail.items()}


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion taken apart, nothing in it believed yet. ``subject`` is who it claims to come from."""

    algorithm: str
    key_id: str | None
    subject: str
    signed: bytes
    signature: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is left of an assertion that was believed: its id, to be used once until it is over (epoch ms)."""

    jti: str
    expires_at: int


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str | None = None
    typ: str | None = None


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str | list[str]
    exp: int | float
    jti: str
    iat: int | float | None = None
    nbf: int | float | None = None


class _Subject(msgspec.Struct, frozen=True):
    sub: str


_any_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_header = msgspec.json.Decoder(_Header)
_claims = msgspec.json.Decoder(_Claims)
_subject = msgspec.json.Decoder(_Subject)


def read_assertion(text: str) -> Assertion:
    """Take an assertion apart. Raises ``AssertionRefused``."""
    parts = _COMPACT.fullmatch(text)
    if parts is None:
        raise AssertionRefused("assertion_malformed")
    try:
        raw, payload, signature = (_decode_segment(parts[place]) for place in (1, 2, 3))
        members = frozenset(_any_object.decode(raw))
        header = _header.decode(raw)
        subject = _subject.decode(payload).sub
    except (ValueError, RecursionError) as error:
        raise AssertionRefused("assertion_malformed") from error
    forbidden = sorted(members & _FORBIDDEN_MEMBERS)
    if forbidden:
        raise AssertionRefused("assertion_header_refused", got=", ".join(forbidden))
    if header.alg not in _MODELS:
        raise AssertionRefused("assertion_algorithm_refused", expected=" ".join(ALGORITHMS), got=header.alg)
    if header.typ is not None and header.typ.lower().removeprefix("application/") not in _TYPES:
        raise AssertionRefused("assertion_type_refused", expected="JWT", got=header.typ)
    signed = text.rpartition(".")[0].encode("ascii")
    return Assertion(header.alg, header.kid, subject, signed, signature, payload)


def choose_keys(assertion: Assertion, keys: Sequence[ClientKey]) -> Sequence[ClientKey]:
    """The client's keys that may have made the signature: the one it names, else those of the right kind, a few."""
    fitting = [key for key in keys if key.serves(assertion.algorithm)]
    if assertion.key_id is not None:
        fitting = [key for key in fitting if key.key_id == assertion.key_id]
    return fitting[:_MOST_TRIED]


def verify_signature(assertion: Assertion, keys: Sequence[ClientKey]) -> bool:
    """Whether one of the keys made the signature."""
    model = _MODELS[assertion.algorithm]
    for key in keys:
        try:
            model.check_key(key.key)
            if model.verify(assertion.signed, assertion.signature, key.key):
                return True
        except (JoseError, ValueError):
            continue
    return False


def burn_signature_check(assertion: Assertion) -> None:
    """The work of ``verify_signature`` where there is no key to check with, so that time does not tell."""
    verify_signature(assertion, [key for key in _DECOYS if key.serves(assertion.algorithm)])


def judge_claims(assertion: Assertion, client_id: str, audiences: frozenset[str], now: int) -> Accepted:
    """Judge an assertion whose signature was good; ``now`` in epoch milliseconds. Raises ``AssertionRefused``.

    Every audience must be this server: one that another server would accept as well could be replayed by it.
    """
    try:
        claims = _claims.decode(assertion.payload)
    except (ValueError, RecursionError) as error:
        raise AssertionRefused("assertion_claims_malformed", got=str(error)) from error
    if claims.iss != client_id or claims.sub != client_id:
        raise AssertionRefused("assertion_subject_wrong", expected=client_id, got=claims.iss)
    given = {claims.aud} if isinstance(claims.aud, str) else set(claims.aud)
    if not given or not given <= audiences:
        strange = " ".join(sorted(given - audiences))
        raise AssertionRefused("assertion_audience_wrong", expected=" or ".join(sorted(audiences)), got=strange)
    expires_at = _milliseconds(claims.exp)
    if expires_at <= now:
        raise AssertionRefused("assertion_expired", expected=f"exp after {now // 1000}", got=str(claims.exp))
    if expires_at > now + LONGEST_LIFE_MS + LEEWAY_MS:
        latest = (now + LONGEST_LIFE_MS) // 1000
        raise AssertionRefused("assertion_too_long_lived", expected=f"exp up to {latest}", got=str(claims.exp))
    for name, value in (("nbf", claims.nbf), ("iat", claims.iat)):
        if value is not None and _milliseconds(value) > now + LEEWAY_MS:
            raise AssertionRefused("assertion_from_the_future", expected=f"{name} up to {now // 1000}", got=str(value))
    if not claims.jti:
        raise AssertionRefused("assertion_claims_malformed", got="an empty jti")
    return Accepted(claims.jti, expires_at)


def _milliseconds(seconds: float) -> int:
    """A NumericDate (RFC 7519 §2) in milliseconds; what lies outside of all calendars is cut to their end."""
    return int(max(0, min(seconds, _LATEST)) * 1000)


def _decode_segment(text: str) -> bytes:
    """Decode base64url and refuse every spelling but the canonical one."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii") != text:
        raise ValueError("not canonical")
    return data


def _shown(text: str) -> str:
    """A text that came from outside as a log can hold it: short, printable, ASCII."""
    return text[:_LONGEST_SHOWN].encode("unicode_escape").decode("ascii")
