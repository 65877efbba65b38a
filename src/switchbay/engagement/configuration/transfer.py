"""Campaigns as files: one campaign with its engagements and every library item that they use, out and in again.

A file comes from any account. All that is in it is made anew with new ids, or nothing is; the campaign becomes a draft.
Apps and skills are found by the names that the file has for them, and else by their ids.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

import msgspec
from msgspec.structs import replace

from switchbay.accounts.public import Actor
from switchbay.apps.public import EngagementSources
from switchbay.engagement.configuration import context, errors, store
from switchbay.engagement.configuration.domain.catalogue import (
    TYPES,
    ObjectType,
    TypeInfo,
    references_of,
    type_of,
    with_other_ids,
)
from switchbay.engagement.configuration.domain.checking import check_object, is_id
from switchbay.engagement.configuration.domain.expressions import MOST_IN_FILE, count_expressions
from switchbay.engagement.configuration.domain.findings import MOST, Finding, below
from switchbay.engagement.configuration.service import Audit, Configuration, expect_room, refuse
from switchbay.engagement.configuration.wire import Unfit, object_from
from switchbay.engagement.domain.objects import AnyObject, AudienceObject, CampaignObject, EngagementObject
from switchbay.infra.db import Database, Tx
from switchbay.kit.jsonvalue import JsonValue

FORMAT: Final = "switchbay-campaign"
MOST_ITEMS: Final = 1_000
"""Of each type in one file."""
_LIBRARY: Final[tuple[ObjectType, ...]] = ("location", "behavior", "audience", "goal", "window", "connector")


class AppName(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An app that engagements of a file come from."""

    id: str
    client_name: str


