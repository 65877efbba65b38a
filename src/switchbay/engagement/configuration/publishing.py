"""What is published: an account's campaigns as requests of visitors need them, compiled once for each revision.

``Offers`` keeps it in memory. A change of this node counts from its commit on; changes of other nodes are heard of by a
notice, and looked for twice a second in case one was lost: the numbers of the configuration's and of the apps'
revisions are compared with those that were compiled. A compiled value takes the place of the old one in one step.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from switchbay.apps.public import Apps, EngagementSources
from switchbay.engagement.configuration import store
from switchbay.engagement.configuration.domain import timeframes
from switchbay.engagement.configuration.domain.capabilities import bars_of, reasons
from switchbay.engagement.domain.objects import (
    AnyObject,
    AudienceObject,
    BehaviorObject,
    CampaignObject,
    EngagementObject,
    EngagementSettings,
    GoalObject,
    LocationObject,
    Presentation,
    WindowDesign,
    WindowObject,
)
from switchbay.engagement.domain.published import (
    Published,
    PublishedAudience,
    PublishedBehavior,
    PublishedCampaign,
    PublishedEngagement,
    PublishedGoal,
    PublishedLocation,
)
from switchbay.infra.db import Database, DatabaseUnavailable, Tx
from switchbay.infra.memory import BoundedCache
from switchbay.kit.ids import is_account_id

CHANNEL: Final = "engagement_configuration"
_LOOK_SECONDS: Final = 0.5
_GATHER_SECONDS: Final = 0.05
_MOST_ACCOUNTS: Final = 4_096
_MOST_WATCHED: Final = 4 * _MOST_ACCOUNTS
_AT_ONCE: Final = 4
_log = structlog.get_logger("engagement")
Revisions = tuple[int, int]
"""Of the configuration and of the apps."""


class Design(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a published engagement looks, as its visitors' browsers get it."""

    presentation: Presentation | None
    window: WindowDesign | None
    language: str | None
    campaign_id: int
    engagement_id: int
    revision: int
    skill_id: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """What is published, at which revisions, and how the engagements look: by the app's and the engagement's id."""

    revisions: Revisions
    published: Published
    designs: Mapping[tuple[str, int], Design]


def published_of(
    account_id: str,
    revision: int,
    settings: EngagementSettings,
    objects: Iterable[AnyObject],
    sources: EngagementSources,
) -> Published:
    """What is offered, of all objects of an account that are not deleted.

    Published campaigns are in it whatever the time is: their frames are for whoever asks.
    """
    by_id = {one.id: one for one in objects if not one.deleted}
    parts = _Parts(by_id)
    engagements = tuple(
        _engagement(one, campaign, parts, sources, by_id) for one, campaign in _offered(by_id.values(), by_id)
    )
    return Published(
        account_id=account_id,
        revision=revision,
        control_percentage=settings.control_group.percentage,
        about_to_abandon=settings.about_to_abandon,
        locations=tuple(parts.locations.values()),
        engagements=engagements,
        time_zone=settings.time_zone,
    )


def _offered(
    objects: Iterable[AnyObject], by_id: Mapping[int, AnyObject]
) -> Iterable[tuple[EngagementObject, CampaignObject]]:
    """The enabled engagements of published campaigns."""
    for one in objects:
        if isinstance(one, EngagementObject) and one.enabled:
            campaign = by_id.get(one.campaign_id)
            if isinstance(campaign, CampaignObject) and campaign.status == "published":
                yield one, campaign


class _Parts:
    """Everything that engagements share, made once."""

    def __init__(self, by_id: Mapping[int, AnyObject]) -> None:
        self._audiences: dict[int, PublishedAudience] = {}
        self._goals: dict[int, PublishedGoal] = {}
        self.locations: dict[int, PublishedLocation] = {}
        self.behaviors: dict[int, PublishedBehavior] = {}
        self._campaigns: dict[int, PublishedCampaign] = {}
        self.kinds: dict[int, tuple[str, ...]] = {}
        for one in by_id.values():
            if isinstance(one, LocationObject):
                self.locations[one.id] = PublishedLocation(id=one.id, revision=one.revision, conditions=one.conditions)
            elif isinstance(one, BehaviorObject):
                self.behaviors[one.id] = PublishedBehavior(id=one.id, revision=one.revision, conditions=one.conditions)
            elif isinstance(one, AudienceObject):
                self._audiences[one.id] = PublishedAudience(id=one.id, revision=one.revision, conditions=one.conditions)
            elif isinstance(one, GoalObject):
                self._goals[one.id] = PublishedGoal(
                    id=one.id,
                    revision=one.revision,
                    conditions=one.conditions,
                    once_per_visit=one.once_per_visit,
                    conversion_days=one.conversion_days,
                )

    def campaign(self, one: CampaignObject) -> PublishedCampaign:
        """A campaign with its audience and goal."""
        known = self._campaigns.get(one.id)
        if known is None:
            known = PublishedCampaign(
                id=one.id,
                name=one.name,
                revision=one.revision,
                starts=None if one.start_date is None else timeframes.start_of(one.start_date, one.time_zone),
                ends=None if one.expiration_date is None else timeframes.end_of(one.expiration_date, one.time_zone),
                priority=one.priority,
                control_percentage=one.control_group.percentage,
                audience=None if one.audience is None else self._audiences[one.audience],
                goal=None if one.goal is None else self._goals[one.goal],
            )
            self._campaigns[one.id] = known
        return known


