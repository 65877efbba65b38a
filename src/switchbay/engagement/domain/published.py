"""What is offered now: an account's published campaigns with everything that they refer to, resolved.

A ``Published`` is a value: a new revision is a new one, which takes the place of the old at once, so that no request
sees half of a change.
"""

from typing import Literal

import msgspec

from switchbay.engagement.domain.conditions import Audience, Behavior, EntryPoint, Goal
from switchbay.engagement.domain.objects import Identity, Priority


class PublishedLocation(msgspec.Struct, frozen=True, kw_only=True):
    """A location: any condition that includes hits, and none that excludes. Without conditions: everywhere."""

    id: int
    revision: int
    conditions: tuple[EntryPoint, ...]


class PublishedBehavior(msgspec.Struct, frozen=True, kw_only=True):
    """A behaviour; every condition must hold."""

    id: int
    revision: int
    conditions: tuple[Behavior, ...]


class PublishedAudience(msgspec.Struct, frozen=True, kw_only=True):
    """An audience; of each kind any condition must hold."""

    id: int
    revision: int
    conditions: tuple[Audience, ...]


class PublishedGoal(msgspec.Struct, frozen=True, kw_only=True):
    """A goal; any condition that is reached counts."""

    id: int
    revision: int
    conditions: tuple[Goal, ...]
    once_per_visit: bool
    conversion_days: int


class PublishedCampaign(msgspec.Struct, frozen=True, kw_only=True):
    """A published campaign, from ``starts`` to before ``ends``, both in Unix milliseconds."""

    id: int
    name: str
    revision: int
    starts: int | None
    ends: int | None
    priority: Priority
    control_percentage: int
    audience: PublishedAudience | None
    goal: PublishedGoal | None


class PublishedEngagement(msgspec.Struct, frozen=True, kw_only=True):
    """An enabled engagement of a published campaign.

    ``locations`` are those of the account's library; an engagement without entry points is offered everywhere.
    ``barred`` names what the app's capability does not allow (any more), in words; one is enough to never offer it.
    """

    id: int
    name: str
    revision: int
    campaign: PublishedCampaign
    app_installation_id: str
    locations: tuple[PublishedLocation, ...]
    behaviors: tuple[PublishedBehavior, ...]
    language: str | None
    skill_id: int
    window_id: int | None
    connector_id: int | None
    consumer_identity: Identity
    barred: tuple[str, ...] = ()


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """An account's offers. ``locations`` are all that are not deleted, because behaviours refer to them by id."""

    account_id: str
    revision: int
    control_percentage: int = 5
    about_to_abandon: Literal["model", "external", "off"] = "model"
    locations: tuple[PublishedLocation, ...] = ()
    engagements: tuple[PublishedEngagement, ...] = ()
    time_zone: str = "UTC"
    """The zone in which ages and times since registration are counted."""
