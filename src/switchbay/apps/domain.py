"""Installed applications and their credentials as values: what is equal, what may change, which secret counts.

Follows the app-install API and RFC 7591 for the members of a client. Times are epoch milliseconds.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from switchbay.kit.jsonvalue import JsonValue

_REVISION = re.compile(r'(?:W/)?(")?(-?[0-9]{1,18})(?(1)")')
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NO_DIGEST = bytes(32)
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

    @property
    def client_name(self) -> str:
        """The name that is unique in the account."""
        return str(self.document["client_name"])

    def as_client(self) -> Client:
        """The app as the authorization server sees it."""
        return Client(
            account_id=self.account_id,
            installation_id=self.installation_id,
            client_id=self.installation_id,
            client_name=self.client_name,
            enabled=self.enabled,
            grant_types=frozenset(_strings(self.document.get("grant_types"))),
            response_types=frozenset(_strings(self.document.get("response_types"))),
            redirect_uris=_strings(self.document.get("redirect_uris")),
            scope=frozenset(str(self.document.get("scope") or "").split()),
        )


def _strings(value: JsonValue) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


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
