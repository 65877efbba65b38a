"""What can be done with the configuration: make, read, change, delete, copy; publish and pause; the settings.

Every change is one transaction: the account's revision is raised (which also makes changes of one account wait for each
other), the precondition, the references and the apps' capabilities are checked, the object is stored, the audit log
says who did what. Callers have authorised the actor and checked the object by itself (``check_object``).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from switchbay.accounts.public import Actor, record_audit
from switchbay.apps.public import Apps, EngagementSources
from switchbay.engagement.configuration import context, errors, store
from switchbay.engagement.configuration.context import Skills
from switchbay.engagement.configuration.domain.catalogue import TYPES, ObjectType, type_of
from switchbay.engagement.configuration.domain.checking import check_object, check_settings, check_transition
from switchbay.engagement.configuration.domain.findings import Finding
from switchbay.engagement.configuration.domain.texts import LONGEST_NAME
from switchbay.engagement.configuration.publishing import Offers
from switchbay.engagement.domain.objects import (
    AnyObject,
    AudienceObject,
    CampaignObject,
    EngagementObject,
    EngagementSettings,
)
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.preconditions import Precondition, revision_stale

T = TypeVar("T")
_STATUS_ACTIONS: Final = {"published": "publish", "paused": "pause"}


@dataclass(frozen=True, slots=True)
class Listing:
    """Some objects as they were at a revision of the account's configuration.

    ``ineligible`` says why engagements are never offered, ``engagements`` which ones campaigns have; both by id.
    """

    revision: int
    objects: tuple[AnyObject, ...]
    ineligible: Mapping[int, tuple[str, ...]]
    engagements: Mapping[int, list[int]]


@dataclass(frozen=True, slots=True)
class Audit:
    """Who changes something, and when."""

    account_id: str
    actor: Actor
    at: int

    async def record(
        self, tx: Tx, action: str, type_: str, object_id: int | str, detail: Mapping[str, JsonValue]
    ) -> None:
        """Add an entry to the audit log."""
        await record_audit(
            tx,
            account_id=self.account_id,
            actor=self.actor,
            action=action,
            object_type=type_,
            object_id=str(object_id),
            at=self.at,
            detail=detail,
        )


class Configuration:
    """The configuration of every account."""

    def __init__(self, db: Database, clock: Clock, apps: Apps, offers: Offers, skills: Skills) -> None:
        self._db = db
        self._clock = clock
        self.apps = apps
        self._offers = offers
        self.skills = skills

    # Reading

    async def find_revision(self, account_id: str) -> int:
        """The revision of the account's configuration; 0 before the first change."""
        return (await self._db.read(lambda tx: store.find_state(tx, account_id))).revision

    async def find_settings(self, account_id: str) -> tuple[int, EngagementSettings]:
        """The settings, and the revision at which they were read."""
        state = await self._db.read(lambda tx: store.find_state(tx, account_id))
        return state.revision, state.settings

    async def list_objects(
        self,
        account_id: str,
        type_: ObjectType,
        *,
        campaign_id: int | None = None,
        after: int = 0,
        most: int = 1 << 30,
        with_deleted: bool = False,
    ) -> Listing:
        """The objects of a type in the order of their ids; those of a campaign, if one is given, are engagements."""

        async def work(tx: Tx) -> Listing:
            if campaign_id is None:
                found = await store.list_type(tx, account_id, type_, after=after, most=most, with_deleted=with_deleted)
            else:
                found = [
                    one
                    for one in await _engagements_of(tx, account_id, campaign_id, with_deleted=with_deleted)
                    if type_ == "engagement" and one.id > after
                ][:most]
            return await self._listing(tx, account_id, found)

        return await self._db.read(work)

    async def get_object(self, account_id: str, type_: ObjectType, object_id: int) -> Listing:
        """One object. Raises ``object_unknown``."""

        async def work(tx: Tx) -> Listing:
            return await self._listing(tx, account_id, [await _get(tx, account_id, type_, object_id)])

        return await self._db.read(work)

    async def list_users(self, account_id: str, type_: ObjectType, object_id: int) -> Listing:
        """Those that refer to an object. Raises ``object_unknown``."""

        async def work(tx: Tx) -> Listing:
            await _get(tx, account_id, type_, object_id)
            return await self._listing(tx, account_id, await _users(tx, account_id, object_id))

        return await self._db.read(work)

    async def _listing(
        self, tx: Tx, account_id: str, found: Sequence[AnyObject], *, revision: int | None = None
    ) -> Listing:
        known = (await store.find_state(tx, account_id)).revision if revision is None else revision
        ineligible: Mapping[int, tuple[str, ...]] = {}
        if any(isinstance(one, EngagementObject) for one in found):
            sources = await self.apps.engagement_sources(tx, account_id)
            ineligible = await context.find_ineligible(tx, account_id, found, sources)
        campaigns = [one.id for one in found if isinstance(one, CampaignObject)]
        return Listing(known, tuple(found), ineligible, await store.find_users(tx, account_id, campaigns))

    # Changing

    async def create(self, account_id: str, one: AnyObject, actor: Actor) -> Listing:
        """Store a new object; its id is the account's next.

        Raises ``configuration_invalid``, ``capability_missing``, ``configuration_full``.
        """
        refuse(check_object(one))
        skills = await self._skills_for(account_id, one)

        async def work(tx: Tx, state: store.State, audit: Audit) -> Listing:
            (given,) = await store.take_ids(tx, account_id, 1)
            new = replace(one, id=given, revision=1, deleted=False)
            await expect_room(tx, account_id, type_of(new), 1)
            await self._check(tx, account_id, None, new, skills, audit.at)
            await store.insert_objects(tx, account_id, [new], audit.at)
            await audit.record(tx, f"{type_of(new)}.create", type_of(new), new.id, {"name": new.name})
            return await self._listing(tx, account_id, [new], revision=state.revision)

        return await self.change(account_id, actor, None, work)

    async def update(self, account_id: str, one: AnyObject, actor: Actor, condition: Precondition) -> Listing:
        """Put an object in the place of the one with its id and type; one that does not differ stays as it is.

        Raises ``object_unknown``, ``revision_stale``, ``configuration_invalid``, ``capability_missing``,
        ``users_barred``.
        """
        refuse(check_object(one))
        skills = await self._skills_for(account_id, one)
        return await self._replace(account_id, type_of(one), one.id, actor, condition, lambda _: one, skills)

    async def set_status(
        self, account_id: str, campaign_id: int, status: str, actor: Actor, condition: Precondition
    ) -> Listing:
        """Publish or pause a campaign. Raises what ``update`` raises."""
        return await self._replace(
            account_id, "campaign", campaign_id, actor, condition, lambda one: replace(one, status=status), {}
        )

    async def _replace(
        self,
        account_id: str,
        type_: ObjectType,
        object_id: int,
        actor: Actor,
        condition: Precondition,
        make: Callable[[AnyObject], AnyObject],
        skills: Mapping[int, str],
    ) -> Listing:
        async def work(tx: Tx, state: store.State, audit: Audit) -> Listing:
            before = await _get(tx, account_id, type_, object_id)
            after = replace(make(before), revision=before.revision, deleted=False)
            if after != before:
                after = replace(after, revision=before.revision + 1)
                await self._check(tx, account_id, before, after, skills, audit.at)
                await store.put_object(tx, account_id, after, audit.at)
                await _audit_update(tx, audit, before, after)
            return await self._listing(tx, account_id, [after], revision=state.revision)

        return await self.change(account_id, actor, condition, work)

    async def delete(
        self, account_id: str, type_: ObjectType, object_id: int, actor: Actor, condition: Precondition
    ) -> Listing:
        """Mark an object as deleted; a campaign with its engagements.

        Raises ``object_unknown``, ``revision_stale``, ``object_in_use``.
        """

        async def work(tx: Tx, state: store.State, audit: Audit) -> Listing:
            one = await _get(tx, account_id, type_, object_id)
            users = await _users(tx, account_id, object_id)
            if users and type_ != "campaign":
                raise errors.object_in_use([_user(each) for each in users])
            gone = [replace(each, deleted=True, revision=each.revision + 1) for each in (one, *users)]
            for each in gone:
                await store.put_object(tx, account_id, each, audit.at)
            detail: dict[str, JsonValue] = {"name": one.name}
            if users:
                detail["engagements"] = [each.id for each in users]
            await audit.record(tx, f"{type_}.delete", type_, object_id, detail)
            return Listing(state.revision, (gone[0],), {}, {})

        return await self.change(account_id, actor, condition, work)

    async def put_settings(
        self, account_id: str, settings: EngagementSettings, actor: Actor, condition: Precondition
    ) -> int:
        """Change the settings; the revision is returned. Raises ``revision_stale``, ``configuration_invalid``."""
        refuse(check_settings(settings))

        async def work(tx: Tx, state: store.State, audit: Audit) -> int:
            changed = _changes(state.settings, settings)
            if changed:
                await store.put_settings(tx, account_id, settings)
                await audit.record(tx, "engagement_settings.update", "engagement_settings", account_id, changed)
            return state.revision

        return await self.change(account_id, actor, condition, work)

    # Copies

    async def copy_engagement(
        self, account_id: str, engagement_id: int, actor: Actor, *, name: str | None, campaign_id: int | None
    ) -> Listing:
        """Make a copy of an engagement, in its campaign or another one. Raises what ``create`` raises."""
        (one,) = (await self.get_object(account_id, "engagement", engagement_id)).objects
        copy = replace(one, name=_copy_name(one.name) if name is None else name)
        return await self.create(
            account_id, copy if campaign_id is None else replace(copy, campaign_id=campaign_id), actor
        )

    async def copy_campaign(self, account_id: str, campaign_id: int, actor: Actor, *, name: str | None) -> Listing:
        """Make a copy of a campaign and its engagements, as a draft; library items are shared, not copied."""

        async def work(tx: Tx, state: store.State, audit: Audit) -> Listing:
            one = await _get(tx, account_id, "campaign", campaign_id)
            engagements = await _users(tx, account_id, campaign_id)
            await expect_room(tx, account_id, "campaign", 1)
            await expect_room(tx, account_id, "engagement", len(engagements))
            first, *others = await store.take_ids(tx, account_id, 1 + len(engagements))
            new_name = _copy_name(one.name) if name is None else name
            copy = replace(one, id=first, revision=1, status="draft", name=new_name)
            refuse(check_object(copy))
            copies = [
                replace(each, id=number, revision=1, campaign_id=first)
                for each, number in zip(engagements, others, strict=True)
            ]
            await store.insert_objects(tx, account_id, [copy, *copies], audit.at)
            detail: dict[str, JsonValue] = {"name": copy.name, "copy_of": campaign_id}
            await audit.record(tx, "campaign.create", "campaign", first, detail)
            return await self._listing(tx, account_id, [copy], revision=state.revision)

        return await self.change(account_id, actor, None, work)

    # What changes have in common

    async def change(
        self,
        account_id: str,
        actor: Actor,
        condition: Precondition | None,
        step: Callable[[Tx, store.State, Audit], Awaitable[T]],
    ) -> T:
        """Run ``step`` at a new revision, when ``condition`` holds for the one before. Raises ``revision_stale``."""
        now = self._clock.now_ms()

        async def work(tx: Tx) -> T:
            state = await store.raise_revision(tx, account_id)
            if condition is not None and not condition.holds(state.revision - 1):
                raise revision_stale(state.revision - 1)
            result = await step(tx, state, Audit(account_id, actor, now))
            tx.on_commit(partial(self._offers.changed, account_id))
            return result

        return await self._db.write(work)

    async def _skills_for(self, account_id: str, one: AnyObject) -> Mapping[int, str]:
        is_needed = isinstance(one, EngagementObject) and one.skill_id != -1
        return await self.skills(account_id) if is_needed else {}

    async def _check(
        self,
        tx: Tx,
        account_id: str,
        before: AnyObject | None,
        after: AnyObject,
        skills: Mapping[int, str],
        now: int,
    ) -> None:
        """All that needs a look at other objects, at the apps and at the clock."""
        around = await context.find_around(tx, account_id, [after])
        sources = await self._sources_for(tx, account_id, before, after)
        refuse(context.unknown_references(after, around, sources, skills))
        if isinstance(after, CampaignObject):
            refuse(check_transition(before if isinstance(before, CampaignObject) else None, after, now))
        if isinstance(after, AudienceObject):
            refuse(await context.check_all_customer_types(tx, account_id, [after]))
        await context.check_capabilities(tx, account_id, before, after, sources)

    async def _sources_for(
        self, tx: Tx, account_id: str, before: AnyObject | None, after: AnyObject
    ) -> EngagementSources:
        if before is None and not isinstance(after, EngagementObject):
            return EngagementSources(0, {})  # nobody uses it yet
        return await self.apps.engagement_sources(tx, account_id)


