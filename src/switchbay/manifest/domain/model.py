"""The manifest once it is checked: frozen types that other rooms work with, and the options of a check."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from switchbay.kit.jsonvalue import JsonValue

LogoPolicy = Literal["warn", "enforce"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator allows.

    ``strict`` refuses every unknown member; ``dev_mode`` lets webhook endpoints be plain http on the loopback;
    ``logo_policy`` decides what a logo that breaks the rule is worth; ``extra_scopes`` are the scopes that the operator
    registered beside the documented one; ``hub_compatibility`` warns of what the vendor's client would not list.
    """

    strict: bool = False
    dev_mode: bool = False
    logo_policy: LogoPolicy = "warn"
    extra_scopes: frozenset[str] = frozenset()
    hub_compatibility: bool = False


@dataclass(frozen=True, slots=True)
class Webhook:
    """A subscription to one event. ``max_retries`` given as 0 and left out differ: see ``max_retries_explicit``."""

    event: str
    endpoint: str
    max_retries: int = 0
    max_retries_explicit: bool = False
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Engagement:
    """Which conditions and designs the app lets a campaign choose; all eight members of the document."""

    design_engagement: bool
    design_window: bool
    entry_point: tuple[str, ...]
    visitor_behavior: tuple[str, ...]
    target_audience: tuple[str, ...]
    goal: tuple[str, ...]
    consumer_identity: tuple[str, ...]
    language_selection: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """A valid manifest with defaults applied and aliases resolved.

    ``display_name`` falls back to ``client_name``; ``description`` to the empty text; ``retention_time`` is in seconds,
    0 for none; ``enabled`` is None when not said; ``localised`` maps a member to its texts by language tag;
    ``document`` is the normalised JSON object, header values included.
    """

    client_name: str
    display_name: str
    description: str
    grant_types: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    response_types: tuple[str, ...]
    scope: tuple[str, ...]
    logo_uri: str | None
    webhooks: tuple[Webhook, ...]
    retention_time: int
    engagement: Engagement | None
    quick_launch_enabled: bool
    entry_uri: str | None
    localised: Mapping[str, Mapping[str, str]]
    enabled: bool | None
    document: Mapping[str, JsonValue] = field(repr=False)
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    token_endpoint_auth_method: str | None = None
    jwks: JsonValue = None
    jwks_uri: str | None = None
    id_token_signed_response_alg: str | None = None
    asks_for_all_conversations: bool = False
    is_best_effort: bool = False
