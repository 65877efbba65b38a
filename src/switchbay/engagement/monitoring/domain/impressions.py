"""What impression events do to the offers of a session (section 5.2 of the reference)."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import structs

from switchbay.engagement.domain.happenings import Happening, HappeningKind
from switchbay.engagement.domain.visit import Context, Visit
from switchbay.engagement.monitoring.errors import body_invalid
from switchbay.engagement.monitoring.wire import attributes as wire

_KINDS: Final[Mapping[type[wire.Impression], HappeningKind]] = {
    wire.Displayed: "displayed",
    wire.Accepted: "accepted",
    wire.Expanded: "expanded",
    wire.TimedOut: "timeout",
    wire.Closed: "closed",
}


def happening(visit: Visit, context: Context, kind: HappeningKind, at: int, *, goal_id: int | None = None) -> Happening:
    """What reports are told of an offer."""
    return Happening(
        at=at,
        kind=kind,
        campaign_id=context.campaign_id,
        engagement_id=context.engagement_id,
        revision=context.revision,
        context_id=context.id,
        visitor_id=visit.visitor_id,
        session_id=visit.session_id,
        goal_id=goal_id,
    )


def apply(visit: Visit, events: Sequence[wire.Impression], now: int) -> tuple[Visit, list[Happening]]:
    """Note what was done with offers. Raises 400/5 for an event about an offer that was not made in this session.

    What is said a second time changes nothing and is not counted again, but for an offer that expires or opens up.
    """
    happenings: list[Happening] = []
    for event in events:
        context = _context_of(visit, event)
        if context is None:
            raise body_invalid(
                f"engagementAttributes: campaign {event.campaign} and engagement {event.eng_id} were not offered"
                " in this session in that context; call engagement first."
            )
        kind = _KINDS[type(event)]
        after = _after(context, kind, now)
        if after is not context:
            contexts = tuple(after if one is context else one for one in visit.contexts)
            visit = structs.replace(visit, contexts=contexts)
        elif kind in ("displayed", "accepted", "closed"):
            continue
        happenings.append(happening(visit, context, kind, now))
    return visit, happenings


def _context_of(visit: Visit, event: wire.Impression) -> Context | None:
    """The offer that it names; without a context the newest one of that engagement, of that revision if possible."""
    named = {one.id for one in event.e_context or ()}
    found = None
    for one in reversed(visit.contexts):
        if (one.campaign_id, one.engagement_id) != (event.campaign, event.eng_id):
            continue
        if named:
            if one.id in named:
                return one
        elif one.revision == event.revision:
            return one
        else:
            found = found or one
    return found


def _after(context: Context, kind: HappeningKind, now: int) -> Context:
    if kind == "displayed" and context.displayed is None:
        return structs.replace(context, displayed=now)
    if kind == "accepted" and context.clicked is None:
        return structs.replace(context, clicked=now)
    if kind == "closed" and context.declined is None:
        return structs.replace(context, declined=now)
    return context
