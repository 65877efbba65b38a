"""What a change has to look at besides the object itself: what it refers to, who uses it, the apps, the skills."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from switchbay.apps.public import EngagementSources
from switchbay.engagement.configuration import errors, store
from switchbay.engagement.configuration.domain.capabilities import DISABLED, bars_of, reasons
from switchbay.engagement.configuration.domain.catalogue import references_of, type_of
from switchbay.engagement.configuration.domain.changes import Barred, newly_barred
from switchbay.engagement.configuration.domain.checking import check_customer_types, is_id
from switchbay.engagement.configuration.domain.findings import Finding
from switchbay.engagement.domain.conditions import CustomerType
from switchbay.engagement.domain.objects import AnyObject, AudienceObject, CampaignObject, EngagementObject
from switchbay.infra.db import Tx

Skills: TypeAlias = Callable[[str], Awaitable[Mapping[int, str]]]
"""The names of an account's skills by their ids."""


async def find_around(tx: Tx, account_id: str, some: Iterable[AnyObject]) -> dict[int, AnyObject]:
    """These objects and all that they refer to, by id; of engagements also what their campaigns refer to."""
    given = {one.id: one for one in some}
    first = await store.find_objects(tx, account_id, _used_by(given.values()))
    second = await store.find_objects(tx, account_id, _used_by(first.values()) - first.keys())
    return {**second, **first, **given}


def _used_by(some: Iterable[AnyObject]) -> set[int]:
    return {reference.id for one in some for reference in references_of(one) if is_id(reference.id)}


async def find_engagements_of(tx: Tx, account_id: str, one: AnyObject) -> list[EngagementObject]:
    """The engagements that a change of an object may touch: those that use it, also by their campaigns."""
    users = await store.find_users(tx, account_id, [one.id])
    direct = await store.find_objects(tx, account_id, users.get(one.id, ()))
    campaigns = [each.id for each in direct.values() if isinstance(each, CampaignObject)]
    indirect = await store.find_users(tx, account_id, campaigns)
    more = await store.find_objects(tx, account_id, {each for some in indirect.values() for each in some})
    return [each for each in {**direct, **more}.values() if isinstance(each, EngagementObject)]


def unknown_references(
    one: AnyObject, around: Mapping[int, AnyObject], sources: EngagementSources, skills: Mapping[int, str]
) -> list[Finding]:
    """What an object refers to that the account does not have, or that is of another type."""
    found = [
        Finding("reference_unknown", reference.path, f"The account has no {reference.type} with this id.")
        for reference in references_of(one)
        if reference.id not in around or type_of(around[reference.id]) != reference.type
    ]
    if isinstance(one, EngagementObject):
        if one.app_installation_id not in sources.apps:
            found.append(Finding("reference_unknown", "/appInstallationId", "The account has no app with this id."))
        if one.skill_id != -1 and one.skill_id not in skills:
            found.append(Finding("reference_unknown", "/skillId", "The account has no skill with this id."))
    return found


async def check_capabilities(
    tx: Tx, account_id: str, before: AnyObject | None, after: AnyObject, sources: EngagementSources
) -> None:
    """Refuse a change that the manifests of the engagements' apps do not allow.

    An engagement that is enabled has to keep to its app's capability whole. Otherwise only what the change adds is
    refused, so that a capability that was narrowed does not keep a campaign from being paused. Raises
    ``capability_missing`` for an engagement and a campaign, ``users_barred`` for an item that they share.
    """
    if isinstance(after, EngagementObject):
        await _check_engagement(tx, account_id, before, after, sources)
        return
    if before is None:
        return  # nothing uses it yet
    engagements = await find_engagements_of(tx, account_id, after)
    around = await find_around(tx, account_id, engagements)
    changed = {**around, **await find_around(tx, account_id, [after])}
    barred = newly_barred(engagements, {**around, before.id: before}, changed, sources)
    if barred and isinstance(after, CampaignObject):
        raise errors.capability_missing(findings_of(barred, of_engagement=False))
    if barred:
        raise errors.users_barred([each.to_json() for each in barred])


async def _check_engagement(
    tx: Tx, account_id: str, before: AnyObject | None, after: EngagementObject, sources: EngagementSources
) -> None:
    around = await find_around(tx, account_id, [after])
    known: set[str] = {DISABLED}
    if isinstance(before, EngagementObject) and not after.enabled:
        around = {**await find_around(tx, account_id, [before]), **around}
        known.update(reasons(bars_of(before, sources.apps.get(before.app_installation_id), around)))
    barred = barred_whole([after], around, sources, known)
    if barred:
        raise errors.capability_missing(findings_of(barred, of_engagement=True))


def barred_whole(
    engagements: Iterable[EngagementObject],
    around: Mapping[int, AnyObject],
    sources: EngagementSources,
    known: Iterable[str] = (DISABLED,),
) -> list[Barred]:
    """The engagements that their apps do not allow, for other reasons than those that are known."""
    found: list[Barred] = []
    for engagement in engagements:
        source = sources.apps.get(engagement.app_installation_id)
        bars = tuple(bar for bar in bars_of(engagement, source, around) if bar.reason not in known)
        if bars:
            found.append(Barred(engagement, "" if source is None else source.client_name, bars))
    return found


def findings_of(barred: Sequence[Barred], *, of_engagement: bool) -> list[Finding]:
    """The findings about all of them, each once."""
    return list(dict.fromkeys(finding for each in barred for finding in each.to_findings(of_engagement=of_engagement)))


async def check_all_customer_types(tx: Tx, account_id: str, some: Sequence[AudienceObject]) -> list[Finding]:
    """Whether these audiences and all others of the account name too many types or statuses of customers."""
    if not any(isinstance(condition, CustomerType) for one in some for condition in one.conditions):
        return []
    changed = {one.id for one in some}
    others = await store.list_type(tx, account_id, "audience")
    kept = [one for one in others if isinstance(one, AudienceObject) and one.id not in changed]
    return check_customer_types([*kept, *some])


async def find_ineligible(
    tx: Tx, account_id: str, some: Iterable[AnyObject], sources: EngagementSources
) -> dict[int, tuple[str, ...]]:
    """Why engagements are never offered now, by their ids."""
    engagements = [one for one in some if isinstance(one, EngagementObject) and not one.deleted]
    around = await find_around(tx, account_id, engagements)
    return {one.id: reasons(bars_of(one, sources.apps.get(one.app_installation_id), around)) for one in engagements}
