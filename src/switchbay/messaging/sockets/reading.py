"""Conversations that a subscription, or a request about a dialog, looks for among those that are stored."""

from typing import Final

from switchbay.messaging.domain import Conversation, OpenOrClose
from switchbay.messaging.service import Messaging
from switchbay.messaging.sockets.subscriptions import Wanted

_MOST_SEARCHED: Final = 2_000
_OPEN: Final[frozenset[OpenOrClose]] = frozenset({"OPEN"})


async def list_wanted(messaging: Messaging, account_id: str, wanted: Wanted, most: int) -> list[Conversation]:
    """The newest conversations that match, at most ``most``."""
    is_open = True if _OPEN in {wanted.states, wanted.stages} else None
    people = wanted.agents if wanted.seen_by is None else frozenset({wanted.seen_by})
    if wanted.consumer_id is not None:
        people = frozenset({wanted.consumer_id})
    if people is None:
        found = (
            await messaging.list_open_conversations(account_id, most=most)
            if is_open
            else await messaging.list_conversations(account_id, state=None, before=None, most=most)
        )
    else:
        by_id: dict[str, Conversation] = {}
        for participant_id in sorted(people):
            some = await messaging.list_conversations_of(account_id, participant_id, is_open=is_open, most=most)
            by_id |= {one.conversation_id: one for one in some}
        if wanted.surveys and wanted.agents is None:
            some = await messaging.list_open_conversations(account_id, most=_MOST_SEARCHED)
            by_id |= {one.conversation_id: one for one in some}
        found = sorted(by_id.values(), key=lambda one: one.started_at, reverse=True)
    return [one for one in found if wanted.matches(one)][:most]


async def find_by_dialog(messaging: Messaging, account_id: str, dialog_id: str) -> Conversation | None:
    """The conversation that has this dialog besides its main one: surveys that run, dialogs among agents."""
    for one in await messaging.list_open_conversations(account_id, most=_MOST_SEARCHED):
        if one.find_dialog(dialog_id) is not None:
            return one
    return None
