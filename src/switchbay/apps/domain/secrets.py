"""Client secrets as values: which are valid, which one signs webhooks, and what adding, rotating and removing leave.

An app has one **primary** secret, which rotations replace, and may have others beside it, each with a name. At least
one of its secrets has no end, and exactly one signs. Times are epoch milliseconds.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

MOST_SECRETS: Final = 5
"""How many secrets of one app are valid at once, the one that a rotation is about to end included."""
MOST_ENDED: Final = 5
"""How many ended secrets of one app are remembered, to be told by name when they are still used."""
ENDED_MS: Final = 30 * 86_400_000
"""How long they are remembered."""
PRIMARY: Final = "primary"
"""What the primary secret is called; no other one may be called so."""
LONGEST_NAME: Final = 64
_NO_DIGEST: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A client secret without its text.

    ``not_after`` is when it ends, if it does; ``signs`` marks the one that signs webhooks; ``last_used_at`` is kept to
    the minute; an empty ``name`` is a primary secret's.
    """

    secret_id: str
    digest: bytes = field(repr=False)
    created_at: int
    not_after: int | None = None
    last_used_at: int | None = None
    signs: bool = True
    name: str = ""

    def is_valid(self, now: int) -> bool:
        """Whether the secret is accepted at ``now``."""
        return self.not_after is None or now < self.not_after

    @property
    def is_primary(self) -> bool:
        """Whether rotations replace it."""
        return not self.name

    @property
    def shown_name(self) -> str:
        """The name that people see."""
        return self.name or PRIMARY


@dataclass(frozen=True, slots=True)
class EndedSecret:
    """A secret that is accepted no more, remembered for a while. ``name`` as people see it."""

    secret_id: str
    name: str
    digest: bytes = field(repr=False)
    ended_at: int


@dataclass(frozen=True, slots=True)
class SecretCheck:
    """What a presented secret is: valid, or one that was, or neither. ``name`` is that of the first two."""

    valid: bool
    name: str | None = None
    ended_at: int | None = None


def digest_of(secret: str) -> bytes:
    """What is stored to check a secret. Secrets have 130 random bits, so a fast hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def match_secret(secrets: Sequence[ClientSecret], presented: str, now: int) -> ClientSecret | None:
    """The valid secret that was presented, in a time that depends neither on which one it is nor on how many there are.

    With no secrets at all it does the same work and finds none.
    """
    valid = [secret for secret in secrets if secret.is_valid(now)][:MOST_SECRETS]
    place = _match([secret.digest for secret in valid], presented, MOST_SECRETS)
    return None if place is None else valid[place]


def match_ended(
    secrets: Sequence[ClientSecret], ended: Sequence[EndedSecret], presented: str, now: int
) -> EndedSecret | None:
    """The ended secret that was presented, in the same time whichever it is; those not yet put away count too."""
    over = [
        EndedSecret(secret.secret_id, secret.shown_name, secret.digest, secret.not_after or now)
        for secret in secrets
        if not secret.is_valid(now)
    ]
    remembered = [*over, *ended][:MOST_ENDED]
    place = _match([secret.digest for secret in remembered], presented, MOST_ENDED)
    return None if place is None else remembered[place]


def _match(digests: Sequence[bytes], presented: str, most: int) -> int | None:
    digest = digest_of(presented)
    found: int | None = None
    for place in range(most):
        known = place < len(digests)
        equal = hmac.compare_digest(digests[place] if known else _NO_DIGEST, digest)
        if equal and known:
            found = place
    return found


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a change of secrets leaves: the secrets that stay, with their new dates, and those that end now."""

    kept: tuple[ClientSecret, ...]
    ended: tuple[ClientSecret, ...]


def secret_name(text: str) -> str | None:
    """A secret's name as it is stored, or None when it cannot be one: 1 to 64 printable characters, not ``primary``."""
    name = unicodedata.normalize("NFC", text.strip()) if len(text) <= 4 * LONGEST_NAME else ""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or name.casefold() == PRIMARY:
        return None
    return name


