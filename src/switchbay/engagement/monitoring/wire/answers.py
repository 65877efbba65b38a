"""Bodies of answers (sections 4.5 to 4.7 of the reference)."""

from typing import Final, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from switchbay.engagement.monitoring.domain.asked import Decision, Rules
from switchbay.engagement.monitoring.errors import Refusal

_encode: Final = msgspec.json.Encoder().encode


class _Part(Struct, frozen=True, rename="camel", omit_defaults=True):
    """An object of an answer; members that do not apply are left out."""


class Details(_Part, frozen=True, kw_only=True):
    """One element of ``engagementDetails``."""

    campaign_id: int | UnsetType = UNSET
    engagement_id: int | UnsetType = UNSET
    engagement_revision: int | UnsetType = UNSET
    context_id: str | UnsetType = UNSET
    conversation_id: str | UnsetType = UNSET
    connector_id: int | UnsetType = UNSET
    window_id: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    status: Literal["expose", "conversation"]


class Engaged(_Part, frozen=True, kw_only=True):
    """What ``engagement`` answers."""

    session_id: str
    visitor_id: str
    page_id: str
    engagement_details: tuple[Details, ...] | UnsetType = UNSET


class Reported(_Part, frozen=True, kw_only=True):
    """What ``report`` answers."""

    session_id: str
    visitor_id: str
    page_id: str


class _Error(Struct, frozen=True, rename="camel"):
    """What a refused request is answered."""

    time: int
    message: str
    internal_code: int


def engaged(decision: Decision, rules: Rules) -> bytes:
    """The answer of ``engagement``."""
    details = _details(decision, rules)
    return _encode(
        Engaged(
            session_id=decision.visit.session_id,
            visitor_id=decision.visit.visitor_id,
            page_id=decision.page_id,
            engagement_details=UNSET if details is None else (details,),
        )
    )


def reported(decision: Decision) -> bytes:
    """The answer of ``report``."""
    visit = decision.visit
    return _encode(Reported(session_id=visit.session_id, visitor_id=visit.visitor_id, page_id=decision.page_id))


def refused(refusal: Refusal, now: int) -> bytes:
    """The answer to a refused request."""
    return _encode(_Error(now, refusal.message, refusal.code))


def _details(decision: Decision, rules: Rules) -> Details | None:
    if decision.conversation is not None:
        return _conversation(decision, rules)
    if decision.offered is None:
        return None
    engagement = decision.offered.engagement
    return Details(
        campaign_id=engagement.campaign.id,
        engagement_id=engagement.id,
        engagement_revision=engagement.revision,
        context_id=decision.offered.context.id,
        connector_id=UNSET if engagement.connector_id is None else engagement.connector_id,
        window_id=UNSET if engagement.window_id is None else str(engagement.window_id),
        language=UNSET if engagement.language is None else engagement.language,
        status="expose",
    )


def _conversation(decision: Decision, rules: Rules) -> Details:
    """The open conversation, with the offer that it came from as far as that is known."""
    conversation = decision.conversation
    assert conversation is not None  # noqa: S101 - for the type checker
    context = next(
        (one for one in decision.visit.contexts if one.conversation_id == conversation.conversation_id), None
    )
    engagement_id = conversation.engagement_id if context is None else context.engagement_id
    campaign_id = conversation.campaign_id if context is None else context.campaign_id
    published = rules.engagements.get(engagement_id) if engagement_id is not None else None
    revision = UNSET if published is None else published.revision
    connector = None if published is None else published.connector_id
    return Details(
        campaign_id=UNSET if campaign_id is None else campaign_id,
        engagement_id=UNSET if engagement_id is None else engagement_id,
        engagement_revision=revision if context is None else context.revision,
        conversation_id=conversation.conversation_id,
        connector_id=UNSET if connector is None else connector,
        status="conversation",
    )
