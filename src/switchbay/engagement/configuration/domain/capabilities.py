"""What an app's manifest lets an engagement be made of (section 2.1): conditions, identity, designs, language."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from switchbay.apps.public import EngagementSource
from switchbay.engagement.domain.conditions import Condition, Goal, kind_of
from switchbay.engagement.domain.objects import (
    AnyObject,
    AudienceObject,
    BehaviorObject,
    CampaignObject,
    EngagementObject,
    GoalObject,
    LocationObject,
)
from switchbay.manifest.public import Engagement

ABSENT = "the app is not installed any more"
DISABLED = "the app is disabled"


@dataclass(frozen=True, slots=True)
class Bar:
    """One reason never to offer an engagement.

    ``path`` leads to the member of the engagement or, for audience and goal, of its campaign that refers to what the
    manifest does not allow; ``reason`` names the manifest's line; ``item`` is the id of the item with the condition.
    """

    path: str
    reason: str
    item: int | None = None


def bars_of(
    engagement: EngagementObject, source: EngagementSource | None, objects: Mapping[int, AnyObject]
) -> tuple[Bar, ...]:
    """Why an engagement is never offered; ``objects`` has its campaign and all that both refer to, by id."""
    if source is None:
        return (Bar("/appInstallationId", ABSENT),)
    switched = () if source.enabled else (Bar("/appInstallationId", DISABLED),)
    if source.capability is None:
        return switched
    return (*switched, *_of_engagement(engagement, source.capability, objects))


def _of_engagement(one: EngagementObject, may: Engagement, objects: Mapping[int, AnyObject]) -> Iterator[Bar]:
    for place, id_ in enumerate(one.entry_points):
        yield from _unlisted(f"/entryPoints/{place}", "entry_point", may.entry_point, objects.get(id_))
    for place, id_ in enumerate(one.behaviors):
        yield from _unlisted(f"/behaviors/{place}", "visitor_behavior", may.visitor_behavior, objects.get(id_))
    campaign = objects.get(one.campaign_id)
    if isinstance(campaign, CampaignObject):
        if campaign.audience is not None:
            audience = objects.get(campaign.audience)
            yield from _unlisted("/audience", "target_audience", may.target_audience, audience)
        if campaign.goal is not None:
            yield from _unlisted("/goal", "goal", may.goal, objects.get(campaign.goal))
    if one.consumer_identity not in may.consumer_identity:
        yield Bar("/consumerIdentity", _does_not_list("consumer_identity", one.consumer_identity))
    if one.window_id is not None and not may.design_window:
        yield Bar("/windowId", "capabilities.engagement.design_window is false")
    if one.presentation is not None and not may.design_engagement:
        yield Bar("/presentation", "capabilities.engagement.design_engagement is false")
    if one.language is not None and not may.language_selection:
        yield Bar("/language", "capabilities.engagement.language_selection is false")


def _does_not_list(member: str, kind: str) -> str:
    return f'capabilities.engagement.{member} does not list "{kind}"'


def _unlisted(path: str, member: str, listed: Sequence[str], item: AnyObject | None) -> Iterator[Bar]:
    if item is None:
        return
    for kind in dict.fromkeys(kind_of(condition) for condition in _conditions_of(item)):
        if kind not in listed:
            yield Bar(path, _does_not_list(member, kind), item.id)


def _conditions_of(item: AnyObject) -> Sequence[Condition | Goal]:
    if isinstance(item, LocationObject | BehaviorObject | AudienceObject | GoalObject):
        return item.conditions
    return ()


def reasons(bars: Sequence[Bar]) -> tuple[str, ...]:
    """The reasons in words, each once."""
    return tuple(dict.fromkeys(bar.reason for bar in bars))
