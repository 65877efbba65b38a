"""The order of work of both methods (sections 4.9 and 4.10 of the reference)."""

from collections.abc import Mapping
from typing import Final

from msgspec import structs

from switchbay.engagement.domain.happenings import Happening
from switchbay.engagement.domain.visit import Context, Visit
from switchbay.engagement.monitoring.domain import impressions
from switchbay.engagement.monitoring.domain.asked import (
    Asked,
    Choice,
    Decision,
    Offered,
    Surroundings,
    Visitor,
)
from switchbay.engagement.monitoring.domain.attributes import merge
from switchbay.engagement.monitoring.domain.bounds import bounded
from switchbay.engagement.monitoring.domain.describing import describe, identify
from switchbay.engagement.monitoring.domain.goals import LONGEST_MS, reach
from switchbay.engagement.monitoring.domain.pages import open_page, sort_points
from switchbay.engagement.monitoring.neighbours import OpenConversation
from switchbay.engagement.monitoring.wire import attributes as wire
from switchbay.engagement.monitoring.wire.bodies import EngagementBody
from switchbay.engagement.targeting.entry_points import Entry

_IMPRESSIONS: Final = (wire.Displayed, wire.Accepted, wire.Expanded, wire.TimedOut, wire.Closed)


def decide(
    asked: Asked,
    live: Visit | None,
    visitor: Visitor | None,
    conversations: Mapping[str, OpenConversation],
    around: Surroundings,
    now: int,
) -> Decision:
    """Do one request, given the session if it goes on, the visitor if they are known, and who is in a conversation.

    ``conversations`` are by ``sub``. Raises 400/5 for impression events that belong to no offer of the session.
    """
    before = started(asked, visitor, now) if live is None else live
    now = max(now, before.seen)  # a clock that is behind another node's does not turn time back
    visit = structs.replace(before, seen=now)
    visit = describe(identify(visit, asked.body), asked, around)
    visit, happenings = _attributed(visit, asked, now)
    visit, page_id = _paged(visit, asked, now)
    visit, goals = reach(before, visit, asked.rules, now)
    happenings += goals
    conversation = next((conversations[one.sub] for one in visit.identities if one.sub in conversations), None)
    offered = None
    if conversation is None and isinstance(asked.body, EngagementBody):
        choice = asked.rules.offer(visit, asked.installation_id, now, asked.fresh.draws().__next__)
        if choice is not None:
            visit, offered = _offered(visit, choice, page_id, now, happenings)
    return Decision(
        before=live,
        visit=bounded(visit),
        page_id=page_id,
        offered=offered,
        conversation=conversation,
        happenings=happenings,
    )


def started(asked: Asked, visitor: Visitor | None, now: int) -> Visit:
    """A new session, of a visitor who is known or of a new one."""
    if visitor is None:
        return Visit(visitor_id=asked.fresh.visitor_id, session_id=asked.fresh.session_id, started=now, seen=now)
    return Visit(
        visitor_id=visitor.visitor_id,
        session_id=asked.fresh.session_id,
        started=now,
        seen=now,
        is_returning=True,
        earlier=tuple(one for one in visitor.exposures if now - one.at < LONGEST_MS),
    )


def _attributed(visit: Visit, asked: Asked, now: int) -> tuple[Visit, list[Happening]]:
    events: list[wire.Impression] = []
    for attribute in asked.body.engagement_attributes or ():
        if isinstance(attribute, _IMPRESSIONS):
            events.append(attribute)
        else:
            visit = merge(visit, attribute)
    return impressions.apply(visit, events, now) if events else (visit, [])


def _paged(visit: Visit, asked: Asked, now: int) -> tuple[Visit, str]:
    """Open a page if the visitor is at a new one; the page's id.

    A list of entry points opens a page, unless it comes with the id of the current one. Without entry points the
    visitor stays where they are; who is nowhere yet gets a page that matches no entry point.
    """
    body = asked.body
    if visit.pages:
        current = visit.pages[-1].id
        if body.entry_points is None or body.page_id == current:
            return visit, body.page_id or current
    page_id = body.page_id or asked.fresh.page_id
    points = sort_points(body.entry_points or ())
    title = body.page_title or ""
    locations = asked.rules.locations_of(Entry(points.url, title, points.sections))
    visit = open_page(
        visit,
        points,
        page_id=page_id,
        title=title,
        referrer=body.referrer or "",
        locations=locations,
        now=now,
    )
    return visit, page_id


def _offered(
    visit: Visit, choice: Choice, page_id: str, now: int, happenings: list[Happening]
) -> tuple[Visit, Offered]:
    """The offer in its context: the last one's if it is the same offer, else a new one."""
    engagement = choice.engagement
    if visit.offered_among != choice.among:
        visit = structs.replace(visit, offered_among=choice.among)
    last = visit.contexts[-1] if visit.contexts else None
    key = (engagement.campaign.id, engagement.id, engagement.revision)
    if last is not None and last.interacted is None and key == (last.campaign_id, last.engagement_id, last.revision):
        return visit, Offered(engagement, last)
    context = Context(
        id=str(1 if last is None else int(last.id) + 1),
        at=now,
        campaign_id=engagement.campaign.id,
        engagement_id=engagement.id,
        revision=engagement.revision,
        page_id=page_id,
    )
    happenings.append(impressions.happening(visit, context, "offered", now))
    return structs.replace(visit, contexts=(*visit.contexts, context)), Offered(engagement, context)
