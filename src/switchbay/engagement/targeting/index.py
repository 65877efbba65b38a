"""An account's offers, compiled so that a visit costs what it matches and not what is offered.

``Index(published)`` is made once for each revision, and answers what ``Interpreter`` in ``semantics.py`` does. It is a
value: nothing in it changes but what it remembers of today's date, so that several threads may make and ask it.
Engagements are filed by app and by location: a visit meets those of the locations that it is at, and those that are
offered everywhere.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from switchbay.engagement.domain.conditions import Behavior, EngagedInSession
from switchbay.engagement.domain.published import Published, PublishedAudience, PublishedBehavior, PublishedEngagement
from switchbay.engagement.domain.visit import Visit
from switchbay.engagement.targeting.choice import digest, falls_in
from switchbay.engagement.targeting.clauses import (
    Clause,
    audience_clauses,
    behavior_clauses,
    engaged_clause,
    identified,
)
from switchbay.engagement.targeting.clusters import Rarity, Row, add_to, cluster_of
from switchbay.engagement.targeting.days import zone_of
from switchbay.engagement.targeting.entry_points import NOWHERE, Entry
from switchbay.engagement.targeting.facts import Facts
from switchbay.engagement.targeting.locations import Locations
from switchbay.engagement.targeting.semantics import account_key, all_locations, by_kind, campaign_key, is_running

__all__ = ["Entry", "Index"]


class Index:
    """What is offered to whom. Compiling ten thousand engagements takes about a second: do it beside the event loop."""

    def __init__(self, published: Published) -> None:
        self.published = published
        locations = all_locations(published)
        self._locations = Locations(locations)
        self._everywhere = frozenset(location.id for location in locations if not location.conditions)
        self._nowhere = frozenset(self._locations.at(NOWHERE))
        compiler = _Compiler(self._everywhere)
        rows = [
            (engagement, row)
            for place, engagement in enumerate(published.engagements)
            if not engagement.barred
            for row in compiler.rows(place, engagement)
        ]
        rarity = Rarity(row for _, row in rows)
        filed: defaultdict[str, defaultdict[int | None, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for engagement, row in rows:
            ordered = row._replace(clauses=rarity.ordered(row.clauses))
            for location in compiler.locations(engagement):
                filed[engagement.app_installation_id][location].append(ordered)
        self._apps = {
            app: {location: cluster_of(found, rarity) for location, found in by_location.items()}
            for app, by_location in filed.items()
        }
        self._account = digest(account_key(published.account_id))
        campaigns = {engagement.campaign.id for engagement in published.engagements}
        self._campaigns = {one: digest(campaign_key(published.account_id, one)) for one in campaigns}
        self._zone = zone_of(published.time_zone)
        self._day = (0, 0, date.min)

    def locations_of(self, entry: Entry) -> tuple[int, ...]:
        """Return the ids of the account's locations that match, in the order in which they are published."""
        return self._locations.at(entry)

    def _facts(self, visit: Visit, now: int) -> Facts:
        pages = visit.pages
        here = self._everywhere.union(pages[-1].locations) if pages else self._nowhere
        begins, ends, today = self._day
        if not begins <= now < ends:
            today = self._begin_day(now)
        return Facts(visit, now, today, here, self.published.about_to_abandon)

    def _begin_day(self, now: int) -> date:
        today = datetime.fromtimestamp(now / 1000, self._zone).date()
        begins, ends = (
            int(datetime(day.year, day.month, day.day, tzinfo=self._zone).astimezone(UTC).timestamp() * 1000)
            for day in (today, today + timedelta(days=1))
        )
        self._day = (begins, ends, today)
        return today

    def eligible(self, visit: Visit, app_installation_id: str, now: int) -> tuple[PublishedEngagement, ...]:
        """Return what the visitor may be offered by section 8.1, but for an open conversation.

        ``now`` is in Unix milliseconds. The visitor is at the locations that the current page matched when it was
        opened (``Page.locations``). In the order in which engagements are published.
        """
        clusters = self._apps.get(app_installation_id)
        if clusters is None:
            return ()
        facts = self._facts(visit, now)
        found: list[int] = []
        if (everywhere := clusters.get(None)) is not None:
            add_to(everywhere, facts, found)
        for location in facts.locations:
            if (cluster := clusters.get(location)) is not None:
                add_to(cluster, facts, found)
        if not found:
            return ()
        visitor = digest(visit.visitor_id)
        if falls_in(self._account, visitor, self.published.control_percentage):
            return ()
        engagements = self.published.engagements
        dismissed = {context.engagement_id for context in visit.contexts if context.declined is not None}
        return tuple(
            engagement
            for engagement in map(engagements.__getitem__, sorted(set(found)) if len(found) > 1 else found)
            if is_running(engagement.campaign, now)
            and engagement.id not in dismissed
            and not falls_in(self._campaigns[engagement.campaign.id], visitor, engagement.campaign.control_percentage)
        )


class _Compiler:
    """Makes rows; equal conditions are compiled once."""

    def __init__(self, everywhere: frozenset[int]) -> None:
        self._everywhere = everywhere
        self._behaviors: dict[Behavior, list[Clause]] = {}
        self._kinds: dict[tuple[object, ...], list[Clause]] = {}
        self._audiences: dict[int, list[Clause]] = {}

    def locations(self, engagement: PublishedEngagement) -> list[int | None]:
        """Return where an engagement is filed; None: everywhere."""
        found = {location.id for location in engagement.locations}
        if not found or not found.isdisjoint(self._everywhere):
            return [None]
        return [*sorted(found)]

    def rows(self, place: int, engagement: PublishedEngagement) -> Iterator[Row]:
        """Return a row for each behaviour, or one where a behaviour demands nothing."""
        shared = [identified()] if engagement.consumer_identity == "auth" else []
        shared += self._audience(engagement.campaign.audience)
        behaviors: Sequence[PublishedBehavior | None] = engagement.behaviors or (None,)
        if any(behavior is not None and not behavior.conditions for behavior in behaviors):
            behaviors = (None,)
        for behavior in behaviors:
            own = [] if behavior is None else self._behavior(behavior, engagement.id)
            yield Row(place, (*shared, *own))

    def _audience(self, audience: PublishedAudience | None) -> list[Clause]:
        if audience is None:
            return []
        known = self._audiences.get(id(audience))
        if known is None:
            known = []
            for conditions in by_kind(audience.conditions):
                key = tuple(conditions)
                if key not in self._kinds:
                    self._kinds[key] = audience_clauses(conditions)
                known += self._kinds[key]
            self._audiences[id(audience)] = known
        return known

    def _behavior(self, behavior: PublishedBehavior, engagement_id: int) -> Iterator[Clause]:
        for condition in behavior.conditions:
            if isinstance(condition, EngagedInSession):
                yield engaged_clause(condition, engagement_id)
                continue
            if condition not in self._behaviors:
                self._behaviors[condition] = behavior_clauses(condition)
            yield from self._behaviors[condition]
