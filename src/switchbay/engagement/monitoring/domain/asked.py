"""What comes into a decision about a visit, and what comes out of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from switchbay.engagement.domain.happenings import Happening
from switchbay.engagement.domain.published import PublishedCampaign, PublishedEngagement, PublishedGoal
from switchbay.engagement.domain.visit import Context, Exposure, Geo, Visit
from switchbay.engagement.monitoring.domain.sessions import Fresh
from switchbay.engagement.monitoring.neighbours import OpenConversation
from switchbay.engagement.monitoring.wire.bodies import EngagementBody, ReportBody
from switchbay.engagement.targeting.entry_points import Entry
from switchbay.kit.record import Record

Family: TypeAlias = Literal["NA", "DESKTOP", "TABLET", "MOBILE"]


class Device(Record, frozen=True):
    """What a user agent says. ``os`` is one of the API's names, empty when it is none of them."""

    family: Family = "NA"
    os: str = ""


class Surroundings(Protocol):
    """Look-ups that have been made or loaded before: they wait for nothing."""

    def locate(self, address: str) -> Geo | None:
        """The place of an address."""
        ...

    def device_of(self, user_agent: str) -> Device:
        """The device of a user agent."""
        ...


class Choice(Record, frozen=True):
    """What is to be offered; ``among`` is a digest of all that might have been."""

    engagement: PublishedEngagement
    among: int


class Rules(Protocol):
    """An account's published campaigns, compiled."""

    @property
    def campaigns(self) -> Mapping[int, PublishedCampaign]:
        """Its campaigns by their ids."""
        ...

    @property
    def engagements(self) -> Mapping[int, PublishedEngagement]:
        """Its engagements by their ids."""
        ...

    @property
    def location_revisions(self) -> Mapping[int, int]:
        """The revisions of its locations by their ids."""
        ...

    def locations_of(self, entry: Entry) -> tuple[int, ...]:
        """The locations that match these entry points."""
        ...

    def offer(self, visit: Visit, installation_id: str, now: int, draw: Callable[[], float]) -> Choice | None:
        """What the visitor is to be offered (section 8 of the reference)."""
        ...

    def reached(self, goal: PublishedGoal, before: Visit, after: Visit) -> int:
        """How many times the goal was reached between two states of a visit."""
        ...


class Asked(Record, frozen=True, kw_only=True):
    """A request of ``engagement`` or ``report``, read and checked. Ids that were not sent are empty."""

    account_id: str
    installation_id: str
    visitor_id: str
    session_id: str
    on_behalf: bool
    address: str
    user_agent: str
    fresh: Fresh
    rules: Rules
    body: EngagementBody | ReportBody


class Visitor(Record, frozen=True, kw_only=True):
    """A visitor of earlier sessions."""

    visitor_id: str
    exposures: tuple[Exposure, ...] = ()


class Offered(Record, frozen=True):
    """An offer and the context that it has in the session."""

    engagement: PublishedEngagement
    context: Context


class Decision(Record, frozen=True, kw_only=True):
    """What a request came to. ``before`` None: the session is a new one."""

    before: Visit | None
    visit: Visit
    page_id: str
    offered: Offered | None = None
    conversation: OpenConversation | None = None
    happenings: Sequence[Happening] = ()
