"""Apps as sources of engagements: what each lets campaigns choose, and the revision at which that was read."""

from collections.abc import Mapping
from dataclasses import dataclass

from switchbay.manifest.public import Engagement


@dataclass(frozen=True, slots=True)
class EngagementSource:
    """An installed app. ``capability`` is None where its manifest does not speak of engagements: it bars nothing."""

    installation_id: str
    client_name: str
    enabled: bool
    capability: Engagement | None


@dataclass(frozen=True, slots=True)
class EngagementSources:
    """Every app of an account that is not deleted, by its id. ``revision`` grows with every change of one."""

    revision: int
    apps: Mapping[str, EngagementSource]
