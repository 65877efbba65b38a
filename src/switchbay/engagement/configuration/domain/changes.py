"""What a change of the configuration does to engagements: which of them it would keep from being offered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from switchbay.apps.public import EngagementSources
from switchbay.engagement.configuration.domain.capabilities import Bar, bars_of
from switchbay.engagement.configuration.domain.findings import Finding
from switchbay.engagement.domain.objects import AnyObject, EngagementObject
from switchbay.kit.jsonvalue import JsonValue


@dataclass(frozen=True, slots=True)
class Barred:
    """An engagement that a change keeps from being offered, the name of its app, and why."""

    engagement: EngagementObject
    app: str
    bars: tuple[Bar, ...]

    def to_json(self) -> JsonValue:
        """Render it as the user of an item."""
        return {
            "type": "engagement",
            "id": self.engagement.id,
            "name": self.engagement.name,
            "campaignId": self.engagement.campaign_id,
            "app": self.app,
            "reasons": list(dict.fromkeys(bar.reason for bar in self.bars)),
        }

    def to_findings(self, *, of_engagement: bool) -> list[Finding]:
        """Render it as findings about the body: of the engagement itself, or else of its campaign."""
        return [
            Finding("capability_missing", _place(bar, of_engagement=of_engagement), f'App "{self.app}": {bar.reason}')
            for bar in self.bars
        ]


def _place(bar: Bar, *, of_engagement: bool) -> str:
    """An engagement's body leads to the audience and the goal by its campaign only."""
    return "/campaignId" if of_engagement and bar.path in ("/audience", "/goal") else bar.path


def newly_barred(
    engagements: Iterable[EngagementObject],
    before: Mapping[int, AnyObject],
    after: Mapping[int, AnyObject],
    sources: EngagementSources,
) -> list[Barred]:
    """The engagements that there are more reasons not to offer after a change than before it, with the new reasons.

    ``before`` and ``after`` have the engagements' campaigns and all that they refer to, by id.
    """
    found: list[Barred] = []
    for engagement in engagements:
        source = sources.apps.get(engagement.app_installation_id)
        known = {bar.reason for bar in bars_of(engagement, source, before)}
        bars = tuple(bar for bar in bars_of(engagement, source, after) if bar.reason not in known)
        if bars:
            found.append(Barred(engagement, "" if source is None else source.client_name, bars))
    return found
