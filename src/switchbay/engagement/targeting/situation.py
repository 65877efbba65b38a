"""What conditions are evaluated against: a visit at a moment, by an account's settings."""

from collections.abc import Set as AbstractSet
from datetime import date
from typing import Literal, TypeAlias

import msgspec

from switchbay.engagement.domain.visit import Visit

Abandonment: TypeAlias = Literal["model", "external", "off"]


class Situation(msgspec.Struct, frozen=True):
    """``locations`` are ids of those that the visitor is at now; ``today`` is the date in the account's time zone."""

    visit: Visit
    now: int
    """Unix milliseconds."""
    today: date
    locations: AbstractSet[int]
    abandonment: Abandonment = "model"
