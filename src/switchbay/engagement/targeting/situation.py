"""What conditions are evaluated against: a visit at a moment, by an account's settings."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from switchbay.engagement.domain.visit import Visit

Abandonment: TypeAlias = Literal["model", "external", "off"]


@dataclass(frozen=True, slots=True)
class Situation:
    """``locations`` are ids of those that the visitor is at now; ``today`` is the date in the account's time zone."""

    visit: Visit
    now: int
    """Unix milliseconds."""
    today: date
    locations: AbstractSet[int]
    abandonment: Abandonment = "model"
