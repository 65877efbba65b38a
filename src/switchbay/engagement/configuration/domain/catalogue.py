"""The eight types of objects: their names on the wire, their shapes, and which others they refer to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeVar

from msgspec.structs import replace

from switchbay.engagement.domain.conditions import TimeOnLocation, VisitedLocation
from switchbay.engagement.domain.objects import (
    AnyObject,
    AudienceObject,
    BehaviorObject,
    CampaignObject,
    ConnectorObject,
    EngagementObject,
    GoalObject,
    LocationObject,
    WindowObject,
)

ObjectType: TypeAlias = Literal[
    "location", "behavior", "audience", "goal", "window", "connector", "campaign", "engagement"
]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """One type of object. ``most`` is how many an account may have that are not deleted."""

    name: ObjectType
    collection: str
    shape: type[AnyObject]
    most: int


TYPES: Final[Mapping[ObjectType, TypeInfo]] = {
    info.name: info
    for info in (
        TypeInfo("location", "locations", LocationObject, 10_000),
        TypeInfo("behavior", "behaviors", BehaviorObject, 10_000),
        TypeInfo("audience", "audiences", AudienceObject, 10_000),
        TypeInfo("goal", "goals", GoalObject, 10_000),
        TypeInfo("window", "windows", WindowObject, 1_000),
        TypeInfo("connector", "connectors", ConnectorObject, 1_000),
        TypeInfo("campaign", "campaigns", CampaignObject, 5_000),
        TypeInfo("engagement", "engagements", EngagementObject, 20_000),
    )
}
"""By their names; those that others refer to come first."""
COLLECTIONS: Final[Mapping[str, TypeInfo]] = {info.collection: info for info in TYPES.values()}
_BY_SHAPE: Final = {info.shape: info.name for info in TYPES.values()}


def type_of(one: AnyObject) -> ObjectType:
    """The type of an object."""
    return _BY_SHAPE[type(one)]


@dataclass(frozen=True, slots=True)
class Reference:
    """That an object refers to another; ``path`` is a JSON Pointer into it."""

    path: str
    type: ObjectType
    id: int


def references_of(one: AnyObject) -> tuple[Reference, ...]:
    """All that an object refers to within the configuration, in the order of its members."""
    if isinstance(one, EngagementObject):
        return tuple(_of_engagement(one))
    if isinstance(one, CampaignObject):
        return tuple(_of_campaign(one))
    return tuple(_of_behavior(one)) if isinstance(one, BehaviorObject) else ()


def _of_engagement(one: EngagementObject) -> Iterator[Reference]:
    yield Reference("/campaignId", "campaign", one.campaign_id)
    yield from (Reference(f"/entryPoints/{place}", "location", each) for place, each in enumerate(one.entry_points))
    yield from (Reference(f"/behaviors/{place}", "behavior", each) for place, each in enumerate(one.behaviors))
    if one.window_id is not None:
        yield Reference("/windowId", "window", one.window_id)
    if one.connector_id is not None:
        yield Reference("/connectorId", "connector", one.connector_id)


def _of_campaign(one: CampaignObject) -> Iterator[Reference]:
    if one.goal is not None:
        yield Reference("/goal", "goal", one.goal)
    if one.audience is not None:
        yield Reference("/audience", "audience", one.audience)


def _of_behavior(one: BehaviorObject) -> Iterator[Reference]:
    for place, condition in enumerate(one.conditions):
        at = f"/conditions/{place}"
        if isinstance(condition, VisitedLocation):
            for name, ids in (("include", condition.include), ("exclude", condition.exclude)):
                yield from (Reference(f"{at}/{name}/{number}", "location", each) for number, each in enumerate(ids))
        elif isinstance(condition, TimeOnLocation):
            for each, rule in enumerate(condition.rules):
                yield Reference(f"{at}/rules/{each}/locationId", "location", rule.location_id)


def with_other_ids(one: AnyObject, ids: Mapping[int, int]) -> AnyObject:
    """The object with every reference replaced by what ``ids`` has for it; one that it lacks stays."""
    if isinstance(one, EngagementObject):
        return replace(
            one,
            campaign_id=ids.get(one.campaign_id, one.campaign_id),
            entry_points=_others(one.entry_points, ids),
            behaviors=_others(one.behaviors, ids),
            window_id=_other(one.window_id, ids),
            connector_id=_other(one.connector_id, ids),
        )
    if isinstance(one, CampaignObject):
        return replace(one, goal=_other(one.goal, ids), audience=_other(one.audience, ids))
    if isinstance(one, BehaviorObject):
        return replace(one, conditions=tuple(_other_locations(each, ids) for each in one.conditions))
    return one


def _other(one: int | None, ids: Mapping[int, int]) -> int | None:
    return None if one is None else ids.get(one, one)


def _others(some: tuple[int, ...], ids: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(ids.get(each, each) for each in some)


def _other_locations(condition: T, ids: Mapping[int, int]) -> T:
    if isinstance(condition, VisitedLocation):
        return replace(condition, include=_others(condition.include, ids), exclude=_others(condition.exclude, ids))
    if isinstance(condition, TimeOnLocation):
        rules = tuple(
            replace(rule, location_id=ids.get(rule.location_id, rule.location_id)) for rule in condition.rules
        )
        return replace(condition, rules=rules)
    return condition