def is_name_taken(secrets: Sequence[ClientSecret], name: str) -> bool:
    """Whether another secret has the name, compared without regard to case."""
    return any(secret.name.casefold() == name.casefold() for secret in secrets)


def current_secret(secrets: Sequence[ClientSecret]) -> ClientSecret | None:
    """The primary secret without an end; where it was removed, another without an end, rather the one that signs."""
    lasting = [secret for secret in secrets if secret.not_after is None]
    return min(lasting, key=lambda secret: (not secret.is_primary, not secret.signs, secret.created_at), default=None)


def count_valid(secrets: Sequence[ClientSecret], now: int) -> int:
    """How many of the secrets are accepted at ``now``."""
    return sum(secret.is_valid(now) for secret in secrets)


def overlap_under_way(secrets: Sequence[ClientSecret], now: int) -> bool:
    """Whether an older primary secret is still valid beside the current one."""
    return count_valid([secret for secret in secrets if secret.is_primary], now) > 1


def rotate(secrets: Sequence[ClientSecret], new: ClientSecret, now: int, overlap_ms: int) -> Rotation:
    """Add ``new`` as the primary secret; the current one stays valid, and signs, for ``overlap_ms``.

    Older ones end now. The connector has the new secret for certain only once it uses it; until then what it verifies
    with is the old one.
    Secrets with a name stay as they are.
    """
    named = tuple(secret for secret in secrets if not secret.is_primary)
    current = tuple(secret for secret in secrets if secret.is_primary and secret.not_after is None)
    older = tuple(secret for secret in secrets if secret.is_primary and secret.not_after is not None)
    coming = replace(new, signs=False)
    if overlap_ms <= 0:
        return Rotation(_sign((*named, coming), coming), (*current, *older))
    ending = tuple(replace(secret, not_after=now + overlap_ms) for secret in current)
    return Rotation(_sign((*named, *ending, coming), next(iter(ending), coming)), older)


def finish(secrets: Sequence[ClientSecret]) -> Rotation:
    """End every primary secret but the current one, which signs from now on unless one with a name does."""
    ended = tuple(secret for secret in secrets if secret.is_primary and secret.not_after is not None)
    return Rotation(_sign(tuple(secret for secret in secrets if secret not in ended)), ended)


def end_over(secrets: Sequence[ClientSecret], now: int) -> Rotation:
    """Put away the secrets whose time is over; where the signing one is among them, another takes over."""
    ended = tuple(secret for secret in secrets if not secret.is_valid(now))
    return Rotation(_sign(tuple(secret for secret in secrets if secret not in ended)), ended)


def remove(secrets: Sequence[ClientSecret], secret_id: str) -> Rotation | None:
    """End one secret now; None when no secret without an end would be left. If it signs, another takes over."""
    kept = tuple(secret for secret in secrets if secret.secret_id != secret_id)
    if all(secret.not_after is not None for secret in kept):
        return None
    return Rotation(_sign(kept), tuple(secret for secret in secrets if secret.secret_id == secret_id))


def is_new_primary(secrets: Sequence[ClientSecret], secret_id: str) -> bool:
    """Whether a secret that was used is to sign from now on: the current primary one, when another still signs."""
    return any(
        secret.secret_id == secret_id and secret.is_primary and secret.not_after is None and not secret.signs
        for secret in secrets
    )


def promote(secrets: Sequence[ClientSecret], secret_id: str) -> tuple[ClientSecret, ...]:
    """Have one secret sign from now on."""
    return tuple(replace(secret, signs=secret.secret_id == secret_id) for secret in secrets)


def _sign(secrets: tuple[ClientSecret, ...], successor: ClientSecret | None = None) -> tuple[ClientSecret, ...]:
    """Have exactly one of the secrets sign: the one that does, else the successor.

    Without a successor that is the primary secret, else the oldest one that has no end.
    """
    if not secrets:
        return ()
    by_rank = sorted(secrets, key=lambda secret: (secret.not_after is not None, not secret.is_primary))
    signing = next((secret for secret in secrets if secret.signs), successor or by_rank[0])
    return promote(secrets, signing.secret_id)
