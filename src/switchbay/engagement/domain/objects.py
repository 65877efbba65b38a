"""What a campaign is made of, as the configuration API keeps it (section 7 of the reference).

Ids are numbers, given by the platform, unique within an account. ``revision`` is raised at every change of an object.
"""

from typing import Literal, TypeAlias

import msgspec

from switchbay.engagement.domain.conditions import Audience, Behavior, EntryPoint, Goal

Status: TypeAlias = Literal["draft", "published", "paused"]
Priority: TypeAlias = Literal["high", "medium", "low"]
Identity: TypeAlias = Literal["auth", "unauth"]
CONTROL_PERCENTAGES = (0, 5, 10, 15, 20, 25)


class _Object(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An object of the configuration."""

    id: int
    name: str
    description: str = ""
    revision: int = 1
    deleted: bool = False


class LocationObject(_Object, frozen=True, kw_only=True):
    """Where a visitor is: any condition that includes hits and none that excludes. Without conditions: everywhere."""

    conditions: tuple[EntryPoint, ...] = ()


class BehaviorObject(_Object, frozen=True, kw_only=True):
    """What a visitor does: all conditions hold. Without conditions: any behaviour."""

    conditions: tuple[Behavior, ...] = ()


class AudienceObject(_Object, frozen=True, kw_only=True):
    """Who a visitor is: of each kind any condition holds. Without conditions: everybody."""

    conditions: tuple[Audience, ...] = ()


class GoalObject(_Object, frozen=True, kw_only=True):
    """What counts as a conversion of a campaign: any of the conditions was reached."""

    conditions: tuple[Goal, ...] = ()
    once_per_visit: bool = False
    conversion_days: int = 31
    """For how many days after the offer a conversion is counted, 1 to 31."""


class WindowDesign(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Look of the window that a conversation opens in. Texts are by language, such as ``en-US``; "" is any other."""

    titles: dict[str, str] = {}
    greetings: dict[str, str] = {}
    accent_color: str = "#0b5cad"
    text_color: str = "#ffffff"
    corner: Literal["bottom-right", "bottom-left"] = "bottom-right"


class WindowObject(_Object, frozen=True, kw_only=True):
    """A conversation window."""

    design: WindowDesign = msgspec.field(default_factory=WindowDesign)


class ConnectorObject(_Object, frozen=True, kw_only=True):
    """Who vouches for the consumers of an engagement: ``issuer`` and its keys are the identity provider's."""

    type: Identity = "unauth"
    issuer: str = ""


class Presentation(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What the visitor is shown. Texts are by language, such as ``en-US``; "" is any other."""

    format: Literal["button", "banner"] = "button"
    position: Literal["bottom-right", "bottom-left", "top", "bottom", "embedded"] = "bottom-right"
    container: str = ""
    """The id of the page's element that an embedded one is put into."""
    titles: dict[str, str] = {}
    texts: dict[str, str] = {}
    labels: dict[str, str] = {}
    """What the button says."""
    background_color: str = "#0b5cad"
    text_color: str = "#ffffff"
    delay_seconds: int = 0


class EngagementObject(_Object, frozen=True, kw_only=True):
    """One thing that is offered. Any of its entry points and any of its behaviours is enough."""

    campaign_id: int
    enabled: bool = True
    app_installation_id: str
    entry_points: tuple[int, ...] = ()
    behaviors: tuple[int, ...] = ()
    language: str | None = None
    skill_id: int = -1
    """-1: any."""
    window_id: int | None = None
    connector_id: int | None = None
    consumer_identity: Identity = "unauth"
    presentation: Presentation | None = None


class ControlGroup(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Visitors who are shown nothing, so that the effect of a campaign can be told."""

    percentage: int = 10


class CampaignObject(_Object, frozen=True, kw_only=True):
    """A goal, an audience, a time frame and what is offered in it."""

    status: Status = "draft"
    start_date: str | None = None
    """Local time in ``time_zone``, such as ``2026-11-28T09:00:00``."""
    expiration_date: str | None = None
    time_zone: str = "UTC"
    goal: int | None = None
    audience: int | None = None
    """None: everybody."""
    priority: Priority = "medium"
    control_group: ControlGroup = msgspec.field(default_factory=ControlGroup)


AnyObject: TypeAlias = (
    CampaignObject
    | EngagementObject
    | LocationObject
    | BehaviorObject
    | AudienceObject
    | GoalObject
    | WindowObject
    | ConnectorObject
)


class EngagementSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What holds for all campaigns of an account."""

    control_group: ControlGroup = msgspec.field(default_factory=lambda: ControlGroup(5))
    """Visitors who are shown nothing from any campaign."""
    about_to_abandon: Literal["model", "external", "off"] = "model"
    """Who predicts that a visitor is about to leave: the platform, scores that are reported, or nobody."""
    time_zone: str = "UTC"
    """Of campaigns that name none when they are made."""
