"""Explanations and simulations of an account's engagements, published or not.

What is asked about is taken as it would be if it were published now: the objects are read, the campaign is published in
the copy that is compiled, and nothing is stored. Both are worked out beside the event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

import msgspec
from msgspec.structs import replace

from switchbay.apps.public import Apps
from switchbay.engagement.configuration import errors as configuration_errors
from switchbay.engagement.configuration import store
from switchbay.engagement.configuration.publishing import published_of
from switchbay.engagement.domain.objects import AnyObject, CampaignObject, EngagementObject
from switchbay.engagement.domain.published import Published
from switchbay.engagement.domain.visit import Visit
from switchbay.engagement.targeting import errors
from switchbay.engagement.targeting.crowds import crowd_for
from switchbay.engagement.targeting.explain import Explanation, explain
from switchbay.engagement.targeting.locations import Locations
from switchbay.engagement.targeting.made_up import read_visit
from switchbay.engagement.targeting.semantics import all_locations
from switchbay.engagement.targeting.simulate import Simulation, simulate
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock
from switchbay.kit.jsonvalue import JsonValue

MOST_PAIRS: Final = 100_000
"""Of a visit and an engagement, in one simulation: half a minute or so of a core."""
MOST_VISITS: Final = 10_000

Subject: TypeAlias = tuple[str, str]


class Visits(Protocol):
    """What is asked of monitoring."""

    async def find_visit(self, account_id: str, visitor_id: str, session_id: str) -> Visit | None:
        """A visit that goes on."""
        ...


OpenConversations: TypeAlias = Callable[[Tx, Collection[Subject]], Awaitable[Mapping[Subject, object]]]


class Explanations:
    """Says of engagements who would be offered them, and why."""

    def __init__(
        self, db: Database, clock: Clock, apps: Apps, visits: Visits, open_conversations: OpenConversations
    ) -> None:
        self._db = db
        self._clock = clock
        self._apps = apps
        self._visits = visits
        self._open_conversations = open_conversations
        self._simulating = False

    async def explain_made_up(
        self, account_id: str, engagement_id: int, visit: JsonValue, *, app_id: str | None, at: int | None
    ) -> Explanation:
        """Explain an engagement for a visit that was written down. Raises ``object_unknown`` and ``visit_invalid``."""
        now = self._clock.now_ms() if at is None else at
        published, held_back = await self._published_with(account_id, engagement_id)
        return await asyncio.to_thread(_explained, published, engagement_id, visit, now, app_id, held_back)

    async def explain_stored(
        self,
        account_id: str,
        engagement_id: int,
        visitor_id: str,
        session_id: str,
        *,
        app_id: str | None,
        at: int | None,
    ) -> Explanation:
        """Explain an engagement for a session that goes on. Raises ``object_unknown`` and ``visit_unknown``."""
        now = self._clock.now_ms() if at is None else at
        published, held_back = await self._published_with(account_id, engagement_id)
        visit = await self._visits.find_visit(account_id, visitor_id, session_id)
        if visit is None:
            raise errors.visit_unknown()
        subjects = {(account_id, identity.sub) for identity in visit.identities}
        talking = await self._db.read(lambda tx: self._open_conversations(tx, subjects)) if subjects else {}
        return await asyncio.to_thread(
            _explain, published, engagement_id, visit, now, app_id, held_back, is_talking=bool(talking)
        )

    async def simulate(
        self,
        account_id: str,
        campaign_id: int,
        *,
        visits: Sequence[JsonValue] | None,
        count: int | None,
        seed: int,
        at: int | None,
    ) -> Simulation:
        """Run a crowd over a campaign as if it were published: visits that are given, or so many made-up ones.

        Raises ``object_unknown``, ``visit_invalid``, ``simulation_too_large`` and ``simulation_running``.
        """
        now = self._clock.now_ms() if at is None else at
        objects = await self._objects(account_id)
        campaign = objects.by_id.get(campaign_id)
        if not isinstance(campaign, CampaignObject):
            raise configuration_errors.object_unknown("campaign")
        published = objects.published({campaign_id: replace(campaign, status="published")})
        asked = sum(one.campaign.id == campaign_id for one in published.engagements)
        size = len(visits) if visits is not None else count or 0
        if not 0 < size <= MOST_VISITS or size * asked > MOST_PAIRS:
            raise errors.simulation_too_large(MOST_PAIRS)
        if self._simulating:
            raise errors.simulation_running()
        self._simulating = True
        try:
            return await asyncio.to_thread(_simulated, published, campaign_id, visits, size, seed, now)
        finally:
            self._simulating = False

    async def _published_with(self, account_id: str, engagement_id: int) -> tuple[Published, tuple[str, ...]]:
        """What is published with one engagement more, if it is not, and why it is not."""
        objects = await self._objects(account_id)
        engagement = objects.by_id.get(engagement_id)
        if not isinstance(engagement, EngagementObject):
            raise configuration_errors.object_unknown("engagement")
        campaign = objects.by_id[engagement.campaign_id]
        if not isinstance(campaign, CampaignObject):
            raise configuration_errors.object_unknown("campaign")
        changed: dict[int, AnyObject] = {engagement_id: replace(engagement, enabled=True)}
        held_back: tuple[str, ...] = () if engagement.enabled else ("the engagement is disabled",)
        if campaign.status != "published":
            held_back += (f"the campaign is {'a draft' if campaign.status == 'draft' else 'paused'}",)
            changed[campaign.id] = replace(campaign, status="published")
            # Its other engagements are not offered either, so they do not compete.
            changed |= {
                one.id: replace(one, enabled=False)
                for one in objects.by_id.values()
                if isinstance(one, EngagementObject) and one.campaign_id == campaign.id and one.id != engagement_id
            }
        return objects.published(changed), held_back

    async def _objects(self, account_id: str) -> "_Objects":
        async def work(tx: Tx) -> _Objects:
            state = await store.find_state(tx, account_id)
            rows = await store.list_stored(tx, account_id)
            sources = await self._apps.engagement_sources(tx, account_id)
            by_id = {one.id: one for one in map(store.decode_object, rows)}
            return _Objects(
                by_id,
                lambda objects: published_of(account_id, state.revision, state.settings, objects, sources),
            )

        return await self._db.read(work)


class _Objects:
    """An account's objects, and how what is published of them is made."""

    def __init__(self, by_id: Mapping[int, AnyObject], publish: Callable[[Iterable[AnyObject]], Published]) -> None:
        self.by_id = by_id
        self._publish = publish

    def published(self, changed: Mapping[int, AnyObject]) -> Published:
        """What would be published if some objects were changed."""
        return self._publish({**self.by_id, **changed}.values())


