"""Checking an authorization request (RFC 6749 §3.1 and §4.1.1, RFC 9700 §4.1, OpenID Connect Core 1.0 §3.1.2.1).

The order is what keeps people safe: as long as client and redirect URI are not certain, a refusal is a page of ours;
from then on it travels to the client with error, error_description, state and, on the standards' face, iss.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from switchbay.apps.public import Client
from switchbay.oauth.domain import Face, Policy, Version
from switchbay.oauth.protocol import rfc7636_pkce
from switchbay.oauth.protocol.oauth_response_modes import ResponseMode, default_mode
from switchbay.oauth.protocol.rfc6749_client_credentials import choose_scope
from switchbay.oauth.protocol.rfc6749_errors import TokenRequestRefused

MOST_PARAMETERS: Final = 64
MOST_CHARACTERS: Final = 4_096
"""Of one value. The whole of a query or body is bounded by the route."""
MOST_RESOURCES: Final = 10
_MOST_LOCALES: Final = 10

CODE: Final = frozenset({"code"})
RESPONSE_TYPES: Final = frozenset(
    {CODE, frozenset({"token"}), frozenset({"id_token"}), frozenset({"id_token", "token"})}
)
OPENID: Final = "openid"
OFFLINE: Final = "offline_access"
IDENTITY_SCOPES: Final = frozenset({OPENID, "profile", "email"})
_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
_REPEATABLE: Final = frozenset({"resource"})  # RFC 8707 §2
_UNSUPPORTED: Final = {  # OpenID Connect Core 1.0 §3.1.2.6
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
_VERSIONS: Final[Mapping[str, Version]] = {"": "v1", "1": "v1", "1.0": "v1", "2": "v2", "2.0": "v2"}
_AGE = re.compile(r"[0-9]{1,10}", re.ASCII)
_LOCALE = re.compile(r"[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8}){0,5}")
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21\x24-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")


class PageRefused(Exception):
    """A request that is refused by a page of ours, because nobody is certain enough to be answered.

    ``status`` is the page's HTTP status, ``code`` and ``message`` what it says; ``detail`` is for the developer log.
    """

    def __init__(self, status: int, code: str, message: str, detail: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail: Mapping[str, str] = detail or {}


class AuthorizeRefused(Exception):
    """A request that is refused by an answer to the client.

    ``error`` and ``description`` are what the client gets; ``reason`` (a stable word) and ``detail`` (what was
    expected, what was got; never a secret) are for the developer log.
    """

    def __init__(self, error: str, description: str, reason: str, detail: Mapping[str, str] | None = None) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.reason = reason
        self.detail: Mapping[str, str] = detail or {}


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request with nothing wrong about it. ``max_age`` in seconds; ``prompt`` and ``acr_values`` are words.

    ``response_type`` holds its words in no order. ``hinted_user_id`` is the user of a verified id_token_hint.
    """

    account_id: str
    face: Face
    version: Version
    client_id: str
    response_type: frozenset[str]
    response_mode: ResponseMode
    redirect_uri: str
    redirect_uri_given: bool
    scope: frozenset[str]
    resources: tuple[str, ...] = ()
    state: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    login_hint: str | None = None
    hinted_user_id: str | None = None
    ui_locales: tuple[str, ...] = ()
    acr_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Destination:
    """The redirect URI, once it is certain; ``given``: whether the request named it."""

    uri: str
    given: bool


# Reading


def parse_form(encoded: bytes) -> list[tuple[str, str]]:
    """The parameters of a query or a form, in order. Raises ``PageRefused`` for what no client sends on purpose."""
    try:
        text = encoded.decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError as error:
        raise _malformed() from error
    if any("\x00" in text or len(text) > MOST_CHARACTERS for pair in pairs for text in pair):
        raise _malformed()
    return pairs


def _malformed() -> PageRefused:
    return PageRefused(400, "request_malformed", "The request is not a form in UTF-8, or a part of it is too long.")


class Asked:
    """The parameters of a request. One without a value counts as left out (RFC 6749 §3.1)."""

    __slots__ = ("_repeated", "_single", "resources")

    def __init__(self, parameters: Sequence[tuple[str, str]]) -> None:
        times = Counter(name for name, _ in parameters)
        self._repeated = {name for name, count in times.items() if count > 1} - _REPEATABLE
        self._single = {name: value for name, value in parameters if value and name not in self._repeated}
        self.resources = tuple(dict.fromkeys(value for name, value in parameters if name == "resource" and value))

    def get(self, name: str) -> str | None:
        """The value of a parameter that came once."""
        return self._single.get(name)

    def get_certain(self, name: str) -> str | None:
        """The value of a parameter without which nobody can be answered. Raises ``PageRefused`` if it came twice."""
        if name in self._repeated:
            raise PageRefused(400, "parameter_repeated", f"The parameter {name} is in the request more than once.")
        return self._single.get(name)

    @property
    def repeated(self) -> str | None:
        """A parameter that came more than once, if there is one."""
        return min(self._repeated, default=None)


