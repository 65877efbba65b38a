"""Replays: which events of the log are sent again, and how far that is. Pure."""

from dataclasses import dataclass, replace
from enum import StrEnum

from switchbay.kit.ids import time_of_sortable_id


class ReplayState(StrEnum):
    """Where a replay is in its life."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ReplayFilter:
    """Which events are sent again; None for any. ``since`` (inclusive) and ``until`` (exclusive) in milliseconds."""

    owner_id: str | None
    lane: str | None
    event_key: str | None
    status: str | None
    outcome: str | None
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay. What lies before ``cursor``, a delivery's id, is done with.

    ``replayed`` counts the events that were put at the ends of their conversations, ``skipped`` those whose app no
    longer takes them.
    """

    account_id: str
    id: str
    wanted: ReplayFilter
    cursor: str
    replayed: int
    skipped: int
    state: ReplayState
    created_at: int
    updated_at: int
    finished_at: int | None

    @property
    def passed_until(self) -> int:
        """Up to when the log has been worked off, epoch milliseconds."""
        if self.state is ReplayState.DONE:
            return self.wanted.until
        return min(self.wanted.until, time_of_sortable_id(self.cursor))

    @property
    def progress(self) -> float:
        """The share of the time between ``since`` and ``until`` that has been worked off, 0 to 1."""
        whole = self.wanted.until - self.wanted.since
        return 1.0 if whole <= 0 else round((self.passed_until - self.wanted.since) / whole, 4)

    def advanced(self, cursor: str, *, end: str, replayed: int, skipped: int, now: int) -> "Replay":
        """The replay after one more stretch of the log, which ended before ``cursor``."""
        is_over = cursor >= end
        return replace(
            self,
            cursor=cursor,
            replayed=self.replayed + replayed,
            skipped=self.skipped + skipped,
            state=ReplayState.DONE if is_over else ReplayState.RUNNING,
            updated_at=now,
            finished_at=now if is_over else None,
        )
