"""Consumer identity: the connector's own id of a consumer, the platform's id made from it, and the ConsumerJWS.

The platform's id is an HMAC under a key of the account: stable, the same for every application of the account, and
neither guessable nor linkable between accounts.
"""

import hmac
import re

import msgspec

from switchbay.oauth.errors import consumer_id_invalid
from switchbay.oauth.protocol.app_token import IAT_LEEWAY_SECONDS
from switchbay.oauth.protocol.rfc7515_signature import TokenRefused

ISSUER = "Switchbay consumer identity"
SCOPE = "msg.consumer"
IDENTITY_KEY_BYTES = 32
LONGEST_EXT_CONSUMER_ID = 512
_LARGEST_NUMBER = 10**40
# Control characters, which no database column and no log line should meet, and halves of surrogate pairs.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class ConsumerClaims(msgspec.Struct, frozen=True):
    """The claims, in the order in which they are written. Times in epoch seconds."""

    account_id: str
    ext_consumer_id: str
    lp_consumer_id: str
    iss: str
    iat: int
    exp: int


_decoder = msgspec.json.Decoder(ConsumerClaims)


def read_ext_consumer_id(given: str | int) -> str:
    """The connector's id as text, exactly as it came; a whole number becomes its decimal digits.

    Raises ``consumer_id_invalid`` for an empty or overlong one and for one with control characters.
    """
    if isinstance(given, int) and abs(given) >= _LARGEST_NUMBER:
        raise consumer_id_invalid("is too large a number")
    text = str(given)
    if not text:
        raise consumer_id_invalid("is empty")
    if len(text) > LONGEST_EXT_CONSUMER_ID:
        raise consumer_id_invalid(f"is longer than {LONGEST_EXT_CONSUMER_ID} characters")
    if _FORBIDDEN.search(text):
        raise consumer_id_invalid("contains control characters")
    return text


def make_consumer_id(identity_key: bytes, ext_consumer_id: str) -> str:
    """The platform's id of a consumer: 64 hexadecimal digits."""
    return hmac.digest(identity_key, ext_consumer_id.encode("utf-8"), "sha256").hex()


def make_claims(account_id: str, ext_consumer_id: str, consumer_id: str, now_ms: int, lifetime_seconds: int) -> bytes:
    """The claims of a fresh token, as the bytes to sign."""
    iat = now_ms // 1000
    return msgspec.json.encode(
        ConsumerClaims(account_id, ext_consumer_id, consumer_id, ISSUER, iat, iat + lifetime_seconds)
    )


def judge_claims(payload: bytes, account_id: str, now_ms: int) -> ConsumerClaims:
    """The claims of a token with a good signature, if it is good here and now. Raises ``TokenRefused``."""
    try:
        claims = _decoder.decode(payload)
    except ValueError as error:
        raise TokenRefused("claims_malformed") from error
    if claims.iss != ISSUER:
        raise TokenRefused("issuer_wrong")
    if claims.account_id != account_id:
        raise TokenRefused("account_wrong")
    if claims.iat * 1000 > now_ms + IAT_LEEWAY_SECONDS * 1000:
        raise TokenRefused("issued_in_the_future")
    if now_ms >= claims.exp * 1000:
        raise TokenRefused("expired")
    return claims