def _engagement(
    one: EngagementObject,
    campaign: CampaignObject,
    parts: _Parts,
    sources: EngagementSources,
    by_id: Mapping[int, AnyObject],
) -> PublishedEngagement:
    source = sources.apps.get(one.app_installation_id)
    return PublishedEngagement(
        id=one.id,
        name=one.name,
        revision=one.revision,
        campaign=parts.campaign(campaign),
        app_installation_id=one.app_installation_id,
        locations=tuple(parts.locations[id_] for id_ in one.entry_points),
        behaviors=tuple(parts.behaviors[id_] for id_ in one.behaviors),
        language=one.language,
        skill_id=one.skill_id,
        window_id=one.window_id,
        connector_id=one.connector_id,
        consumer_identity=one.consumer_identity,
        barred=reasons(bars_of(one, source, by_id, parts.kinds)),
    )


def designs_of(objects: Iterable[AnyObject]) -> dict[tuple[str, int], Design]:
    """How the engagements look that may be offered, by the app's and the engagement's id."""
    by_id = {one.id: one for one in objects if not one.deleted}
    found: dict[tuple[str, int], Design] = {}
    for one, campaign in _offered(by_id.values(), by_id):
        window = None if one.window_id is None else by_id.get(one.window_id)
        found[one.app_installation_id, one.id] = Design(
            presentation=one.presentation,
            window=window.design if isinstance(window, WindowObject) else None,
            language=one.language,
            campaign_id=campaign.id,
            engagement_id=one.id,
            revision=one.revision,
            skill_id=one.skill_id,
        )
    return found


