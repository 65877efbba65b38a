"""The conditions that locations, behaviours, audiences and goals are made of: one type per value of the capability.

As JSON each is an object whose ``type`` is the capability's value and whose members are the parameters of section 3
of the reference, in camel case. Where a list can be included and excluded, one included hit is enough and any excluded
hit decides against it. Ranges are closed and either bound may be missing. Money is compared without its currency.
"""

from typing import Literal, TypeAlias

import msgspec

Polarity: TypeAlias = Literal["include", "exclude"]
MatchType: TypeAlias = Literal["contains", "exact", "regex"]
Interaction: TypeAlias = Literal["exposed", "declined", "clicked", "interacted"]
DeviceFamily: TypeAlias = Literal["DESKTOP", "TABLET", "MOBILE"]
Gender: TypeAlias = Literal["MALE", "FEMALE", "OTHER"]
Channel: TypeAlias = Literal["direct", "search", "social", "email", "referral", "paid_search", "display"]


class _Part(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """A part of a condition."""


class _Condition(_Part, frozen=True, tag_field="type"):
    """A condition; subclasses say which value of the capability they stand for."""


class Match(_Part, frozen=True):
    """A rule for one string, without regard to case; ``regex`` is searched for, in RE2's syntax."""

    value: str
    match_type: MatchType = "contains"


# Entry points


class Section(_Condition, frozen=True, tag="section"):
    """Names of sections: within double quotes the whole name, otherwise a part of it."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Url(_Condition, frozen=True, tag="url"):
    """Addresses of pages."""

    include: tuple[Match, ...] = ()
    exclude: tuple[Match, ...] = ()


# Behaviours of visitors


class VisitedLocation(_Condition, frozen=True, tag="visited_location"):
    """Every included location was visited in this session, and none of the excluded ones."""

    include: tuple[int, ...] = ()
    exclude: tuple[int, ...] = ()


class Stay(_Part, frozen=True):
    """More than ``seconds`` on the pages of a location, all together."""

    location_id: int
    seconds: int


class TimeOnLocation(_Condition, frozen=True, tag="time_on_location"):
    """All of the rules hold."""

    rules: tuple[Stay, ...]


class FlowStep(_Part, frozen=True):
    """One step: exactly one of a section, a page's address and a page's title."""

    section: str | None = None
    url: Match | None = None
    title: Match | None = None
    required: bool = True


class Flow(_Condition, frozen=True, tag="flow"):
    """A path that was left before its last step (``abandoned``) or gone back in (``backflow``)."""

    steps: tuple[FlowStep, ...]
    trigger: Literal["abandoned", "backflow"] = "abandoned"


class EngagedInSession(_Condition, frozen=True, tag="engaged_in_session"):
    """What the visitor did with other engagements in this session."""

    include: tuple[Interaction, ...] = ()
    exclude: tuple[Interaction, ...] = ()


class AboutToAbandon(_Condition, frozen=True, tag="about_to_abandon"):
    """A prediction says that the visitor is about to leave."""


class CartValue(_Condition, frozen=True, tag="cart_value"):
    """The cart's total lies in the range, or fell with its last report (``decreased``, ``emptied``: to 0)."""

    min: float | None = None
    max: float | None = None
    change: Literal["decreased", "emptied"] | None = None


class ProductRule(_Part, frozen=True):
    """A product by its name, sku or category: exactly one of them, whole, without regard to case."""

    name: str | None = None
    sku: str | None = None
    category: str | None = None


class CartItems(_Condition, frozen=True, tag="cart_items"):
    """Products in the cart."""

    include: tuple[ProductRule, ...] = ()
    exclude: tuple[ProductRule, ...] = ()


class ErrorRule(_Part, frozen=True):
    """An error by its message, from the n-th ``occurrence`` on, or by its code."""

    message: str | None = None
    code: str | None = None
    occurrence: int = 1


class VisitorError(_Condition, frozen=True, tag="visitor_error"):
    """Errors that the visitor met and that are not resolved."""

    include: tuple[ErrorRule, ...] = ()
    exclude: tuple[ErrorRule, ...] = ()


class ViewedRule(_Part, frozen=True):
    """A viewed product by its name, sku, category or price: one of them."""

    name: str | None = None
    sku: str | None = None
    category: str | None = None
    price_min: float | None = None
    price_max: float | None = None


class ViewedProducts(_Condition, frozen=True, tag="viewed_products"):
    """Products that the visitor looked at."""

    include: tuple[ViewedRule, ...] = ()
    exclude: tuple[ViewedRule, ...] = ()


class ServiceRule(_Part, frozen=True):
    """A topic and the statuses (0 to 13) that count."""

    topic: str
    statuses: tuple[int, ...]


class ServiceActivity(_Condition, frozen=True, tag="service_activity"):
    """A topic reached one of the statuses; any rule is enough."""

    rules: tuple[ServiceRule, ...]


# Audiences


class ExternalReferral(_Condition, frozen=True, tag="external_referral"):
    """The address that the visitor came from; any rule is enough."""

    include: tuple[Match, ...]


class SearchKeywords(_Condition, frozen=True, tag="search_keywords"):
    """Words that were searched for before arrival."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class AddressRange(_Part, frozen=True):
    """IPv4 addresses, both ends included."""

    first: str = msgspec.field(name="from")
    last: str = msgspec.field(name="to")


class Ip(_Condition, frozen=True, tag="ip"):
    """Ranges of the visitor's address."""

    include: tuple[AddressRange, ...] = ()
    exclude: tuple[AddressRange, ...] = ()


class Platform(_Condition, frozen=True, tag="platform"):
    """Kinds of devices; any is enough."""

    platforms: tuple[DeviceFamily, ...]


class Place(_Part, frozen=True):
    """A place: each of its members that is given must fit. A country is a name or a code of ISO 3166-1 alpha-2."""

    country: str | None = None
    state: str | None = None
    city: str | None = None


class GeoLocation(_Condition, frozen=True, tag="geo_location"):
    """Places that the visitor's address is known to be at."""

    include: tuple[Place, ...] = ()
    exclude: tuple[Place, ...] = ()


class ReturningVisitors(_Condition, frozen=True, tag="returning_visitors"):
    """Visitors who were here before, or who were not."""

    visitors: Literal["new", "returning"]


class MarketingSource(_Condition, frozen=True, tag="marketing_source"):
    """Where the visitor came from: exactly one of channels, affiliates and campaigns is given."""

    channels: tuple[Channel, ...] = ()
    affiliates: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    polarity: Polarity = "include"


class CustomerType(_Condition, frozen=True, tag="customer_type"):
    """Types or statuses of customers, never both; whole values without regard to case."""

    types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    polarity: Polarity = "include"


class Age(_Condition, frozen=True, tag="age"):
    """The visitor's age in years."""

    min: int | None = None
    max: int | None = None
    polarity: Polarity = "include"


class Balance(_Condition, frozen=True, tag="balance"):
    """The customer's balance."""

    min: float | None = None
    max: float | None = None
    polarity: Polarity = "include"


class CustomerId(_Condition, frozen=True, tag="customer_id"):
    """Identifiers of customers, with regard to case."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class GenderIs(_Condition, frozen=True, tag="gender"):
    """Genders; any is enough."""

    genders: tuple[Gender, ...]


class StoreZipCode(_Condition, frozen=True, tag="store_zip_code"):
    """Postal codes of the customer's store."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class StoreNumber(_Condition, frozen=True, tag="store_number"):
    """Numbers of the customer's store."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class CompanySize(_Condition, frozen=True, tag="company_size"):
    """How many people the customer's company employs."""

    min: int | None = None
    max: int | None = None
    polarity: Polarity = "include"


class RegistrationDate(_Condition, frozen=True, tag="registration_date"):
    """How long ago the customer registered. The reference names no direction: at least, unless it says otherwise."""

    unit: Literal["days", "weeks", "months", "years"]
    value: int
    direction: Literal["at_least", "at_most"] = "at_least"
    polarity: Polarity = "include"


# Goals


class UrlGoal(_Condition, frozen=True, tag="url"):
    """The visitor reached an address, for the ``reached_counter``-th time."""

    url: str
    match_type: MatchType = "contains"
    reached_counter: int = 1


class PurchaseTotal(_Condition, frozen=True, tag="purchase_total"):
    """The visitor bought something, for more than ``more_than`` where that is given."""

    more_than: float | None = None


class NumOfPages(_Condition, frozen=True, tag="num_of_pages"):
    """The visitor saw that many pages in the session."""

    number_of_pages: int


class Lead(_Condition, frozen=True, tag="lead"):
    """A lead was reported."""


class ServiceBlock(_Part, frozen=True):
    """Topics and statuses: any of the ones at any of the others."""

    topics: tuple[str, ...]
    statuses: tuple[int, ...]


class ServiceGoal(_Condition, frozen=True, tag="service_activity"):
    """A topic reached a status; any block is enough."""

    blocks: tuple[ServiceBlock, ...]


EntryPoint: TypeAlias = Section | Url
Behavior: TypeAlias = (
    VisitedLocation
    | TimeOnLocation
    | Flow
    | EngagedInSession
    | AboutToAbandon
    | CartValue
    | CartItems
    | VisitorError
    | ViewedProducts
    | ServiceActivity
)
Audience: TypeAlias = (
    ExternalReferral
    | SearchKeywords
    | Ip
    | Platform
    | GeoLocation
    | ReturningVisitors
    | MarketingSource
    | CustomerType
    | Age
    | Balance
    | CustomerId
    | GenderIs
    | StoreZipCode
    | StoreNumber
    | CompanySize
    | RegistrationDate
)
Goal: TypeAlias = UrlGoal | PurchaseTotal | NumOfPages | Lead | ServiceGoal
Condition: TypeAlias = EntryPoint | Behavior | Audience
"""What decides whether a visitor gets an offer; a goal never does."""


def kind_of(condition: Condition | Goal) -> str:
    """Return the capability's value that the condition stands for, such as ``cart_value``."""
    return str(condition.__struct_config__.tag)