class SkillName(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A skill that engagements of a file ask for."""

    id: int
    name: str


class CampaignFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A campaign with all that it is made of. Objects are as the API writes them; their ids hold within the file."""

    format: Literal["switchbay-campaign"]
    version: Literal[1]
    campaign: dict[str, object]
    engagements: list[dict[str, object]] = []
    locations: list[dict[str, object]] = []
    behaviors: list[dict[str, object]] = []
    audiences: list[dict[str, object]] = []
    goals: list[dict[str, object]] = []
    windows: list[dict[str, object]] = []
    connectors: list[dict[str, object]] = []
    apps: list[AppName] = []
    skills: list[SkillName] = []


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import made, or would make: the campaign's name, and new ids by the old ones for each collection.

    ``revision`` is that of the account afterwards. Of a dry run the new ids mean nothing, and are not shown.
    """

    revision: int
    campaign_id: int
    name: str
    ids: Mapping[str, Mapping[int, int]]
    is_dry: bool

    def to_json(self) -> dict[str, JsonValue]:
        """Render it for the wire."""
        made: dict[str, JsonValue] = {
            collection: {str(old): None if self.is_dry else new for old, new in ids.items()}
            for collection, ids in self.ids.items()
        }
        return {
            "dryRun": self.is_dry,
            "campaignId": None if self.is_dry else self.campaign_id,
            "name": self.name,
            "ids": made,
        }


class _DryRun(Exception):
    """Undoes an import that was only tried."""

    def __init__(self, result: Imported) -> None:
        super().__init__("a dry run")
        self.result = result


@dataclass(frozen=True, slots=True)
class _Placed:
    """An object of a file, and the JSON Pointer of its place there."""

    path: str
    one: AnyObject


class Transfer:
    """Export and import of campaigns."""

    def __init__(self, db: Database, configuration: Configuration) -> None:
        self._db = db
        self._configuration = configuration

    async def export_campaign(self, account_id: str, campaign_id: int) -> tuple[int, CampaignFile]:
        """A campaign as a file, and the revision at which it was read. Raises ``object_unknown``."""
        skills = await self._configuration.skills(account_id)

        async def work(tx: Tx) -> tuple[int, CampaignFile]:
            campaign = (await store.find_objects(tx, account_id, [campaign_id])).get(campaign_id)
            if not isinstance(campaign, CampaignObject):
                raise errors.object_unknown("campaign")
            users = await store.find_users(tx, account_id, [campaign_id])
            engagements = await store.find_objects(tx, account_id, users.get(campaign_id, ()))
            around = await context.find_around(tx, account_id, [campaign, *engagements.values()])
            around |= await context.find_around(tx, account_id, around.values())  # locations of behaviours
            sources = await self._configuration.apps.engagement_sources(tx, account_id)
            state = await store.find_state(tx, account_id)
            return state.revision, _file_of(campaign, list(around.values()), sources, skills)

        return await self._db.read(work)

    async def import_campaign(
        self, account_id: str, file: CampaignFile, actor: Actor, *, dry_run: bool = False
    ) -> Imported:
        """Make everything that is in a file, or nothing. ``dry_run`` only checks whether it could be made.

        Raises ``configuration_invalid``, ``capability_missing``, ``configuration_full``; paths lead into the file.
        """
        placed = await asyncio.to_thread(_checked, file)
        skills = await self._configuration.skills(account_id)

        async def work(tx: Tx, state: store.State, audit: Audit) -> Imported:
            sources = await self._configuration.apps.engagement_sources(tx, account_id)
            found = _with_local_names(placed, file, sources, skills)
            numbers = await store.take_ids(tx, account_id, len(found))
            ids = {each.one.id: number for each, number in zip(found, numbers, strict=True)}
            made = [
                _Placed(each.path, replace(with_other_ids(each.one, ids), id=ids[each.one.id], revision=1))
                for each in found
            ]
            await self._check(tx, account_id, made, sources)
            await store.insert_objects(tx, account_id, [each.one for each in made], audit.at)
            revision = state.revision - 1 if dry_run else state.revision
            result = _result(revision, placed, ids, is_dry=dry_run)
            detail: dict[str, JsonValue] = {"name": result.name, "objects": len(made)}
            await audit.record(tx, "campaign.import", "campaign", result.campaign_id, detail)
            if dry_run:
                raise _DryRun(result)
            return result

        try:
            return await self._configuration.change(account_id, actor, None, work)
        except _DryRun as dry:
            return dry.result

    async def _check(self, tx: Tx, account_id: str, made: Sequence[_Placed], sources: EngagementSources) -> None:
        for name in TYPES:
            await expect_room(tx, account_id, name, sum(type_of(each.one) == name for each in made))
        audiences = [each.one for each in made if isinstance(each.one, AudienceObject)]
        refuse(below("/audiences", await context.check_all_customer_types(tx, account_id, audiences)))
        around = {each.one.id: each.one for each in made}
        findings = [
            finding
            for each in made
            if isinstance(each.one, EngagementObject)
            for finding in below(
                each.path,
                context.findings_of(context.barred_whole([each.one], around, sources), of_engagement=True),
            )
        ]
        if findings:
            raise errors.capability_missing(findings)


# Out


def _file_of(
    campaign: CampaignObject,
    around: Sequence[AnyObject],
    sources: EngagementSources,
    skills: Mapping[int, str],
) -> CampaignFile:
    by_type: dict[str, list[dict[str, object]]] = {info.collection: [] for info in TYPES.values()}
    for one in sorted(around, key=lambda each: each.id):
        by_type[TYPES[type_of(one)].collection].append(_portable(one))
    engagements = [one for one in around if isinstance(one, EngagementObject)]
    app_ids = sorted({one.app_installation_id for one in engagements} & sources.apps.keys())
    skill_ids = sorted({one.skill_id for one in engagements} & skills.keys())
    del by_type["campaigns"]
    return CampaignFile(
        format=FORMAT,
        version=1,
        campaign=_portable(campaign),
        apps=[AppName(app_id, sources.apps[app_id].client_name) for app_id in app_ids],
        skills=[SkillName(skill_id, skills[skill_id]) for skill_id in skill_ids],
        **by_type,
    )


def _portable(one: AnyObject) -> dict[str, object]:
    body: dict[str, object] = msgspec.to_builtins(one)
    return {name: value for name, value in body.items() if name not in ("revision", "deleted")}


# In


def _checked(file: CampaignFile) -> list[_Placed]:
    """The objects of a file without flaws; of a large one that takes a while. Raises ``configuration_invalid``."""
    placed = _read(file)
    refuse(_flaws(placed))
    return placed


def _read(file: CampaignFile) -> list[_Placed]:
    """The objects of a file, those that others refer to first. Raises ``configuration_invalid``."""
    found: list[_Placed] = []
    findings: list[Finding] = []
    for path, info, value in _values(file, findings):
        id_ = value.get("id")
        if not isinstance(id_, int) or isinstance(id_, bool) or not is_id(id_):
            findings.append(Finding("type_wrong", f"{path}/id", "The object's id in this file: a positive number."))
            continue
        try:
            found.append(_Placed(path, object_from(_json(value), info, id_)))
        except Unfit as error:
            findings += below(path, [error.finding])
        if len(findings) >= MOST:
            break
    refuse(findings)
    return [_Placed(each.path, _as_new(each.one, found)) for each in found]


def _json(value: dict[str, object]) -> JsonValue:
    """The same value: it was read from JSON."""
    return cast("JsonValue", value)


def _values(file: CampaignFile, findings: list[Finding]) -> list[tuple[str, TypeInfo, dict[str, object]]]:
    found: list[tuple[str, TypeInfo, dict[str, object]]] = []
    for name in _LIBRARY:
        info = TYPES[name]
        found += _numbered(info, getattr(file, info.collection), findings)
    found.append(("/campaign", TYPES["campaign"], file.campaign))
    return found + _numbered(TYPES["engagement"], file.engagements, findings)


def _numbered(
    info: TypeInfo, values: list[dict[str, object]], findings: list[Finding]
) -> list[tuple[str, TypeInfo, dict[str, object]]]:
    if len(values) > MOST_ITEMS:
        message = f"At most {MOST_ITEMS}, and these are {len(values)}."
        findings.append(Finding("list_too_long", f"/{info.collection}", message))
        return []
    return [(f"/{info.collection}/{place}", info, value) for place, value in enumerate(values)]


def _as_new(one: AnyObject, all_of_them: Sequence[_Placed]) -> AnyObject:
    """A campaign as a draft, an engagement as one of the file's campaign."""
    if isinstance(one, CampaignObject):
        return replace(one, status="draft")
    if isinstance(one, EngagementObject):
        campaign = next(each.one.id for each in all_of_them if isinstance(each.one, CampaignObject))
        return replace(one, campaign_id=campaign)
    return one


def _flaws(placed: Sequence[_Placed]) -> list[Finding]:
    """What is wrong with the objects of a file by themselves and among each other."""
    if sum(count_expressions(each.one) for each in placed) > MOST_IN_FILE:
        return [Finding("list_too_long", "", f"At most {MOST_IN_FILE} regular expressions in one file.")]
    types = {each.one.id: type_of(each.one) for each in placed}
    findings: list[Finding] = []
    seen: set[int] = set()
    for each in placed:
        if each.one.id in seen:
            findings.append(Finding("choice_needed", f"{each.path}/id", "Another object of the file has this id."))
        seen.add(each.one.id)
        findings += below(each.path, check_object(each.one))
        findings += below(
            each.path,
            [
                Finding("reference_unknown", reference.path, f"The file has no {reference.type} with this id.")
                for reference in references_of(each.one)
                if types.get(reference.id) != reference.type
            ],
        )
        if len(findings) >= MOST:
            break
    return findings


def _with_local_names(
    placed: Sequence[_Placed], file: CampaignFile, sources: EngagementSources, skills: Mapping[int, str]
) -> list[_Placed]:
    """The objects with the ids that their apps and skills have here. Raises ``configuration_invalid``."""
    app_names = {app.id: app.client_name for app in file.apps}
    skill_names = {skill.id: skill.name for skill in file.skills}
    apps_here = {app.client_name: app_id for app_id, app in sources.apps.items()}
    skills_here = {name: skill_id for skill_id, name in skills.items()}
    findings: list[Finding] = []
    found: list[_Placed] = []
    for each in placed:
        one = each.one
        if isinstance(one, EngagementObject):
            app_id = apps_here.get(app_names.get(one.app_installation_id, ""), one.app_installation_id)
            if app_id not in sources.apps:
                message = "The account has no app with this id, nor with the name that the file has for it."
                findings.append(Finding("reference_unknown", f"{each.path}/appInstallationId", message))
            skill_id = skills_here.get(skill_names.get(one.skill_id, ""), one.skill_id)
            if skill_id != -1 and skill_id not in skills:
                message = "The account has no skill with this id, nor with the name that the file has for it."
                findings.append(Finding("reference_unknown", f"{each.path}/skillId", message))
            one = replace(one, app_installation_id=app_id, skill_id=skill_id)
        found.append(_Placed(each.path, one))
    refuse(findings)
    return found


def _result(revision: int, placed: Sequence[_Placed], ids: Mapping[int, int], *, is_dry: bool) -> Imported:
    by_collection: dict[str, dict[int, int]] = {}
    for each in placed:
        by_collection.setdefault(TYPES[type_of(each.one)].collection, {})[each.one.id] = ids[each.one.id]
    campaign = next(each.one for each in placed if isinstance(each.one, CampaignObject))
    return Imported(revision, ids[campaign.id], campaign.name, by_collection, is_dry)
