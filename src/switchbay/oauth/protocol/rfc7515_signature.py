"""Signed tokens (RFC 7515, RFC 7519) as this server makes and reads them: RS256 and nothing else.

A token's header has exactly the members ``kid``, ``typ`` and ``alg``. Whatever else a header could say (another
algorithm, a key of its own, critical extensions) is refused before any key is looked at (RFC 8725 §3.1).
"""

import base64
import re

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

ALGORITHM = "RS256"
_TYPE = "JWT"
_COMPACT = re.compile(r"([A-Za-z0-9_-]{1,512})\.([A-Za-z0-9_-]{1,15000})\.([A-Za-z0-9_-]{342})")
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_REGISTRY = jws.JWSRegistry(algorithms=[ALGORITHM])


class TokenRefused(Exception):
    """A token that is not believed; the text is a stable word for the log."""


class _Header(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    kid: str
    typ: str
    alg: str


_header_decoder = msgspec.json.Decoder(_Header)


def sign(payload: bytes, kid: str, key: RSAKey) -> str:
    """Sign the bytes and return the compact form."""
    return jws.serialize_compact({"kid": kid, "typ": _TYPE, "alg": ALGORITHM}, payload, key, registry=_REGISTRY)


def read_kid(token: str) -> str:
    """The key id that a token names, after its header was found to be one of ours. Raises ``TokenRefused``."""
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        raise TokenRefused("not_compact")
    try:
        header = _header_decoder.decode(_decode_segment(parts[1]))
    except ValueError as error:
        raise TokenRefused("header_malformed") from error
    if header.alg != ALGORITHM or header.typ != _TYPE:
        raise TokenRefused("algorithm_not_allowed")
    if not _KEY_ID.fullmatch(header.kid):  # a key id is looked up in the database: nothing strange gets there
        raise TokenRefused("key_unknown")
    return header.kid


def verify(token: str, key: RSAKey) -> bytes:
    """The payload of a token whose signature this key made. Raises ``TokenRefused``."""
    try:
        _decode_segment(token.rpartition(".")[2])
        return jws.deserialize_compact(token, key, registry=_REGISTRY).payload
    except (JoseError, ValueError) as error:
        raise TokenRefused("signature_wrong") from error


def _decode_segment(text: str) -> bytes:
    """Decode base64url and refuse every spelling but the canonical one, so that a token has one text only."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii") != text:
        raise ValueError("not canonical base64url")
    return data
