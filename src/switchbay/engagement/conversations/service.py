"""Conversations that begin with an offer (section 9 of the reference).

Before a conversation is opened, what its engagement says of skill and language is added where the client says nothing.
In the transaction that stores it, its offer is marked as taken up in the visitor's session and counted, if it was made
there, and who is in it is remembered by every name that the session knows. All of it is forgotten when it closes.

A reference to an offer that was never made, or to a session that is gone, does not keep a consumer from talking: the
conversation is opened, and counts for nothing.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeAlias

import structlog
from msgspec import structs

from switchbay.engagement.conversations import store
from switchbay.engagement.conversations.reference import (
    find_context,
    find_engagement,
    interacted,
    origin_from,
    read_reference,
    with_language,
)
from switchbay.engagement.conversations.store import Subject, Talk
from switchbay.engagement.domain.happenings import Happening
from switchbay.engagement.domain.published import Published
from switchbay.engagement.domain.visit import Visit
from switchbay.infra.db import Tx
from switchbay.messaging.public import Command, ConsumerCaller, Conversation, Origin, find_talking, origin_of
from switchbay.messaging.public import Happening as Happened

Count: TypeAlias = Callable[[Tx, str, Sequence[Happening]], Awaitable[None]]
ANY_SKILL: Final = "-1"
_log = structlog.get_logger("engagement")


class Offers(Protocol):
    """What an account offers now."""

    async def of(self, account_id: str) -> Published:
        """The account's published campaigns."""
        ...


class Visits(Protocol):
    """The sessions of visitors."""

    async def lock(self, tx: Tx, account_id: str, visitor_id: str, session_id: str) -> Visit | None:
        """A session as it stands, which nobody else changes until the transaction ends."""
        ...

    async def keep(self, tx: Tx, account_id: str, visit: Visit) -> None:
        """Store a session that was locked."""
        ...


class Conversations:
    """What engagements have to do with conversations; messaging has commands and happenings pass through here."""

    def __init__(self, offers: Offers, visits: Visits, count: Count) -> None:
        self._offers = offers
        self._visits = visits
        self._count = count

    async def admit(self, command: Command) -> Command:
        """Add what the engagement says to a request that opens a conversation from it."""
        opening = command.open
        if opening is None or opening.campaign_info is None or not isinstance(command.caller, ConsumerCaller):
            return command
        reference = read_reference(opening.campaign_info, opening.context)
        if reference is None:
            return command
        published = await self._offers.of(command.account_id)
        engagement = find_engagement(published, reference, command.caller.installation_id)
        if engagement is None:
            return command
        completed = replace(
            opening,
            skill_id=str(engagement.skill_id) if opening.skill_id == ANY_SKILL else opening.skill_id,
            context=with_language(opening.context, engagement.language),
            origin=origin_from(reference, engagement),
        )
        return structs.replace(command, open=completed)

    async def follow(self, tx: Tx, happened: Sequence[Happened]) -> None:
        """Follow conversations that have begun or ended, within the transaction in which they do."""
        ended: list[Conversation] = []
        begun: list[tuple[Conversation, Origin]] = []
        for one in happened:
            is_new, is_over = one.before is None, one.after.stage == "CLOSE"
            if not is_new and not is_over:
                continue
            origin = origin_of(one.after)
            if origin is not None:
                if is_over:
                    ended.append(one.after)
                else:
                    begun.append((one.after, origin))
        # Sessions are locked in the order of their keys, so that nobody waits for each other in a circle.
        for conversation, origin in sorted(begun, key=_session_key):
            await self._begin(tx, conversation, origin)
        await store.delete_subjects(tx, ended)

    async def _begin(self, tx: Tx, conversation: Conversation, origin: Origin) -> None:
        account_id = conversation.account_id
        visit = None
        if origin.context_id:
            visit = await self._visits.lock(tx, account_id, origin.visitor_id, origin.session_id)
        names = {conversation.consumer_id}
        context = None if visit is None else find_context(visit, origin)
        if visit is None or context is None:
            _log.info("a conversation names an offer that was not made", account_id=account_id)
        else:
            names.update(one.sub for one in visit.identities)
            if context.interacted is None:
                now = conversation.started_at
                await self._visits.keep(tx, account_id, interacted(visit, context, conversation.conversation_id, now))
                happening = Happening(
                    at=now,
                    kind="conversation",
                    campaign_id=context.campaign_id,
                    engagement_id=context.engagement_id,
                    revision=context.revision,
                    context_id=context.id,
                    visitor_id=visit.visitor_id,
                    session_id=visit.session_id,
                )
                await self._count(tx, account_id, [happening])
        await store.insert_subjects(tx, conversation, origin, names)


async def find_open(tx: Tx, subjects: Collection[Subject]) -> Mapping[Subject, Talk]:
    """The open conversation of each of these consumers that has one, whether it began with an offer or not."""
    found = dict(await store.find_talks(tx, subjects))
    rest = [subject for subject in subjects if subject not in found]
    for subject, conversation_id in (await find_talking(tx, rest)).items():
        found[subject] = Talk(conversation_id)
    return found


def _session_key(begun: tuple[Conversation, Origin]) -> tuple[str, str, str]:
    conversation, origin = begun
    return conversation.account_id, origin.session_id, conversation.conversation_id
