"""A request to erase what is kept of one consumer, and how far the work is."""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """What an erasure is doing: conversations first, then what the log of webhooks and repeated requests keep."""

    CONVERSATIONS = "conversations"
    WEBHOOKS = "webhooks"
    ANSWERS = "answers"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Erasure:
    """Times are epoch milliseconds. ``consumer_id`` is None when the work is done: then nobody knows it any more.

    ``pseudonym`` stands in its place wherever it was. Only conversations that began until the request are erased;
    ``since`` is when the first of them did. ``cursor`` is how far the phase has come.
    """

    account_id: str
    erasure_id: str
    consumer_id: str | None
    pseudonym: str
    phase: Phase
    cursor: str
    since: int
    conversations: int
    events: int
    requested_at: int
    finished_at: int | None = None
