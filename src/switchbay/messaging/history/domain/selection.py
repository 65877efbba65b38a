"""Which conversations a search is for."""

from dataclasses import dataclass
from typing import Literal

from switchbay.messaging.domain import OpenOrClose
from switchbay.messaging.history.domain.words import Query

SortBy = Literal["start", "end"]


@dataclass(frozen=True, slots=True)
class Span:
    """Times or lengths from ``since`` to ``until``, both included; None is no bound."""

    since: int | None = None
    until: int | None = None


ANY = Span()


@dataclass(frozen=True, slots=True)
class Selection:
    """What the conversations that are wanted have in common. Empty sets and None ask for nothing.

    Times are epoch milliseconds, ``duration`` is in milliseconds, agents are UUIDs of users. ``conversation_ids`` None
    is any conversation. ``keyword`` is looked for in the newest ten thousand messages that have it.
    """

    start: Span = ANY
    end: Span = ANY
    duration: Span = ANY
    conversation_ids: tuple[str, ...] | None = None
    consumer_id: str | None = None
    states: frozenset[OpenOrClose] = frozenset()
    skill_ids: frozenset[str] = frozenset()
    latest_skill_ids: frozenset[str] = frozenset()
    agents: frozenset[str] | None = None
    latest_agents: frozenset[str] | None = None
    is_queued: bool | None = None
    keyword: Query | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of what was found, in which order."""

    offset: int = 0
    limit: int = 50
    sort: SortBy = "start"
    is_descending: bool = True
