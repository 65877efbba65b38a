"""What an app's manifest lets an engagement be made of (section 2.1): conditions, identity, designs, language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from switchbay.apps.public import EngagementSource
from switchbay.engagement.domain.conditions import kind_of
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
    engagement: EngagementObject,
    source: EngagementSource | None,
    objects: Mapping[int, AnyObject],
    kinds: dict[int, tuple[str, ...]] | None = None,
) -> tuple[Bar, ...]:
    """Why an engagement is never offered; ``objects`` has its campaign and all that both refer to, by id.

    ``kinds`` remembers what kinds of conditions items have, for whoever asks about many engagements.
    """
    if source is None:
        return (Bar("/appInstallationId", ABSENT),)
    switched = () if source.enabled else (Bar("/appInstallationId", DISABLED),)
    if source.capability is None:
        return switched
    check = _Check(source.capability, objects, {} if kinds is None else kinds)
    check.engagement(engagement)
    return (*switched, *check.bars)


class _Check:
    """Gathers what one capability does not allow of an engagement."""

    __slots__ = ("_kinds", "_may", "_objects", "bars")

    def __init__(self, may: Engagement, objects: Mapping[int, AnyObject], kinds: dict[int, tuple[str, ...]]) -> None:
        self._may = may
        self._objects = objects
        self._kinds = kinds
        self.bars: list[Bar] = []

    def engagement(self, one: EngagementObject) -> None:
        may = self._may
        for place, item in enumerate(one.entry_points):
            self._item(f"/entryPoints/{place}", "entry_point", may.entry_point, item)
        for place, item in enumerate(one.behaviors):
            self._item(f"/behaviors/{place}", "visitor_behavior", may.visitor_behavior, item)
        campaign = self._objects.get(one.campaign_id)
        if isinstance(campaign, CampaignObject):
            if campaign.audience is not None:
                self._item("/audience", "target_audience", may.target_audience, campaign.audience)
            if campaign.goal is not None:
                self._item("/goal", "goal", may.goal, campaign.goal)
        if one.consumer_identity not in may.consumer_identity:
            self._add("/consumerIdentity", _does_not_list("consumer_identity", one.consumer_identity))
        if one.window_id is not None and not may.design_window:
            self._add("/windowId", "capabilities.engagement.design_window is false")
        if one.presentation is not None and not may.design_engagement:
            self._add("/presentation", "capabilities.engagement.design_engagement is false")
        if one.language is not None and not may.language_selection:
            self._add("/language", "capabilities.engagement.language_selection is false")

    def _add(self, path: str, reason: str) -> None:
        self.bars.append(Bar(path, reason))

    def _item(self, path: str, member: str, listed: Sequence[str], item: int) -> None:
        kinds = self._kinds.get(item)
        if kinds is None:
            kinds = self._kinds[item] = _kinds_of(self._objects.get(item))
        self.bars += [Bar(path, _does_not_list(member, kind), item) for kind in kinds if kind not in listed]


def _does_not_list(member: str, kind: str) -> str:
    return f'capabilities.engagement.{member} does not list "{kind}"'


def _kinds_of(item: AnyObject | None) -> tuple[str, ...]:
    """The kinds of an item's conditions, each once."""
    if isinstance(item, LocationObject | BehaviorObject | AudienceObject | GoalObject):
        return tuple(dict.fromkeys(kind_of(condition) for condition in item.conditions))
    return ()


def reasons(bars: Sequence[Bar]) -> tuple[str, ...]:
    """The reasons in words, each once."""
    return tuple(dict.fromkeys(bar.reason for bar in bars))