class Offers:
    """What every account has published, in memory."""

    def __init__(self, db: Database, apps: Apps) -> None:
        self._db = db
        self._apps = apps
        self._known: BoundedCache[str, Compiled] = BoundedCache(_MOST_ACCOUNTS)
        # Apart, so that made-up account ids drive out nothing that took work.
        self._empty: BoundedCache[str, Compiled] = BoundedCache(_MOST_ACCOUNTS)
        self._watched: dict[str, Revisions] = {}
        self._reading: dict[str, asyncio.Task[Compiled]] = {}
        self._callbacks: list[Callable[[str], None]] = []
        self._woken = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._end_listening: Callable[[], None] | None = None

    def on_change(self, callback: Callable[[str], None]) -> None:
        """Have ``callback`` called with an account once what it has published anew is what ``of`` answers."""
        self._callbacks.append(callback)

    async def of(self, account_id: str) -> Published:
        """What an account has published; of an account that has nothing or does not exist, nothing."""
        return (await self.compiled(account_id)).published

    async def compiled(self, account_id: str) -> Compiled:
        """The same with the designs."""
        known = self._find(account_id)
        if known is not None:
            return known
        if not is_account_id(account_id):
            return _nothing(account_id)
        return await asyncio.shield(self._reading.get(account_id) or self._read_anew(account_id))

    def changed(self, account_id: str) -> None:
        """Forget what was compiled of an account: this node has committed a change. The other nodes are told."""
        self._forget(account_id)
        self._woken.set()
        self._db.notify(CHANNEL)

    async def start(self) -> None:
        """Begin to look for what other nodes change."""
        if self._work is None:
            self._end_listening = self._db.listen(CHANNEL, self._woken.set)
            self._work = asyncio.create_task(self._run(), name="engagement-offers")

    async def stop(self) -> None:
        """End it."""
        if self._end_listening is not None:
            self._end_listening()
        tasks = [task for task in (self._work, *self._reading.values()) if task is not None]
        self._work = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def refresh_once(self) -> None:
        """Compare the revisions of all accounts that are known with the database's, and read what has changed."""
        watched = dict(self._watched)
        if not watched:
            return
        current = await self._db.read(lambda tx: self._revisions(tx, list(watched)))
        stale = [account_id for account_id, revisions in watched.items() if current[account_id] != revisions]
        for start in range(0, len(stale), _AT_ONCE):
            some = [each for each in stale[start : start + _AT_ONCE] if self._watched.get(each) == watched[each]]
            for failed in await asyncio.gather(*map(self._read_anew, some), return_exceptions=True):
                if isinstance(failed, BaseException):
                    _log.error("the campaigns of an account were not read", exc_info=failed)

    async def _revisions(self, tx: Tx, account_ids: Sequence[str]) -> dict[str, Revisions]:
        ours = await store.find_revisions(tx, account_ids)
        theirs = await self._apps.find_revisions(tx, account_ids)
        return {account_id: (ours.get(account_id, 0), theirs.get(account_id, 0)) for account_id in account_ids}

    def _find(self, account_id: str) -> Compiled | None:
        return self._known.get(account_id) or self._empty.get(account_id)

    def _forget(self, account_id: str) -> None:
        self._known.discard(account_id)
        self._empty.discard(account_id)
        self._reading.pop(account_id, None)

    def _read_anew(self, account_id: str) -> "asyncio.Task[Compiled]":
        """Read in a task of its own, which all who ask meanwhile wait for; one that began before does not count."""
        task = asyncio.get_running_loop().create_task(self._load(account_id))
        self._reading[account_id] = task
        task.add_done_callback(lambda done: self._finished(account_id, done))
        return task

    async def _load(self, account_id: str) -> Compiled:
        revisions, settings, objects, sources = await self._db.read(lambda tx: self._read(tx, account_id))
        if not objects and revisions[0] == 0:
            compiled = _nothing(account_id, revisions)
        else:
            compiled = await asyncio.to_thread(_compile, account_id, revisions, settings, objects, sources)
        if self._reading.get(account_id) is asyncio.current_task():
            self._keep(account_id, compiled)
        return compiled

    async def _read(
        self, tx: Tx, account_id: str
    ) -> tuple[Revisions, EngagementSettings, Sequence[store.StoredObject], EngagementSources]:
        state = await store.find_state(tx, account_id)
        if state.revision == 0:
            revisions = (await self._revisions(tx, [account_id]))[account_id]
            return revisions, state.settings, (), EngagementSources(revisions[1], {})
        rows = await store.list_stored(tx, account_id)
        sources = await self._apps.engagement_sources(tx, account_id)
        return (state.revision, sources.revision), state.settings, rows, sources

    def _keep(self, account_id: str, compiled: Compiled) -> None:
        before = self._watched.get(account_id)
        is_empty = compiled.revisions[0] == 0
        (self._empty if is_empty else self._known).put(account_id, compiled)
        (self._known if is_empty else self._empty).discard(account_id)
        self._watched[account_id] = compiled.revisions
        if len(self._watched) > _MOST_WATCHED:
            self._watched = {each: kept for each, kept in self._watched.items() if self._find(each) is not None}
        if before is not None and before != compiled.revisions:
            self._tell(account_id)

    def _tell(self, account_id: str) -> None:
        for callback in self._callbacks:
            try:
                callback(account_id)
            except Exception:  # noqa: BLE001 - one that fails must not keep the others from learning of it
                _log.exception("a listener of campaigns failed")

    def _finished(self, account_id: str, done: "asyncio.Task[Compiled]") -> None:
        if self._reading.get(account_id) is done:
            del self._reading[account_id]
        if not done.cancelled():
            done.exception()  # each who waits gets it

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._woken.wait()
                await asyncio.sleep(_GATHER_SECONDS)  # many changes in a row are read together
            self._woken.clear()
            try:
                await self.refresh_once()
            except DatabaseUnavailable:
                _log.warning("campaigns are not looked for until the database answers")
            except Exception:  # noqa: BLE001 - whatever it is, it must be tried again
                _log.exception("campaigns were not read")


def _nothing(account_id: str, revisions: Revisions = (0, 0)) -> Compiled:
    return Compiled(revisions, Published(account_id=account_id, revision=sum(revisions)), {})


def _compile(
    account_id: str,
    revisions: Revisions,
    settings: EngagementSettings,
    rows: Sequence[store.StoredObject],
    sources: EngagementSources,
) -> Compiled:
    objects = [store.decode_object(row) for row in rows]
    published = published_of(account_id, sum(revisions), settings, objects, sources)
    return Compiled(revisions, published, designs_of(objects))
