"""What a node leaves for the others about one batch: which conversations moved, from where to where.

A notice names no events but those that are not stored (chat states): the others read the rest from the tables, from the
place at which they are. So it does not matter in which order notices arrive, or whether one is read twice.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from switchbay.kit.record import Record
from switchbay.messaging.commit import Happening
from switchbay.messaging.domain import Conversation, Published
from switchbay.messaging.routing.domain import RoutingItem


class Place(Record, frozen=True):
    """How far a conversation has come: its revision, and the next sequence of each dialog. Nothing yet is -1."""

    revision: int
    sequences: Mapping[str, int]

    def covers(self, other: "Place") -> bool:
        """Whether nothing of ``other`` is missing here."""
        return self.revision >= other.revision and all(
            self.sequences.get(dialog_id, 0) >= sequence for dialog_id, sequence in other.sequences.items()
        )


NOWHERE: Final = Place(-1, {})


def place_of(conversation: Conversation | None) -> Place:
    """How far a conversation has come; None is one that does not exist yet."""
    if conversation is None:
        return NOWHERE
    return Place(conversation.revision, {one.dialog_id: one.next_sequence for one in conversation.dialogs})


class Notice(Record, frozen=True):
    """A conversation has moved. ``passing`` are the events that are told and not stored."""

    account_id: str
    conversation_id: str
    before: Place
    after: Place
    passing: tuple[Published, ...] = ()


class SessionsOver(Record, frozen=True):
    """Sessions of an account's users that have ended before their time."""

    account_id: str
    session_ids: tuple[str, ...]


class Page(Record, frozen=True):
    """What one batch leaves for the other nodes about an account."""

    notices: tuple[Notice, ...] = ()
    items: tuple[RoutingItem, ...] = ()
    over: SessionsOver | None = None


_page: Final = msgspec.json.Decoder(Page)
_encode: Final = msgspec.json.Encoder().encode


def passing_of(happening: Happening) -> tuple[Published, ...]:
    """The events that are not stored."""
    return tuple(one for one in happening.emitted if isinstance(one, Published) and one.sequence is None)


def notices_of(happenings: Sequence[Happening]) -> list[Notice]:
    """One notice for each conversation, in the order in which they moved first."""
    found: dict[tuple[str, str], Notice] = {}
    for one in happenings:
        key = (one.after.account_id, one.after.conversation_id)
        known = found.get(key)
        before = place_of(one.before) if known is None else known.before
        passing = (() if known is None else known.passing) + passing_of(one)
        found[key] = Notice(*key, before, place_of(one.after), passing)
    return list(found.values())


def encode_page(page: Page) -> str:
    """A page as it is stored."""
    return _encode(page).decode()


def decode_page(text: str) -> Page:
    """Read a stored page."""
    return _page.decode(text)
