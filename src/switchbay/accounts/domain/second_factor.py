"""Second factors: one-time passwords by time (RFC 6238: SHA-1, six digits, 30 seconds) and recovery codes.

A code counts for its own step and one step to each side, for clocks that differ. Each step is taken once: a code that
somebody reads over a shoulder or off the wire is worth nothing after its owner has used it. A recovery code has 80
random bits and works once, so a plain digest of it is enough to keep.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyotp

from switchbay.kit.secret import Secret

SECRET_BYTES = 20
RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 10
RECENT_LOGIN_MS = 15 * 60 * 1_000
"""How old a login may be that sets up a second factor: an old session in wrong hands must not lock its user out."""
_STEP_MS = 30_000
_SKEW_STEPS = 1
_LONGEST_GIVEN = 64
_CODE = re.compile(r"[0-9]{6}")
_RECOVERY_CODE = re.compile(r"[a-z2-7]{16}")
_GROUP = 4


@dataclass(frozen=True, slots=True)
class SecondFactorState:
    """What may be told of a user's second factor. Times are epoch milliseconds; not confirmed: not asked for yet."""

    created_at: int
    confirmed_at: int | None
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs: the secret in base 32, and the same as an ``otpauth:`` URI for a QR code."""

    secret: Secret
    uri: Secret = field(repr=False)


def enrolment(secret: bytes, login_name: str, issuer: str) -> Enrolment:
    """Render a secret for an authenticator app, which shows it under both names."""
    text = base64.b32encode(secret).decode("ascii")
    # A colon parts the two names in the label of the URI, so neither may have one.
    name, issuer = (words.replace(":", " ").strip() or "-" for words in (login_name, issuer))
    return Enrolment(Secret(text), Secret(pyotp.TOTP(text).provisioning_uri(name=name, issuer_name=issuer)))


def read_code(given: Secret) -> str:
    """A code as people type it, without blanks and hyphens; empty when it cannot be one."""
    text = given.reveal()
    if len(text) > _LONGEST_GIVEN:
        return ""
    return re.sub(r"[\s-]", "", text).casefold()


def matching_step(secret: bytes, code: str, now: int, last_step: int) -> int | None:
    """The step whose code this is: about now, and after the last one that was taken."""
    if _CODE.fullmatch(code) is None:
        return None
    totp = pyotp.TOTP(base64.b32encode(secret).decode("ascii"))
    middle = now // _STEP_MS
    found: int | None = None
    for step in range(max(0, middle - _SKEW_STEPS), middle + _SKEW_STEPS + 1):
        if hmac.compare_digest(totp.generate_otp(step), code) and step > last_step and found is None:
            found = step
    return found


def recovery_code_from(random: bytes) -> Secret:
    """A recovery code as it is shown: four groups of letters and digits that look like nothing else."""
    text = base64.b32encode(random).decode("ascii").lower()
    return Secret("-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP)))


def recovery_hash(code: str) -> str:
    """The form in which a recovery code is stored."""
    return hashlib.sha256(read_code(Secret(code)).encode("utf-8", "surrogatepass")).hexdigest()


def without_recovery_code(hashes: Sequence[str], code: str) -> tuple[str, ...] | None:
    """The stored codes without the one given; None when it is none of them."""
    if _RECOVERY_CODE.fullmatch(code) is None:
        return None
    given = recovery_hash(code)
    rest = tuple(known for known in hashes if not hmac.compare_digest(known, given))
    return None if len(rest) == len(hashes) else rest
