"""The other side of OpenID Connect: this server as a client of somebody else's provider, as pure decisions.

OpenID Connect Discovery 1.0 §4.3, Core 1.0 §3.1.2 and §3.1.3 (the code flow and the checks of §3.1.3.7), PKCE (RFC
7636, S256), the issuer in the answer (RFC 9207), and what RFC 9700 §4 asks of clients. Nothing that a provider says is
believed before its signature, its issuer, its audience and the nonce of this very login were checked.
"""

import base64
import contextlib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote_plus, urlencode

import msgspec
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from switchbay.infra.egress import BadUrl, parse_target
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.secret import Secret
from switchbay.oauth.protocol.rfc7517_client_keys import ClientKey

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
LEEWAY_SECONDS: Final = 60
"""How far the provider's clock may be from ours."""
OLDEST_SECONDS: Final = 600
"""How long ago an ID token may have been issued: it comes straight from the token endpoint."""
FEDERATED: Final = "fed"
"""What stands first in the ``amr`` of a session that was opened so. RFC 8176 registers no word for it."""
LONGEST_SUBJECT: Final = 255
LONGEST_URL: Final = 2_000

# RFC 9864 names the one curve that is meant; the algorithm is the same.
_MODELS: Final = {name: JWSRegistry.algorithms["Ed25519" if name == "EdDSA" else name] for name in ALGORITHMS}
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]{1,4096})\.([A-Za-z0-9_-]{1,131072})\.([A-Za-z0-9_-]{1,1400})")
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_AMR_WORD: Final = re.compile(r"[A-Za-z0-9_.-]{1,20}")
_MOST_AMR: Final = 8
_MOST_TRIED: Final = 8
_LONGEST_SHOWN: Final = 250
_VERIFIED: Final = (True, "true")
AuthMethod = Literal["client_secret_basic", "client_secret_post"]