def refuse(findings: Sequence[Finding]) -> None:
    """Raise ``configuration_invalid`` if there are findings."""
    if findings:
        raise errors.configuration_invalid(findings)


async def expect_room(tx: Tx, account_id: str, type_: ObjectType, count: int) -> None:
    """Raise ``configuration_full`` when so many more would be too many."""
    most = TYPES[type_].most
    if count and await store.count_type(tx, account_id, type_) + count > most:
        raise errors.configuration_full(type_, most)


async def _get(tx: Tx, account_id: str, type_: ObjectType, object_id: int) -> AnyObject:
    one = (await store.find_objects(tx, account_id, [object_id])).get(object_id)
    if one is None or type_of(one) != type_:
        raise errors.object_unknown(type_)
    return one


async def _users(tx: Tx, account_id: str, object_id: int) -> list[AnyObject]:
    users = await store.find_users(tx, account_id, [object_id])
    found = await store.find_objects(tx, account_id, users.get(object_id, ()))
    return sorted(found.values(), key=lambda one: one.id)


async def _engagements_of(tx: Tx, account_id: str, campaign_id: int, *, with_deleted: bool) -> list[AnyObject]:
    """A campaign's engagements. What is deleted refers to nothing any more, so it is looked for among all."""
    found = (
        await store.list_type(tx, account_id, "engagement", with_deleted=True)
        if with_deleted
        else await _users(tx, account_id, campaign_id)
    )
    return [one for one in found if isinstance(one, EngagementObject) and one.campaign_id == campaign_id]


def _user(one: AnyObject) -> JsonValue:
    return {"type": type_of(one), "id": one.id, "name": one.name}


def _copy_name(name: str) -> str:
    return name[: LONGEST_NAME - len(" (copy)")] + " (copy)"


async def _audit_update(tx: Tx, audit: Audit, before: AnyObject, after: AnyObject) -> None:
    verb = "update"
    if isinstance(before, CampaignObject) and isinstance(after, CampaignObject) and before.status != after.status:
        verb = _STATUS_ACTIONS[after.status]
    detail = {"name": after.name, **_changes(before, after)}
    await audit.record(tx, f"{type_of(after)}.{verb}", type_of(after), after.id, detail)


def _changes(before: msgspec.Struct, after: msgspec.Struct) -> dict[str, JsonValue]:
    """What differs, by the members' names on the wire: plain values as ``{"from", "to"}``, others in ``changed``."""
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    names = [name for name in new if old[name] != new[name] and name != "revision"]
    plain = [name for name in names if _is_plain(old[name]) and _is_plain(new[name])]
    detail: dict[str, JsonValue] = {name: {"from": old[name], "to": new[name]} for name in plain}
    if len(plain) < len(names):
        detail["changed"] = [name for name in names if name not in plain]
    return detail


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
