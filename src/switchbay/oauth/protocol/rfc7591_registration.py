"""Dynamic client registration (RFC 7591, OpenID Connect Registration 1.0): from metadata to a manifest and back.

A registered client is an installed app, so what a manifest has a place for goes into one and is checked as any manifest
is. Members that only describe the client are kept beside it and given back. What this server would have to do
something about, and does not, is refused, so that nobody relies on it; all other members are left out, as RFC 7591 §2
asks, and the answer shows that they were.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from switchbay.kit.jsontext import parse
from switchbay.kit.jsonvalue import JsonValue
from switchbay.oauth.protocol.rfc7523_client_assertion import ALGORITHMS

LARGEST_BODY: Final = 65_536
_DEEPEST: Final = 12
_LONGEST_TEXT: Final = 2_048
_MOST_CONTACTS: Final = 20
_LONGEST_DESCRIPTION: Final = 600

OPENID_SCOPES: Final = frozenset({"openid", "profile", "email", "offline_access"})
"""Scopes that every app with a sign-on may ask for; a manifest lists only those beyond them."""

_ENTRY: Final = "initiate_login_uri"
_SAME: Final = (
    "redirect_uris",
    "response_types",
    "token_endpoint_auth_method",
    "jwks",
    "jwks_uri",
    "logo_uri",
    "client_name",
    "display_name",
    "description",
    "quick_launch_enabled",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "id_token_signed_response_alg",
)
"""Members that a manifest has under the same name; three of them (ours) are of the manifest alone."""
_TAGGED: Final = frozenset({"client_name", "display_name", "description", "logo_uri"})
_OWNED: Final = frozenset({*_SAME, "grant_types", "scope", "entry_uri"} - {"quick_launch_enabled"})
"""What an update replaces. Whether the app is in the launch menu may also be an administrator's decision: it stays."""
_TEXTS: Final = ("software_id", "software_version")
_PAGES: Final = re.compile(r"(?:client_uri|tos_uri|policy_uri)(?:#[A-Za-z0-9-]{1,64})?")
_ENCRYPTION: Final = re.compile(r"(?:id_token|userinfo|authorization|introspection)_encrypted_response_(?:alg|enc)")
_REFUSED: Final = frozenset(
    {
        "authorization_signed_response_alg",
        "backchannel_authentication_request_signing_alg",
        "backchannel_client_notification_endpoint",
        "backchannel_token_delivery_mode",
        "introspection_signed_response_alg",
        "request_object_encryption_alg",
        "request_object_encryption_enc",
        "request_object_signing_alg",
        "request_uris",
        "sector_identifier_uri",
        "tls_client_auth_san_dns",
        "tls_client_auth_san_email",
        "tls_client_auth_san_ip",
        "tls_client_auth_san_uri",
        "tls_client_auth_subject_dn",
        "userinfo_signed_response_alg",
    }
)
_REFUSED_WHEN_TRUE: Final = frozenset(
    {
        "dpop_bound_access_tokens",
        "require_pushed_authorization_requests",
        "require_signed_request_object",
        "tls_client_certificate_bound_access_tokens",
    }
)
_SERVERS_OWN: Final = frozenset(
    {"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"}
)
_IMPLICIT: Final = frozenset({"token", "id_token", "id_token token"})
_IMPLICIT_GRANT: Final = "implicit"
_CODE_GRANT: Final = "authorization_code"


class RegistrationRefused(Exception):
    """A registration that is refused (RFC 7591 §3.2.2): the standard's word and a sentence in ASCII."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = _ascii(description)

    def body(self) -> dict[str, JsonValue]:
        """The JSON body of the answer."""
        return {"error": self.error, "error_description": self.description}


def invalid_metadata(description: str) -> RegistrationRefused:
    """A member has a value that this server cannot register."""
    return RegistrationRefused("invalid_client_metadata", description)


def invalid_token(description: str) -> RegistrationRefused:
    """The bearer of the request is none, or is not good for it (RFC 6750 §3.1)."""
    return RegistrationRefused("invalid_token", description, 401)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Client metadata as asked for: what goes into a manifest, and what is kept beside it."""

    manifest: Mapping[str, JsonValue]
    kept: Mapping[str, JsonValue]


def read_members(body: bytes) -> Mapping[str, JsonValue]:
    """The members of a request, null ones left out (RFC 7592 §2.2). Raises ``RegistrationRefused``."""
    text = parse(body, max_bytes=LARGEST_BODY, max_depth=_DEEPEST)
    if text.problems:
        problem = text.problems[0]
        raise invalid_metadata(f"The body is no JSON text: {problem.message} (line {problem.line}).")
    if not isinstance(text.value, dict):
        raise invalid_metadata("The body must be a JSON object.")
    return {name: value for name, value in text.value.items() if value is not None}