# Where the answer goes


def choose_destination(asked: Asked, client: Client, face: Face) -> Destination:
    """The redirect URI, equal to a registered one byte for byte (RFC 9700 §4.1.3). Raises ``PageRefused``.

    It may be left out where one alone is registered, but not by who asks for ``openid`` on the standards' face.
    """
    given = asked.get_certain("redirect_uri")
    registered = client.redirect_uris
    if given is None:
        openid = face is Face.OIDC and OPENID in (asked.get("scope") or "").split(" ")
        if openid or len(registered) != 1:
            message = "The request does not say where to send the answer: redirect_uri is missing."
            raise PageRefused(400, "redirect_uri_missing", message, {"expected": " ".join(registered), "got": ""})
        return Destination(_sendable(registered[0]), given=False)
    if given not in registered:
        message = "The application asks for an answer at an address that it has not registered."
        raise PageRefused(400, "redirect_uri_mismatch", message, {"expected": " ".join(registered), "got": given})
    return Destination(_sendable(given), given=True)


def _sendable(uri: str) -> str:
    """A manifest's addresses are ASCII without a fragment; anything else could not be sent in a header as it is."""
    if not uri.isascii() or not uri.isprintable() or " " in uri or "#" in uri:
        raise PageRefused(400, "redirect_uri_mismatch", "The registered redirect URI cannot be used.", {"got": uri})
    return uri


def choose_mode(asked: Asked) -> ResponseMode:
    """How to answer, also when the request is refused: as asked where that is possible, else by the response type.

    Raises ``PageRefused`` for a state that a browser's form would change on the way.
    """
    default = default_mode(frozenset((asked.get("response_type") or "").split(" ")))
    try:
        mode = ResponseMode(asked.get("response_mode") or default)
    except ValueError:
        mode = default
    if mode is ResponseMode.QUERY:
        mode = default
    state = asked.get("state") or ""
    if mode is ResponseMode.FORM_POST and ("\r" in state or "\n" in state):
        raise PageRefused(400, "state_unsendable", "A state with line breaks cannot be sent back in a form.")
    return mode


# Everything else


def check_request(
    asked: Asked,
    client: Client,
    destination: Destination,
    face: Face,
    policy: Policy,
    issuer: str,
) -> AuthorizationRequest:
    """The request, checked; its hint of a token is still to be verified. Raises ``AuthorizeRefused``."""
    if asked.repeated is not None:
        description = "A parameter is in the request more than once."
        raise AuthorizeRefused("invalid_request", description, "parameter_repeated", {"parameter": asked.repeated})
    for name, error in _UNSUPPORTED.items():
        if asked.get(name) is not None:
            raise AuthorizeRefused(error, f"The parameter {name} is not supported.", error)
    version = choose_version(face, asked.get("v"))
    response_type = _response_type(asked, client, policy)
    scope = _scope(asked, client, face, response_type)
    nonce = asked.get("nonce")
    if "id_token" in response_type and nonce is None:
        raise _invalid("An id_token in the answer needs a nonce.", "nonce_missing")
    return AuthorizationRequest(
        account_id=client.account_id,
        face=face,
        version=version,
        client_id=client.client_id,
        response_type=response_type,
        response_mode=_response_mode(asked, response_type),
        redirect_uri=destination.uri,
        redirect_uri_given=destination.given,
        scope=scope,
        resources=_resources(asked, policy, issuer),
        state=asked.get("state"),
        nonce=nonce,
        code_challenge=_code_challenge(asked, client) if response_type == CODE else None,
        prompt=_prompt(asked),
        max_age=_max_age(asked),
        login_hint=asked.get("login_hint"),
        ui_locales=read_locales(asked.get("ui_locales")),
        acr_values=tuple((asked.get("acr_values") or "").split()),
    )


def choose_version(face: Face, asked: str | None) -> Version:
    """The kind of tokens that ``v`` asks for, on the old paths. Raises ``AuthorizeRefused``."""
    if face is Face.OIDC:
        return "oidc"
    version = _VERSIONS.get(asked or "")
    if version is None:
        raise _invalid("The parameter v must be 1.0 or 2.0.", "version")
    return version


def read_locales(text: str | None) -> tuple[str, ...]:
    """Language tags by preference; what is not one is left out."""
    return tuple(tag for tag in (text or "").split(" ") if _LOCALE.fullmatch(tag))[:_MOST_LOCALES]


def allowed_scope(client: Client) -> frozenset[str]:
    """All that an app may ask for: its manifest's scope, and who the user is, if it signs users in at all."""
    signs_in = "authorization_code" in client.grant_types or any("id_token" in kind for kind in client.response_types)
    identity = IDENTITY_SCOPES if signs_in else frozenset()
    return client.scope | identity | ({OFFLINE} if "refresh_token" in client.grant_types else frozenset())


def _invalid(description: str, reason: str, detail: Mapping[str, str] | None = None) -> AuthorizeRefused:
    return AuthorizeRefused("invalid_request", description, reason, detail)


