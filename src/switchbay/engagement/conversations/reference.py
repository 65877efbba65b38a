"""What a client says of the offer that it opens a conversation from (section 9 of the reference), without I/O.

``campaignInfo`` names campaign and engagement, by numbers or strings of digits. ``conversationContext`` of the type
``SharkContext`` says in which session of which visitor they were offered. What does not fit is as if it were not there:
connectors send campaigns of their own.
"""

import re
from typing import Any, Final

import msgspec

from switchbay.engagement.domain.published import Published, PublishedEngagement
from switchbay.engagement.domain.visit import Context, Visit
from switchbay.messaging.public import Origin

CONTEXT: Final = "SharkContext"
_ID: Final = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_MOST_DIGITS: Final = 18
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Reference(msgspec.Struct, frozen=True):
    """The offer that is named; the last three are empty where nothing is said of the session."""

    campaign_id: int
    engagement_id: int
    visitor_id: str = ""
    session_id: str = ""
    context_id: str = ""


def read_reference(campaign_info: str | None, context: str | None) -> Reference | None:
    """The offer that a request names, both given as JSON text."""
    if campaign_info is None:
        return None
    campaign = _decode(campaign_info)
    campaign_id, engagement_id = _number(campaign.get("campaignId")), _number(campaign.get("engagementId"))
    if campaign_id is None or engagement_id is None:
        return None
    found = {} if context is None else _decode(context)
    names = ("visitorId", "sessionId", "interactionContextId")
    ids = [_id(found.get(name)) for name in names] if found.get("type") == CONTEXT else []
    return Reference(campaign_id, engagement_id, *(ids if all(ids) else ()))


def find_engagement(published: Published, reference: Reference, app: str | None) -> PublishedEngagement | None:
    """The published engagement that is named. An app, if it is given, must be the one that offers it."""
    for one in published.engagements:
        if one.id == reference.engagement_id and one.campaign.id == reference.campaign_id:
            return one if app is None or one.app_installation_id == app else None
    return None


def origin_from(reference: Reference, engagement: PublishedEngagement) -> Origin:
    """What the conversation remembers of its offer."""
    return Origin(
        campaign_id=engagement.campaign.id,
        campaign_name=engagement.campaign.name,
        engagement_id=engagement.id,
        engagement_name=engagement.name,
        visitor_id=reference.visitor_id,
        session_id=reference.session_id,
        context_id=reference.context_id,
    )


def with_language(context: str | None, language: str | None) -> str | None:
    """The context with the engagement's language, where the client named none."""
    if language is None:
        return context
    found = {"type": CONTEXT} if context is None else _decode(context)
    if found.get("lang"):
        return context
    return msgspec.json.encode({**found, "lang": language}).decode()


def find_context(visit: Visit, origin: Origin) -> Context | None:
    """The offer in its session, if it was made there."""
    for one in visit.contexts:
        if one.id == origin.context_id:
            is_it = (one.campaign_id, one.engagement_id) == (origin.campaign_id, origin.engagement_id)
            return one if is_it else None
    return None


def interacted(visit: Visit, context: Context, conversation_id: str, at: int) -> Visit:
    """The visit once the visitor has taken the offer up; ``at`` in Unix milliseconds."""
    taken = msgspec.structs.replace(context, interacted=at, conversation_id=conversation_id)
    contexts = tuple(taken if one.id == context.id else one for one in visit.contexts)
    return msgspec.structs.replace(visit, contexts=contexts)


def _number(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**_MOST_DIGITS else None


def _id(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text if isinstance(text, str) and _ID.fullmatch(text) else ""