def read_metadata(members: Mapping[str, JsonValue]) -> Metadata:
    """Sort client metadata. Raises ``RegistrationRefused`` for what is inconsistent or not done here.

    The manifest lacks a ``client_name`` when the metadata does.
    """
    _refuse_unsupported(members)
    manifest = {name: members[name] for name in _SAME if name in members}
    manifest |= {name: value for name, value in members.items() if _is_tagged(name)}
    if _ENTRY in members:
        manifest["entry_uri"] = members[_ENTRY]
    kept = _read_kept(members)
    own, openid = _read_scope(members.get("scope"))
    if own:
        manifest["scope"] = " ".join(own)
    if openid:
        kept["scope"] = " ".join(openid)
    grants, types = _read_flows(members.get("grant_types"), members.get("response_types"))
    return Metadata({**manifest, "grant_types": [*grants], "response_types": [*types]}, kept)


def merge(document: Mapping[str, JsonValue], metadata: Metadata) -> dict[str, JsonValue]:
    """The manifest after an update by the client: its metadata replaced, all that it cannot register left as it is."""
    others = {name: value for name, value in document.items() if name.partition("#")[0] not in _OWNED}
    return {**others, "client_name": document["client_name"], **metadata.manifest}


def check_update(members: Mapping[str, JsonValue], client_id: str) -> None:
    """Refuse an update that names another client or what only the server says (RFC 7592 §2.2)."""
    if members.get("client_id") != client_id:
        raise invalid_metadata("The client_id must be there and be the one of this registration.")
    wrong = sorted(_SERVERS_OWN & members.keys())
    if wrong:
        raise invalid_metadata(f"Only the server sets {wrong[0]}; an update must not hold it.")


