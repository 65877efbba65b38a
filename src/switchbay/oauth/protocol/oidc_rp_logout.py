"""What an app asks for when it sends its user to be logged out, and what may be done (OpenID Connect RP-Initiated
Logout 1.0).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urldefrag

import msgspec

PARAMETERS: Final = frozenset(
    {"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_hint", "ui_locales"}
)


class LogoutRefused(Exception):
    """A request that is answered by an error page; ``code`` is stable, the text is for the app's developer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str | list[str]
    sid: str | None = None


_decode = msgspec.json.Decoder(_Claims).decode


@dataclass(frozen=True, slots=True)
class Hint:
    """What an ID token of ours says about who is to be logged out."""

    client_id: str
    user_id: str
    session_id: str | None


def read_fields(pairs: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """The parameters that this endpoint knows; none may come twice, and one without a value counts as left out."""
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name not in PARAMETERS:
            continue
        if name in fields:
            raise LogoutRefused("parameter_repeated", f"The parameter {name} is there more than once.")
        fields[name] = value
    return {name: value for name, value in fields.items() if value}


def read_hint(payload: bytes, issuers: Collection[str]) -> Hint | None:
    """The claims of an ID token whose signature was found good; its age does not matter. None if it is not one."""
    try:
        claims = _decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss not in issuers or len(audience) != 1:
        return None
    return Hint(audience[0], claims.sub, claims.sid)


def check_client(hint: Hint | None, client_id: str | None) -> str | None:
    """Which app asks, as far as the request tells (§2: a client_id must be the one that the ID token was issued to)."""
    if hint is not None and client_id is not None and hint.client_id != client_id:
        raise LogoutRefused("client_id_mismatch", "The client_id is not the one of the id_token_hint.")
    return hint.client_id if hint is not None else client_id


def check_redirect(wanted: str | None, registered: Sequence[str] | None) -> str | None:
    """Where to send the browser afterwards: an address that the app registered, character by character (§3.1).

    ``registered`` is None when nothing tells which app asks.
    """
    if wanted is None:
        return None
    if registered is None:
        raise LogoutRefused(
            "post_logout_redirect_uri_unknown",
            "A post_logout_redirect_uri needs an id_token_hint or the client_id of an app of this account.",
        )
    if wanted not in registered:
        raise LogoutRefused(
            "post_logout_redirect_uri_unknown", "The post_logout_redirect_uri is not registered for this app."
        )
    return wanted


def add_state(uri: str, state: str | None) -> str:
    """The address with the app's state, byte for byte as it will be decoded."""
    if state is None:
        return uri
    plain, fragment = urldefrag(uri)
    joint = "&" if "?" in plain else "?"
    return f"{plain}{joint}state={quote(state, safe='')}" + (f"#{fragment}" if fragment else "")