def _response_type(asked: Asked, client: Client, policy: Policy) -> frozenset[str]:
    text = asked.get("response_type")
    if text is None:
        raise _invalid("The parameter response_type is missing.", "response_type_missing")
    wanted = frozenset(text.split(" "))
    detail = {"expected": ", ".join(sorted(client.response_types)), "got": text}
    if wanted not in RESPONSE_TYPES or len(wanted) != len(text.split(" ")):
        description = "The response_type is not one that this server has."
        raise AuthorizeRefused("unsupported_response_type", description, "response_type_unknown", detail)
    listed = {frozenset(kind.split(" ")) for kind in client.response_types}
    if wanted not in listed:
        description = "The manifest of the application does not list this response_type."
        raise AuthorizeRefused("unauthorized_client", description, "response_type_not_allowed", detail)
    if wanted == CODE and "authorization_code" not in client.grant_types:
        description = "The manifest of the application does not list the grant authorization_code."
        raise AuthorizeRefused("unauthorized_client", description, "grant_not_allowed", detail)
    if wanted != CODE and not policy.implicit_enabled:
        description = "This account has not switched on tokens in the answer of the authorization endpoint."
        raise AuthorizeRefused("unsupported_response_type", description, "implicit_disabled", detail)
    return wanted


def _response_mode(asked: Asked, response_type: frozenset[str]) -> ResponseMode:
    text = asked.get("response_mode")
    if text is None:
        return default_mode(response_type)
    try:
        mode = ResponseMode(text)
    except ValueError as error:
        description = "The response_mode must be query, fragment or form_post."
        raise _invalid(description, "response_mode", {"got": text}) from error
    if mode is ResponseMode.QUERY and response_type != CODE:
        raise _invalid("Tokens are never sent in a query.", "response_mode", {"got": text})
    return mode


def _scope(asked: Asked, client: Client, face: Face, response_type: frozenset[str]) -> frozenset[str]:
    allowed = allowed_scope(client)
    text = asked.get("scope")
    try:
        # Existing clients get an ID token without asking. Who asks for a scope is told of no other: some refuse that.
        implied = allowed & {OPENID} if face is Face.SENTINEL else frozenset()
        scope = choose_scope(text, allowed) if text is not None else client.scope | implied
    except TokenRequestRefused as refused:
        detail = {"expected": " ".join(sorted(allowed)), "got": text or ""}
        raise AuthorizeRefused(refused.error, refused.description, refused.reason, detail) from refused
    if face is Face.OIDC and "id_token" in response_type and OPENID not in scope:
        raise AuthorizeRefused("invalid_scope", "An id_token needs the scope openid.", "openid_missing")
    # OpenID Connect Core 1.0 §11: without a code there is nothing to be offline with.
    return scope if response_type == CODE else scope - {OFFLINE}


def _resources(asked: Asked, policy: Policy, issuer: str) -> tuple[str, ...]:
    """RFC 8707 §2."""
    resources = asked.resources
    if len(resources) > MOST_RESOURCES:
        raise AuthorizeRefused("invalid_target", "There are too many resources.", "resource_count")
    for uri in resources:
        if _ABSOLUTE_URI.fullmatch(uri) is None:
            description = "A resource is an absolute URI without a fragment."
            raise AuthorizeRefused("invalid_target", description, "resource_malformed", {"got": uri})
        if uri != issuer and uri not in policy.resources:
            expected = " ".join(sorted({issuer, *policy.resources}))
            description = "A resource is not one of this account."
            raise AuthorizeRefused(
                "invalid_target", description, "resource_unknown", {"expected": expected, "got": uri}
            )
    return resources


def _code_challenge(asked: Asked, client: Client) -> str | None:
    challenge, method = asked.get("code_challenge"), asked.get("code_challenge_method")
    if challenge is None:
        if client.is_public or method is not None:
            raise _invalid("The parameter code_challenge is missing.", "pkce_missing")
        return None
    if method != rfc7636_pkce.METHOD:
        detail = {"expected": rfc7636_pkce.METHOD, "got": method or "plain, by default"}
        raise _invalid("The code_challenge_method must be S256.", "pkce_method", detail)
    if not rfc7636_pkce.is_challenge(challenge):
        raise _invalid("The code_challenge must be 43 characters of base64url.", "pkce_challenge")
    return challenge


def _prompt(asked: Asked) -> frozenset[str]:
    text = asked.get("prompt")
    words = frozenset() if text is None else frozenset(text.split())
    if not words <= _PROMPTS or ("none" in words and len(words) > 1):
        description = "The prompt must be none alone, or any of login, consent and select_account."
        raise _invalid(description, "prompt", {"got": text or ""})
    return words


def _max_age(asked: Asked) -> int | None:
    text = asked.get("max_age")
    if text is None:
        return None
    if _AGE.fullmatch(text) is None:
        raise _invalid("The max_age must be a number of seconds.", "max_age", {"got": text})
    return int(text)