def describe(document: Mapping[str, JsonValue], kept: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """All registered metadata of an app, from its manifest and what is kept beside it."""
    shown = {name: document[name] for name in _SAME if name in document}
    shown |= {name: value for name, value in document.items() if _is_tagged(name)}
    if "entry_uri" in document:
        shown[_ENTRY] = document["entry_uri"]
    types = _strings(document.get("response_types"))
    shown["response_types"] = [*types]
    shown["grant_types"] = [*_grants_for(_strings(document.get("grant_types")), types)]
    shown.setdefault("token_endpoint_auth_method", "client_secret_basic")
    scope = [*_words(kept.get("scope")), *_words(document.get("scope"))]
    beside = {name: value for name, value in kept.items() if name != "scope"}
    return {**shown, **beside, **({"scope": " ".join(scope)} if scope else {})}


def refusal_of(findings: Iterable[tuple[str, str]]) -> RegistrationRefused:
    """The refusal of a manifest with errors, each as its JSON Pointer and its sentence."""
    errors = list(findings)
    about_redirects = any(path.split("/")[1:2] == ["redirect_uris"] for path, _ in errors)
    word = "invalid_redirect_uri" if about_redirects else "invalid_client_metadata"
    sentences = [_sentence(path, message) for path, message in errors]
    return RegistrationRefused(word, "; ".join(sentences) or "The metadata cannot be registered.")


# Parts


def _sentence(path: str, message: str) -> str:
    """A finding in the words of client metadata, with the member that it is about."""
    member = (path.split("/")[1:] or [""])[0].replace("~1", "/").replace("~0", "~")
    return (message if member in message else f"{member}: {message}").replace("entry_uri", _ENTRY)


def _is_tagged(name: str) -> bool:
    """Whether a member is the text of another one in some language (RFC 7591 §2.2)."""
    plain, hash_sign, _ = name.partition("#")
    return bool(hash_sign) and plain in _TAGGED


def _refuse_unsupported(members: Mapping[str, JsonValue]) -> None:
    if "software_statement" in members:
        raise RegistrationRefused("unapproved_software_statement", "This server accepts no software statements.")
    for name, value in members.items():
        unsupported = name in _REFUSED or _ENCRYPTION.fullmatch(name) is not None
        if (unsupported and value != []) or (name in _REFUSED_WHEN_TRUE and value is not False):
            raise invalid_metadata(f"{name} is not supported here.")
    if members.get("subject_type", "public") != "public":
        raise invalid_metadata("The subject_type must be public.")
    algorithm = members.get("token_endpoint_auth_signing_alg", ALGORITHMS[0])
    if algorithm not in ALGORITHMS:
        raise invalid_metadata(f"The token_endpoint_auth_signing_alg must be one of {', '.join(ALGORITHMS)}.")
    if members.get("application_type", "web") not in ("web", "native"):
        raise invalid_metadata("The application_type must be web or native.")


def _read_kept(members: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    words = ("application_type", "subject_type", "token_endpoint_auth_signing_alg")
    kept: dict[str, JsonValue] = {name: members[name] for name in words if name in members}
    for name in _TEXTS:
        if name in members:
            kept[name] = _expect_text(name, members[name])
    for name, value in members.items():
        if _PAGES.fullmatch(name):
            kept[name] = _expect_page(name, value)
    contacts = members.get("contacts")
    if contacts is not None:
        if not isinstance(contacts, list) or len(contacts) > _MOST_CONTACTS:
            raise invalid_metadata(f"contacts must be an array of at most {_MOST_CONTACTS} texts.")
        kept["contacts"] = [_expect_text("contacts", contact) for contact in contacts]
    if "require_auth_time" in members:
        if not isinstance(members["require_auth_time"], bool):
            raise invalid_metadata("require_auth_time must be true or false.")
        kept["require_auth_time"] = members["require_auth_time"]
    return kept


def _expect_text(name: str, value: JsonValue) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TEXT or not value.isprintable():
        raise invalid_metadata(f"{name} must be a text of up to {_LONGEST_TEXT} printable characters.")
    return value


def _expect_page(name: str, value: JsonValue) -> str:
    text = _expect_text(name, value)
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("https", "http") and bool(parts.hostname) and not {" ", "\\"} & set(text)
    except ValueError:
        good = False
    if not good:
        raise invalid_metadata(f"{name} must be the address of a web page.")
    return text


def _read_scope(scope: JsonValue) -> tuple[Sequence[str], Sequence[str]]:
    """The scope in two parts: what a manifest lists, and the standard ones; each in its order, once."""
    if scope is None:
        return (), ()
    if not isinstance(scope, str):
        raise invalid_metadata("scope must be a text of words with spaces between.")
    asked = tuple(dict.fromkeys(scope.split(" "))) if scope else ()
    return [word for word in asked if word not in OPENID_SCOPES], [word for word in asked if word in OPENID_SCOPES]


def _read_flows(grant_types: JsonValue, response_types: JsonValue) -> tuple[Sequence[str], Sequence[str]]:
    """Grant types and response types with the defaults of RFC 7591 §2, after they were found to fit (§2.1)."""
    grants = _expect_words("grant_types", grant_types)
    types = _expect_words("response_types", response_types)
    if grants is None:
        grants = _grants_for((_CODE_GRANT,), types or ("code",))
    if types is None:
        types = ("code",) if _CODE_GRANT in grants else ()
    if ("code" in types) != (_CODE_GRANT in grants):
        raise invalid_metadata("The response type code and the grant type authorization_code belong together.")
    if bool(_IMPLICIT & set(types)) != (_IMPLICIT_GRANT in grants):
        raise invalid_metadata("The response types token and id_token belong together with the grant type implicit.")
    if "refresh_token" in grants and _CODE_GRANT not in grants:
        raise invalid_metadata("The grant type refresh_token needs authorization_code.")
    return [grant for grant in grants if grant != _IMPLICIT_GRANT] or [_CODE_GRANT], types


def _grants_for(grants: Sequence[str], types: Sequence[str]) -> Sequence[str]:
    """The grant types by RFC 7591 of an app with these in its manifest, which does not know ``implicit``."""
    usable = [grant for grant in grants if grant == "client_credentials" or "code" in types]
    return [*usable, _IMPLICIT_GRANT] if _IMPLICIT & set(types) else usable


def _expect_words(name: str, value: JsonValue) -> Sequence[str] | None:
    if value is None or value == []:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid_metadata(f"{name} must be an array of texts.")
    return tuple(dict.fromkeys(" ".join(sorted(item.split())) for item in _strings(value)))


def _strings(value: JsonValue) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _words(value: JsonValue) -> Sequence[str]:
    return value.split() if isinstance(value, str) else ()


def _ascii(text: str) -> str:
    """A description as RFC 7591 allows it: ASCII, without what would have to be escaped (RFC 6749 §5.2)."""
    plain = text.replace('"', "'").replace("\\", "/")
    return "".join(char if " " <= char <= "~" else "?" for char in plain)[:_LONGEST_DESCRIPTION]
