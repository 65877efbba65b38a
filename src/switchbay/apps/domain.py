"""Installed applications and their credentials as values: what is equal, what may change, which secret counts.

Follows the app-install API and RFC 7591 for the members of a client. Times are epoch milliseconds.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.public import look_up

_REVISION = re.compile(r'(?:W/)?(")?(-?[0-9]{1,18})(?(1)")')
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NO_DIGEST = bytes(32)
BY_BASIC = "client_secret_basic"
"""How an app proves who it is at the token endpoint when its manifest does not say (RFC 7591 §2)."""
BY_NOTHING = "none"
MOST_SECRETS = 2
"""How many secrets of one app are valid at once: the current one and, for a while, the one before."""


@dataclass(frozen=True, slots=True)
class Client:
    """An installed app as an OAuth 2.0 client (RFC 6749 §2). ``client_id`` equals ``installation_id``."""

    account_id: str
    installation_id: str
    client_id: str
    client_name: str
    enabled: bool
    grant_types: frozenset[str]
    response_types: frozenset[str]
    redirect_uris: tuple[str, ...]
    scope: frozenset[str]
    display_name: str = ""
    """What people call it; where the manifest has none, the ``client_name``."""
    description: str = ""
    localised: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Texts by member and language tag, as in ``display_name#fr``."""
    logo_uri: str | None = None
    entry_uri: str | None = None
    quick_launch_enabled: bool = False
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    token_endpoint_auth_method: str = BY_BASIC
    """``none`` is a public client (RFC 6749 §2.1); ``private_key_jwt`` has its keys in ``jwks`` or at ``jwks_uri``."""
    jwks: JsonValue = field(default=None, hash=False)
    jwks_uri: str | None = None
    id_token_signed_response_alg: str | None = None
    """RS256 or ES256; None where the app leaves it to the account."""
    not_before: int = 0
    """Epoch milliseconds: what was issued to the app before counts no more. See ``is_current`` and ``iat``."""
    created_at: int = 0

    @property
    def is_public(self) -> bool:
        """Whether the app has no way to prove who it is, as programs on people's own devices."""
        return self.token_endpoint_auth_method == BY_NOTHING

    def is_current(self, issued_at: int) -> bool:
        """Whether what was issued at this time, in epoch milliseconds, still counts.

        For a token with an ``iat``, which is in whole seconds, ask for ``iat * 1000``: together with ``iat`` below, a
        token of the second in which the epoch was raised is refused when it came before and good when it came after.
        """
        return issued_at >= self.not_before

    def iat(self, now: int) -> int:
        """The ``iat``, in epoch seconds, of a token that is issued at ``now`` (epoch milliseconds).

        In the second in which the epoch was raised, it is the next second, so that the token is not taken for an older
        one; every verifier has to bear with clocks that differ by more.
        """
        return max(now // 1000, -(-self.not_before // 1000))


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A client secret without its text.

    ``not_after`` is set on a secret that was replaced and ends then; ``signs`` marks the one that signs webhooks;
    ``last_used_at`` is kept to the minute.
    """

    secret_id: str
    digest: bytes = field(repr=False)
    created_at: int
    not_after: int | None = None
    last_used_at: int | None = None
    signs: bool = True

    def is_valid(self, now: int) -> bool:
        """Whether the secret is accepted at ``now``."""
        return self.not_after is None or now < self.not_after


@dataclass(frozen=True, slots=True)
class Installation:
    """An app in an account. ``document`` is its normalised manifest, header values included, without server fields."""

    account_id: str
    installation_id: str
    document: Mapping[str, JsonValue] = field(repr=False)
    enabled: bool
    created_at: int
    updated_at: int
    secrets: tuple[ClientSecret, ...]
    not_before: int = 0

    @property
    def client_name(self) -> str:
        """The name that is unique in the account."""
        return str(self.document["client_name"])

    def as_client(self) -> Client:
        """The app as the authorization server sees it."""
        document = self.document
        return Client(
            account_id=self.account_id,
            installation_id=self.installation_id,
            client_id=self.installation_id,
            client_name=self.client_name,
            enabled=self.enabled,
            grant_types=frozenset(_strings(document.get("grant_types"))),
            response_types=frozenset(_strings(document.get("response_types"))),
            redirect_uris=_strings(document.get("redirect_uris")),
            scope=frozenset(str(document.get("scope") or "").split()),
            display_name=_text(document, "display_name") or self.client_name,
            description=_text(document, "description") or "",
            localised={name: text for name, text in document.items() if "#" in name and isinstance(text, str)},
            logo_uri=_text(document, "logo_uri"),
            entry_uri=_text(document, "entry_uri"),
            quick_launch_enabled=document.get("quick_launch_enabled") is True,
            post_logout_redirect_uris=_strings(document.get("post_logout_redirect_uris")),
            backchannel_logout_uri=_text(document, "backchannel_logout_uri"),
            backchannel_logout_session_required=document.get("backchannel_logout_session_required") is True,
            token_endpoint_auth_method=_text(document, "token_endpoint_auth_method") or BY_BASIC,
            jwks=document.get("jwks"),
            jwks_uri=_text(document, "jwks_uri"),
            id_token_signed_response_alg=_text(document, "id_token_signed_response_alg"),
            not_before=self.not_before,
            created_at=self.created_at,
        )


def _strings(value: JsonValue) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _text(document: Mapping[str, JsonValue], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and value else None


def localise(client: Client, member: str, locales: Iterable[str]) -> str:
    """A text of the app for a reader's languages, best first (RFC 4647 §3.4).

    Falls back to the plain text, from a display name to the client name, and else to the empty text.
    """
    wanted = tuple(locales)
    prefix = f"{member}#"
    texts = {name.removeprefix(prefix): text for name, text in client.localised.items() if name.startswith(prefix)}
    tag = look_up(texts, wanted)
    if tag is not None:
        return texts[tag]
    plain = {
        "client_name": client.client_name,
        "display_name": "" if client.display_name == client.client_name else client.display_name,
        "description": client.description,
        "logo_uri": client.logo_uri or "",
    }.get(member, "")
    return localise(client, "client_name", wanted) if member == "display_name" and not plain else plain


def is_app_id(text: str) -> bool:
    """Whether a text can be the id of an app at all; anything else never reaches the database."""
    return _UUID.fullmatch(text) is not None


def name_key(client_name: str) -> str:
    """The form in which two names are the same: NFC and case-folded (Unicode, default caseless matching)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", client_name).casefold())


# Preconditions


@dataclass(frozen=True, slots=True)
class Precondition:
    """What ``If-Match`` asks for: any revision, or one of a few."""

    any: bool
    revisions: frozenset[int] = frozenset()

    def holds(self, revision: int) -> bool:
        """Whether a change may be made to a collection at ``revision``."""
        return self.any or revision in self.revisions


ANY = Precondition(any=True)


def parse_if_match(values: Sequence[str]) -> Precondition | None:
    """Read ``If-Match`` (RFC 9110 §13.1.1), more leniently: bare numbers, weak tags; ``-1`` means any. None if absent.

    What is not a revision matches none.
    """
    tags = [tag.strip() for value in values for tag in value.split(",") if tag.strip()]
    if not tags:
        return None
    revisions: set[int] = set()
    for tag in tags:
        match = _REVISION.fullmatch(tag)
        if tag == "*" or (match is not None and match[2] == "-1"):
            return ANY
        if match is not None:
            revisions.add(int(match[2]))
    return Precondition(any=False, revisions=frozenset(revisions))


# Secrets


def digest_of(secret: str) -> bytes:
    """What is stored to check a secret. Secrets have 130 random bits, so a fast hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def match_secret(secrets: Sequence[ClientSecret], presented: str, now: int) -> ClientSecret | None:
    """The valid secret that was presented, in a time that depends neither on which one it is nor on how many there are.

    With no secrets at all it does the same work and finds none.
    """
    digest = digest_of(presented)
    valid = [secret for secret in secrets if secret.is_valid(now)][:MOST_SECRETS]
    found: ClientSecret | None = None
    for place in range(MOST_SECRETS):
        candidate = valid[place] if place < len(valid) else None
        equal = hmac.compare_digest(candidate.digest if candidate else _NO_DIGEST, digest)
        if equal and candidate is not None:
            found = candidate
    return found


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a change of secrets leaves: the secrets that stay, with their new dates, and those that end now."""

    kept: tuple[ClientSecret, ...]
    ended: tuple[ClientSecret, ...]


def overlap_under_way(secrets: Sequence[ClientSecret], now: int) -> bool:
    """Whether an older secret is still valid beside the current one."""
    return sum(secret.is_valid(now) for secret in secrets) >= MOST_SECRETS


def rotate(secrets: Sequence[ClientSecret], new: ClientSecret, now: int, overlap_ms: int) -> Rotation:
    """Add ``new``; the current secret stays valid, and signs, for ``overlap_ms``; older ones end now.

    The connector has the new secret for certain only once it uses it; until then what it verifies with is the old one.
    """
    current = tuple(secret for secret in secrets if secret.not_after is None)
    older = tuple(secret for secret in secrets if secret.not_after is not None)
    if overlap_ms <= 0:
        return Rotation((replace(new, signs=True),), (*current, *older))
    kept = tuple(replace(secret, not_after=now + overlap_ms, signs=True) for secret in current)
    return Rotation((*kept, replace(new, signs=not kept)), older)


def finish(secrets: Sequence[ClientSecret]) -> Rotation:
    """End every secret but the current one, which signs from now on."""
    return Rotation(
        tuple(replace(secret, signs=True) for secret in secrets if secret.not_after is None),
        tuple(secret for secret in secrets if secret.not_after is not None),
    )


def promote(secrets: Sequence[ClientSecret], secret_id: str) -> tuple[ClientSecret, ...]:
    """Have one secret sign from now on."""
    return tuple(replace(secret, signs=secret.secret_id == secret_id) for secret in secrets)
