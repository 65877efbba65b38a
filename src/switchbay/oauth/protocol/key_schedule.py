"""When a signing key is made, published, signs, stops and goes: decisions over times, for keys that rotate by schedule.

A published key set is cached by whoever verifies (RFC 9111), for as long as its ``max-age`` says. So a key is published
long before it first signs, and stays published until the last token that it signed is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from switchbay.oauth.domain import Algorithm, KeyPurpose

MARGIN_MS: Final = 60_000
"""What every span of the schedule is longer by: clocks of nodes differ, and what a node remembers is seconds old."""
PUBLISHED: Final = frozenset({KeyPurpose.APP_V2, KeyPurpose.OIDC})
"""Keys of these purposes are published and rotate by schedule; the others are rotated by hand only."""
ALGORITHMS: Final[Mapping[KeyPurpose, tuple[Algorithm, ...]]] = {
    KeyPurpose.APP_V1: (Algorithm.RS256,),
    KeyPurpose.APP_V2: (Algorithm.RS256,),
    KeyPurpose.CONSUMER: (Algorithm.RS256,),
    KeyPurpose.OIDC: (Algorithm.RS256, Algorithm.ES256),
}
PUBLISHED_SLOTS: Final = tuple(
    (purpose, alg) for purpose in KeyPurpose if purpose in PUBLISHED for alg in ALGORITHMS[purpose]
)
"""Every place in which some key signs whose public part is in the account's key set."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The spans of the life of keys. ``rotation_ms`` 0: no key rotates but by hand."""

    rotation_ms: int
    jwks_ms: int
    token_ms: int
    """The longest life of what a key signs, consumer tokens apart."""
    consumer_token_ms: int

    @property
    def lead_ms(self) -> int:
        """How long a key is published before it signs: twice as long as a key set may be cached."""
        return 2 * self.jwks_ms + MARGIN_MS

    def next_is_due(self, now: int) -> int | None:
        """An active key that signs since then, or longer, needs its successor made; None: none ever does."""
        return now - max(0, self.rotation_ms - self.lead_ms) if self.rotation_ms else None

    def next_is_ripe(self, now: int) -> int:
        """A next key that was published then, or earlier, may sign."""
        return now - self.lead_ms

    def retiring_is_over(self, purpose: KeyPurpose, now: int) -> int:
        """Nothing that is still good was signed by a key that retired then, or earlier."""
        return now - self.retiring_ms(purpose)

    def retiring_ms(self, purpose: KeyPurpose) -> int:
        """How long a key verifies after it signed for the last time."""
        longest = self.consumer_token_ms if purpose is KeyPurpose.CONSUMER else self.token_ms
        return longest + self.jwks_ms + MARGIN_MS

    @property
    def max_age_seconds(self) -> int:
        """How long an account's key set may be cached.

        The set has every key that may sign until the next one is made. One made right after the set was read signs
        after ``lead_ms`` at the soonest, so the set must not be believed for longer.
        """
        return min(self.jwks_ms, self.lead_ms) // 1000