class UpstreamTrouble(Exception):
    """A login that the other provider, or what it said, does not allow.

    ``code`` is a stable word for people to quote, ``detail`` is for this server's log.
    """

    def __init__(self, code: str, status: int, message: str, /, **detail: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.detail = {name: shown(text) for name, text in detail.items()}


@dataclass(frozen=True, slots=True)
class Provider:
    """What a provider's discovery document says, as far as it is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    auth_method: AuthMethod
    sends_issuer: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """What the request that led here asks of the login: passed on, so that the provider does it."""

    prompt: str | None = None
    max_age: int | None = None
    login_hint: str | None = None
    ui_locales: str | None = None


@dataclass(frozen=True, slots=True)
class IdToken:
    """The claims of an ID token that was believed."""

    subject: str
    amr: tuple[str, ...]
    claims: Mapping[str, JsonValue] = field(repr=False)


_any_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, object])


def shown(text: str) -> str:
    """A text that came from outside as a log can hold it: short, printable, ASCII."""
    return text[:_LONGEST_SHOWN].encode("unicode_escape").decode("ascii")


# Discovery


def discovery_url(issuer: str) -> str:
    """Where the provider's document is (Discovery §4)."""
    return issuer.rstrip("/") + _WELL_KNOWN


def is_usable_url(url: str) -> bool:
    """Whether an address of a provider may be called or sent to: https, no user name in it, no fragment."""
    if len(url) > LONGEST_URL or "#" in url or not url.isascii() or not url.isprintable():
        return False
    try:
        return parse_target(url).scheme == "https"
    except BadUrl:
        return False


def is_usable_issuer(issuer: str) -> bool:
    """Whether a text can be an issuer: an https URL without query (Discovery §3)."""
    return is_usable_url(issuer) and "?" not in issuer


def read_provider(body: bytes, issuer: str) -> Provider:
    """Read a discovery document. Its issuer must be the one it was asked for, to the letter (Discovery §4.3)."""
    document = read_object(body, "discovery")
    if document.get("issuer") != issuer:
        raise _malformed("issuer_differs", expected=issuer, got=str(document.get("issuer")))
    endpoints: dict[str, str] = {}
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
        value = document.get(name)
        if value is None and name == "userinfo_endpoint":
            continue
        if not isinstance(value, str) or not is_usable_url(value):
            raise _malformed("endpoint_unusable", member=name, got=str(value))
        endpoints[name] = value
    return Provider(
        issuer=issuer,
        authorization_endpoint=endpoints["authorization_endpoint"],
        token_endpoint=endpoints["token_endpoint"],
        jwks_uri=endpoints["jwks_uri"],
        userinfo_endpoint=endpoints.get("userinfo_endpoint"),
        auth_method=_auth_method(document.get("token_endpoint_auth_methods_supported")),
        sends_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _auth_method(offered: object) -> AuthMethod:
    """The way to send the secret; a provider that names none takes the header (Discovery §3)."""
    if not isinstance(offered, list) or "client_secret_basic" in offered:
        return "client_secret_basic"
    if "client_secret_post" in offered:
        return "client_secret_post"
    raise _malformed("no_auth_method", got=" ".join(str(word) for word in offered[:10]))


def read_object(body: bytes, what: str) -> dict[str, object]:
    """A JSON object that a provider answered."""
    try:
        return _object.decode(body)
    except (ValueError, RecursionError) as error:
        raise _malformed("not_a_json_object", document=what) from error


def _malformed(problem: str, **detail: str) -> UpstreamTrouble:
    message = "The company's login service answered something that cannot be used."
    return UpstreamTrouble("upstream_malformed", 502, message, problem=problem, **detail)


# The way there


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


def authorize_url(
    provider: Provider,
    *,
    client_id: str,
    redirect_uri: str,
    scope: str,
    state: str,
    nonce: str,
    verifier: str,
    wish: Wish,
) -> str:
    """Where to send the browser (Core §3.1.2.1)."""
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": scope,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
        "prompt": wish.prompt,
        "max_age": None if wish.max_age is None else str(wish.max_age),
        "login_hint": wish.login_hint,
        "ui_locales": wish.ui_locales,
    }
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    joint = "&" if "?" in provider.authorization_endpoint else "?"
    return f"{provider.authorization_endpoint}{joint}{query}"


# The way back


def read_code(provider: Provider, answer: Mapping[str, str]) -> Secret:
    """The code in a provider's answer, after its issuer was found to be the right one (RFC 9207 §2.4)."""
    named = answer.get("iss")
    if (named is not None and named != provider.issuer) or (named is None and provider.sends_issuer):
        message = "The answer came from another login service than the one that was asked."
        raise UpstreamTrouble("upstream_issuer_wrong", 403, message, expected=provider.issuer, got=named or "none")
    if "error" in answer:
        message = "The company's login service did not let you in."
        described = answer.get("error_description", "")
        raise UpstreamTrouble("upstream_refused", 403, message, error=answer["error"], description=described)
    code = answer.get("code")
    if not code:
        raise _malformed("no_code")
    return Secret(code)


def token_request(
    provider: Provider, *, client_id: str, client_secret: Secret, code: Secret, redirect_uri: str, verifier: str
) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of the token request (RFC 6749 §4.1.3, §2.3.1)."""
    headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    form = {
        "grant_type": "authorization_code",
        "code": code.reveal(),
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    if provider.auth_method == "client_secret_basic":
        pair = f"{quote_plus(client_id)}:{quote_plus(client_secret.reveal())}"
        headers.append(("Authorization", "Basic " + base64.b64encode(pair.encode("ascii")).decode("ascii")))
    else:
        form |= {"client_id": client_id, "client_secret": client_secret.reveal()}
    return headers, urlencode(form).encode("ascii")


def read_tokens(status: int, body: bytes) -> tuple[str, Secret | None]:
    """The ID token, and the access token if there is one, of a token endpoint's answer."""
    if status != 200:  # noqa: PLR2004 - the one status of RFC 6749 §5.1
        error = ""
        with contextlib.suppress(ValueError, RecursionError):
            error = str(_object.decode(body).get("error", ""))
        message = "The company's login service did not confirm the login."
        raise UpstreamTrouble("upstream_token_refused", 502, message, status=str(status), error=error)
    answer = read_object(body, "token")
    id_token, access_token = answer.get("id_token"), answer.get("access_token")
    if not isinstance(id_token, str):
        raise _malformed("no_id_token")
    usable = isinstance(access_token, str) and access_token.isascii() and access_token.isprintable()
    return id_token, Secret(access_token) if isinstance(access_token, str) and usable else None


# The ID token


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A signed token taken apart, nothing in it believed yet."""

    algorithm: str
    key_id: str | None
    signed: bytes
    signature: bytes
    payload: bytes


def read_signed(text: str) -> SignedToken:
    """Take an ID token apart; refuse what no token for us can be before any key is looked at (RFC 8725 §3.1)."""
    parts = _COMPACT.fullmatch(text)
    if parts is None:
        raise _invalid("not_compact")
    try:
        header = _object.decode(_decode_segment(parts[1]))
        payload, signature = _decode_segment(parts[2]), _decode_segment(parts[3])
    except (ValueError, RecursionError) as error:
        raise _invalid("not_readable") from error
    algorithm, key_id = header.get("alg"), header.get("kid")
    if "crit" in header or "b64" in header:
        raise _invalid("header_refused")
    if not isinstance(algorithm, str) or algorithm not in _MODELS:
        raise _invalid("algorithm_refused", expected=" ".join(ALGORITHMS), got=str(algorithm))
    signed = text.rpartition(".")[0].encode("ascii")
    return SignedToken(algorithm, key_id if isinstance(key_id, str) else None, signed, signature, payload)


def choose_keys(token: SignedToken, keys: Sequence[ClientKey]) -> Sequence[ClientKey]:
    """The provider's keys that may have made the signature: the one that the token names, else those of its kind."""
    fitting = [key for key in keys if key.serves(token.algorithm)]
    if token.key_id is not None:
        fitting = [key for key in fitting if key.key_id == token.key_id]
    return fitting[:_MOST_TRIED]


def verify_signature(token: SignedToken, keys: Sequence[ClientKey]) -> None:
    """Raise ``UpstreamTrouble`` unless one of the keys made the signature."""
    if not keys:
        raise _invalid("key_unknown", kid=token.key_id or "none", alg=token.algorithm)
    model = _MODELS[token.algorithm]
    for key in keys:
        try:
            model.check_key(key.key)
            if model.verify(token.signed, token.signature, key.key):
                return
        except (JoseError, ValueError):
            continue
    raise _invalid("signature_wrong", kid=token.key_id or "none", alg=token.algorithm)


def judge_claims(
    payload: bytes, *, issuer: str, client_id: str, nonce: str, begun_at: int, now: int, wish: Wish
) -> IdToken:
    """Judge the claims of an ID token whose signature was good (Core §3.1.3.7). Times in epoch milliseconds."""
    try:
        claims = _object.decode(payload)
    except (ValueError, RecursionError) as error:
        raise _invalid("claims_malformed") from error
    if claims.get("iss") != issuer:
        raise _invalid("issuer_wrong", expected=issuer, got=str(claims.get("iss")))
    audience, party = claims.get("aud"), claims.get("azp")
    given = [audience] if isinstance(audience, str) else audience
    if not isinstance(given, list) or client_id not in given:
        raise _invalid("audience_wrong", expected=client_id, got=str(audience))
    if (party is not None or len(given) > 1) and party != client_id:
        raise _invalid("authorized_party_wrong", expected=client_id, got=str(party))
    if claims.get("nonce") != nonce:
        raise _invalid("nonce_wrong")
    seconds = now / 1000
    expires_at, issued_at = _number(claims, "exp"), _number(claims, "iat")
    if expires_at is None or issued_at is None:
        raise _invalid("claims_malformed", missing="exp or iat")
    if expires_at + LEEWAY_SECONDS <= seconds:
        raise _invalid("expired", exp=str(expires_at))
    if not seconds - OLDEST_SECONDS <= issued_at <= seconds + LEEWAY_SECONDS:
        raise _invalid("issued_at_another_time", iat=str(issued_at))
    _require_fresh(claims, wish, begun_at / 1000, seconds)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _is_text(subject, LONGEST_SUBJECT):
        raise _invalid("claims_malformed", missing="sub")
    return IdToken(subject, _amr(claims.get("amr")), _json(claims))


def _require_fresh(claims: Mapping[str, object], wish: Wish, begun: float, now: float) -> None:
    """The provider must have asked for the password when that was wanted."""
    at = _number(claims, "auth_time")
    stale = wish.prompt == "login" and at is not None and at < begun - LEEWAY_SECONDS
    if wish.max_age is not None:
        stale = stale or at is None or at < now - wish.max_age - LEEWAY_SECONDS
    if stale:
        raise _invalid("login_too_old", auth_time="none" if at is None else str(at))


def _number(claims: Mapping[str, object], name: str) -> float | None:
    value = claims.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _amr(value: object) -> tuple[str, ...]:
    words = value if isinstance(value, list) else []
    kept = [word for word in words if isinstance(word, str) and _AMR_WORD.fullmatch(word)]
    return tuple(dict.fromkeys((FEDERATED, *kept[:_MOST_AMR])))


def _json(claims: Mapping[str, object]) -> dict[str, JsonValue]:
    """Only what a login needs of the claims: texts and truth values."""
    return {name: value for name, value in claims.items() if isinstance(value, str | bool)}


def _is_text(value: str, most: int) -> bool:
    return 0 < len(value) <= most and value.isprintable()


def _invalid(problem: str, **detail: str) -> UpstreamTrouble:
    message = "What the company's login service said about you could not be verified."
    return UpstreamTrouble("upstream_id_token_invalid", 403, message, problem=problem, **detail)


def read_userinfo(body: bytes, subject: str) -> dict[str, JsonValue]:
    """The claims of a userinfo answer, which must be about the same person (Core §5.3.2)."""
    claims = read_object(body, "userinfo")
    if claims.get("sub") != subject:
        raise _malformed("userinfo_of_another", expected=subject, got=str(claims.get("sub")))
    return _json(claims)


def login_name_of(claims: Mapping[str, JsonValue], login_claim: str) -> str | None:
    """The login name in the claims. An address counts only when the provider has verified it."""
    value = claims.get(login_claim)
    if not isinstance(value, str) or not value:
        return None
    if login_claim == "email" and claims.get("email_verified") not in _VERIFIED:
        return None
    return value


def _decode_segment(text: str) -> bytes:
    """Decode base64url and refuse every spelling but the canonical one."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii") != text:
        raise ValueError("not canonical")
    return data