def _explained(
    published: Published,
    engagement_id: int,
    written: JsonValue,
    now: int,
    app_id: str | None,
    held_back: Sequence[str],
) -> Explanation:
    visit = _read(written, now, Locations(all_locations(published)))
    return _explain(published, engagement_id, visit, now, app_id, held_back, is_talking=None)


def _explain(
    published: Published,
    engagement_id: int,
    visit: Visit,
    now: int,
    app_id: str | None,
    held_back: Sequence[str],
    *,
    is_talking: bool | None,
) -> Explanation:
    engagement = next(one for one in published.engagements if one.id == engagement_id)
    return explain(
        published,
        engagement,
        visit,
        now,
        app_installation_id=app_id or engagement.app_installation_id,
        held_back=held_back,
        is_talking=is_talking,
    )


def _simulated(
    published: Published,
    campaign_id: int,
    visits: Sequence[JsonValue] | None,
    count: int,
    seed: int,
    now: int,
) -> Simulation:
    locations = Locations(all_locations(published))
    if visits is None:
        ours = [one for one in published.engagements if one.campaign.id == campaign_id]
        crowd = (read_visit(one, now, locations.at) for one in crowd_for(published, ours, count, seed))
    else:
        crowd = (_read(one, now, locations, number) for number, one in enumerate(visits, start=1))
    return simulate(published, campaign_id, crowd, now, seed)


def _read(written: JsonValue, now: int, locations: Locations, number: int | None = None) -> Visit:
    try:
        return read_visit(written, now, locations.at)
    except msgspec.ValidationError as error:
        place = "" if number is None else f"visit {number}: "
        raise errors.visit_invalid(f"{place}{error}") from error
