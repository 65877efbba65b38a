"""Which of the eligible engagements is offered, and who is in a control group (sections 8.2 and 8.3).

Pure: chance comes in as a source of numbers, and control groups are fixed by a hash, so that a visitor stays in or out.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b

from switchbay.engagement.domain.objects import Priority
from switchbay.engagement.domain.published import PublishedEngagement
from switchbay.engagement.domain.visit import Visit

WEIGHTS: dict[Priority, float] = {"high": 0.7, "medium": 0.2, "low": 0.1}
"""The chance of each priority where engagements of all three compete."""

_WORD = (1 << 64) - 1


def digest(text: str) -> int:
    """Return 64 bits that stand for a text."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


_digest_of_key = lru_cache(maxsize=65_536)(digest)


def in_control(key: str, visitor_id: str, percentage: float) -> bool:
    """Tell whether a visitor is in the control group of a campaign or an account, which ``key`` names.

    The same answer always; groups of different keys are drawn apart, and a larger percentage only adds visitors.
    """
    return percentage > 0 and falls_in(_digest_of_key(key), digest(visitor_id), percentage)


def falls_in(key: int, visitor: int, percentage: float) -> bool:
    """Tell the same by the digests of a key and of a visitor's id."""
    # The finalizer of SplitMix64: every bit of the two digests moves every bit of the result.
    mixed = (key ^ visitor) * 0xBF58476D1CE4E5B9 & _WORD
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _WORD
    return (mixed ^ mixed >> 31) * 100 < percentage * (_WORD + 1)


def set_digest(eligible: Sequence[PublishedEngagement]) -> int:
    """Return a number that stands for a set of eligible engagements in their revisions; never 0."""
    text = ",".join(sorted(f"{one.id}:{one.revision}" for one in eligible))
    return digest(text) >> 1 or 1


def previous(eligible: Sequence[PublishedEngagement], visit: Visit) -> PublishedEngagement | None:
    """Return what was offered last in the session, when it stays: nothing else could be offered than then.

    Where the visit does not say among which engagements it was chosen, it stays for as long as it is eligible.
    """
    if not visit.contexts:
        return None
    last = visit.contexts[-1]
    kept = next((one for one in eligible if (one.id, one.revision) == (last.engagement_id, last.revision)), None)
    if kept is None or visit.offered_among not in {0, set_digest(eligible)}:
        return None
    return kept


def choose(
    eligible: Sequence[PublishedEngagement], visit: Visit, draw: Callable[[], float]
) -> PublishedEngagement | None:
    """Choose one engagement: the previous one of the session where it stays, otherwise by priority and chance.

    ``draw`` gives numbers from 0 to below 1; the first draws a priority of those that compete, the second one of its
    engagements.
    """
    if not eligible:
        return None
    if (kept := previous(eligible, visit)) is not None:
        return kept
    groups: dict[Priority, list[PublishedEngagement]] = {}
    for engagement in eligible:
        groups.setdefault(engagement.campaign.priority, []).append(engagement)
    group = groups[_priority([priority for priority in WEIGHTS if priority in groups], draw())]
    return group[min(int(draw() * len(group)), len(group) - 1)]


def _priority(competing: list[Priority], drawn: float) -> Priority:
    left = drawn * sum(WEIGHTS[priority] for priority in competing)
    for priority in competing[:-1]:
        left -= WEIGHTS[priority]
        if left < 0:
            return priority
    return competing[-1]
