"""Conversations as they stand, with what was published in them since some place."""

from collections.abc import Mapping
from typing import Final

import msgspec

from switchbay.infra.db import Tx
from switchbay.kit.record import Record
from switchbay.messaging import store
from switchbay.messaging.domain import Audience, Conversation, Event, EventKind, Published, Role, StoredEvent
from switchbay.messaging.feed.notices import Place

_AT_ONCE: Final = 500


class Reading(Record, frozen=True):
    """A conversation, and its events since the place asked for, in the order in which they were published."""

    conversation: Conversation
    events: tuple[Published, ...]


class _Typed(msgspec.Struct):
    type: EventKind


_typed: Final = msgspec.json.Decoder(_Typed)


async def read_from(tx: Tx, places: Mapping[tuple[str, str], Place]) -> dict[tuple[str, str], Reading]:
    """Read these conversations, each from its place on; one that is no more is left out."""
    found = {}
    for key, place in places.items():
        conversation = await store.find_conversation(tx, *key)
        if conversation is not None:
            found[key] = Reading(conversation, await _events_since(tx, conversation, place))
    return found


async def _events_since(tx: Tx, conversation: Conversation, place: Place) -> tuple[Published, ...]:
    found: list[Published] = []
    for dialog in conversation.dialogs:
        since = place.sequences.get(dialog.dialog_id, 0)
        while since < dialog.next_sequence:
            some = await store.list_events(
                tx, conversation.account_id, conversation.conversation_id, dialog.dialog_id, since, _AT_ONCE
            )
            found.extend(published_again(dialog.dialog_id, one) for one in some)
            if not some:
                break
            since = some[-1].sequence + 1
    return tuple(sorted(found, key=lambda one: one.server_timestamp or 0))


def published_again(dialog_id: str, stored: StoredEvent) -> Published:
    """A stored event as it was when it was published."""
    return Published(
        dialog_id,
        stored.sequence,
        stored.originator_id,
        Role(stored.role),
        stored.server_timestamp,
        Event(_typed.decode(stored.event).type, stored.event),
        Audience(stored.audience),
        stored.client_properties,
        stored.metadata,
    )
