"""An account's published campaigns as monitoring uses them: compiled once for each revision."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from switchbay.engagement.domain.published import Published, PublishedCampaign, PublishedEngagement, PublishedGoal
from switchbay.engagement.domain.visit import Visit
from switchbay.engagement.monitoring.domain.asked import Choice, Rules
from switchbay.engagement.monitoring.neighbours import Offers
from switchbay.engagement.targeting.entry_points import Entry
from switchbay.infra.memory import BoundedCache

_MOST_CACHED: Final = 1_000
_MOST_DIGESTS: Final = 10_000
_COMPILED_AT_ONCE: Final = 50
"""So many engagements are compiled without leaving the event loop."""


class Index(Protocol):
    """The compiled conditions of an account."""

    def locations_of(self, entry: Entry) -> tuple[int, ...]:
        """The locations that match these entry points."""
        ...

    def eligible(self, visit: Visit, installation_id: str, now: int) -> Sequence[PublishedEngagement]:
        """The engagements whose every condition holds."""
        ...


class Targeting(Protocol):
    """What targeting does."""

    def compile(self, published: Published) -> Index:
        """Compile an account's campaigns."""
        ...

    def choose(
        self, eligible: Sequence[PublishedEngagement], visit: Visit, draw: Callable[[], float]
    ) -> PublishedEngagement | None:
        """One of the eligible engagements; the same as before while they are the same."""
        ...

    def digest(self, eligible: Sequence[PublishedEngagement]) -> int:
        """A number that stands for a set of eligible engagements."""
        ...

    def reached(self, goal: PublishedGoal, before: Visit, after: Visit) -> int:
        """How many times a goal was reached between two states of a visit."""
        ...


class CompiledRules:
    """The rules of one account at one revision."""

    def __init__(self, published: Published, targeting: Targeting) -> None:
        self._targeting = targeting
        self._index = targeting.compile(published)
        self._digests: dict[tuple[int, ...], int] = {}
        self.published = published
        self.engagements: Mapping[int, PublishedEngagement] = {one.id: one for one in published.engagements}
        self.location_revisions: Mapping[int, int] = {one.id: one.revision for one in published.locations}
        self.campaigns: Mapping[int, PublishedCampaign] = {
            one.campaign.id: one.campaign for one in published.engagements
        }

    def locations_of(self, entry: Entry) -> tuple[int, ...]:
        """The locations that match these entry points."""
        return self._index.locations_of(entry)

    def offer(self, visit: Visit, installation_id: str, now: int, draw: Callable[[], float]) -> Choice | None:
        """What the visitor is to be offered; as long as the same might be offered, what it was last time."""
        eligible = self._index.eligible(visit, installation_id, now)
        if not eligible:
            return None
        among = self._digest(eligible)
        last = visit.contexts[-1] if visit.contexts else None
        if last is not None and visit.offered_among == among:
            for one in eligible:
                if (one.id, one.revision) == (last.engagement_id, last.revision):
                    return Choice(one, among)
        chosen = self._targeting.choose(eligible, visit, draw)
        return None if chosen is None else Choice(chosen, among)

    def _digest(self, eligible: Sequence[PublishedEngagement]) -> int:
        key = tuple([one.id for one in eligible])
        known = self._digests.get(key)
        if known is None:
            known = self._targeting.digest(eligible)
            if len(self._digests) < _MOST_DIGESTS:
                self._digests[key] = known
        return known

    def reached(self, goal: PublishedGoal, before: Visit, after: Visit) -> int:
        """How many times the goal was reached."""
        return self._targeting.reached(goal, before, after)


class RuleBook:
    """The rules of all accounts. A request that comes when they have changed waits until the new ones are compiled."""

    def __init__(self, offers: Offers, targeting: Targeting) -> None:
        self._offers = offers
        self._targeting = targeting
        self._known: BoundedCache[str, CompiledRules] = BoundedCache(_MOST_CACHED)
        self._compiling: dict[str, tuple[Published, asyncio.Task[CompiledRules]]] = {}

    async def of(self, account_id: str) -> Rules:
        """The rules of an account as they are now."""
        published = await self._offers.of(account_id)
        known = self._known.get(account_id)
        if known is not None and known.published is published:
            return known
        if len(published.engagements) <= _COMPILED_AT_ONCE:
            return self._keep(account_id, CompiledRules(published, self._targeting))
        return await self._compiled(account_id, published)

    async def _compiled(self, account_id: str, published: Published) -> CompiledRules:
        under_way = self._compiling.get(account_id)
        if under_way is None or under_way[0] is not published:
            task = asyncio.create_task(asyncio.to_thread(CompiledRules, published, self._targeting))
            under_way = self._compiling[account_id] = (published, task)
        rules = await asyncio.shield(under_way[1])
        if self._compiling.get(account_id) is under_way:
            del self._compiling[account_id]
            self._keep(account_id, rules)
        return rules

    def _keep(self, account_id: str, rules: CompiledRules) -> CompiledRules:
        self._known.put(account_id, rules)
        return rules
