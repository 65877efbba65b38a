"""What visitors do that reports count: each offer, each thing done with it, each goal that was reached."""

from typing import Literal, TypeAlias

from switchbay.kit.record import Record

HappeningKind: TypeAlias = Literal[
    "offered", "displayed", "accepted", "expanded", "timeout", "closed", "conversation", "goal"
]


class Happening(Record, frozen=True, kw_only=True):
    """One of them. ``at`` in Unix milliseconds.

    ``context_id`` numbers the offer within the session that it was made in, which for a ``goal`` may be an earlier one:
    it is the last offer of the campaign that the visitor had seen.
    """

    at: int
    kind: HappeningKind
    campaign_id: int
    engagement_id: int
    revision: int
    context_id: str
    visitor_id: str
    session_id: str
    goal_id: int | None = None
    value: float | None = None
    """What was paid, where the goal was reached with a purchase that said so."""
