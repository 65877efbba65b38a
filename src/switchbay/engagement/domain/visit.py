"""One monitored visit of a visitor's device: what conditions read (section 6 of the reference).

A value without behaviour, made to be stored as one short row: it is packed as an array. Times are Unix milliseconds.
Attributes have been merged already by the rules of section 5.4.
"""

from typing import Literal

import msgspec


class _Packed(msgspec.Struct, frozen=True, kw_only=True, array_like=True, omit_defaults=True):
    """A part of a visit."""


class Geo(_Packed, frozen=True, kw_only=True):
    """Where an address is."""

    country: str = ""
    country_code: str = ""
    state: str = ""
    city: str = ""


class Page(_Packed, frozen=True, kw_only=True):
    """One step of the visit. It lasts until the next page's ``at``, or until now."""

    id: str
    at: int
    url: str = ""
    title: str = ""
    sections: tuple[str, ...] = ()
    referrer: str = ""
    locations: tuple[int, ...] = ()
    """The account's locations that it matched when it was opened."""
    other: tuple[str, ...] = ()
    """Entry points that no condition reads, such as ``tel://18005550100`` and ``lang://en-US``."""


class Context(_Packed, frozen=True, kw_only=True):
    """An engagement that was offered in the visit; its id is its place, counted from 1."""

    id: str
    at: int
    campaign_id: int
    engagement_id: int
    revision: int
    page_id: str
    displayed: int | None = None
    clicked: int | None = None
    declined: int | None = None
    interacted: int | None = None
    conversation_id: str = ""


class VisitIdentity(_Packed, frozen=True, kw_only=True):
    """Whom the client says that the visitor is. ``acr`` is ``0`` (not identified) or ``loa1``."""

    sub: str
    iss: str = ""
    acr: str = "0"


class Product(_Packed, frozen=True, kw_only=True):
    """A product in a cart, bought or looked at."""

    name: str = ""
    category: str = ""
    sku: str = ""
    price: float | None = None
    quantity: int | None = None


class Cart(_Packed, frozen=True, kw_only=True):
    """The cart as it was last reported. ``last_total_change`` is the new total less the one before."""

    total: float
    last_total_change: float
    items: int = 0
    currency: str = ""
    products: tuple[Product, ...] = ()


class VisitError(_Packed, frozen=True, kw_only=True):
    """An error that is not resolved, one per report."""

    message: str = ""
    code: str = ""


class Activity(_Packed, frozen=True, kw_only=True):
    """A service activity; ``status`` is 0 to 13."""

    topic: str = ""
    status: int | None = None
    category: str = ""
    service_id: str = ""
    repeated: bool = False


class Purchase(_Packed, frozen=True, kw_only=True):
    """A purchase; a repeated one has an order id that was reported before, and counts no second time."""

    total: float | None = None
    currency: str = ""
    order_id: str = ""
    repeated: bool = False


class LeadReport(_Packed, frozen=True, kw_only=True):
    """A lead."""

    topic: str = ""
    value: float | None = None
    lead_id: str = ""
    repeated: bool = False


class Exposure(_Packed, frozen=True, kw_only=True):
    """An offer of an earlier session that the visitor saw, kept for the conversions that follow from it."""

    at: int
    campaign_id: int
    engagement_id: int
    revision: int
    context_id: str
    session_id: str


class Day(_Packed, frozen=True, kw_only=True):
    """A date, of which only the year may be known."""

    year: int
    month: int | None = None
    day: int | None = None


class Customer(_Packed, frozen=True, kw_only=True):
    """``ctmrinfo``."""

    type: str | None = None
    status: str | None = None
    balance: float | None = None
    currency: str | None = None
    customer_id: str | None = None
    social_id: str | None = None
    imei: str | None = None
    user_name: str | None = None
    company_size: int | None = None
    company_branch: str | None = None
    account_name: str | None = None
    role: str | None = None
    last_payment: Day | None = None
    registered: Day | None = None
    login_status: int | None = None
    store_zip_code: str | None = None
    store_number: str | None = None


class Person(_Packed, frozen=True, kw_only=True):
    """``personal``. ``age`` in years as reported; ``born`` is for when it was not. ``contacts`` is JSON text."""

    first_name: str | None = None
    last_name: str | None = None
    age: float | None = None
    born: Day | None = None
    gender: Literal["MALE", "FEMALE", "OTHER"] | None = None
    company: str | None = None
    language: str | None = None
    contacts: str = ""


class Marketing(_Packed, frozen=True, kw_only=True):
    """``mrktInfo``; ``channel`` is 0 direct, 1 search, 2 social, 3 email, 4 referral, 5 paid search, 6 display."""

    channel: int | None = None
    affiliate: str | None = None
    campaign_id: str | None = None


class Visit(_Packed, frozen=True, kw_only=True):
    """A session of a visitor: identified by the pair of ``visitor_id`` and ``session_id``."""

    visitor_id: str
    session_id: str
    started: int
    seen: int
    """When something was last reported."""
    is_returning: bool = False
    user_agent: str = ""
    os: str = ""
    device_family: Literal["NA", "DESKTOP", "TABLET", "MOBILE"] = "NA"
    ip: str = ""
    geo: Geo | None = None
    external_referrer: str = ""
    search_engine: str = ""
    search_keywords: tuple[str, ...] = ()
    identities: tuple[VisitIdentity, ...] = ()
    pages: tuple[Page, ...] = ()
    page_count: int = 0
    """All pages of the session; ``pages`` may have dropped the oldest."""
    millis_on: dict[int, int] = {}
    """Milliseconds on each location of the pages that have ended."""
    visited: tuple[int, ...] = ()
    """Every location that a page of the session matched."""
    contexts: tuple[Context, ...] = ()
    cart: Cart | None = None
    viewed: tuple[Product, ...] = ()
    errors: tuple[VisitError, ...] = ()
    services: tuple[Activity, ...] = ()
    purchases: tuple[Purchase, ...] = ()
    leads: tuple[LeadReport, ...] = ()
    searches: tuple[str, ...] = ()
    """``searchInfo``, which no condition reads."""
    customer: Customer = msgspec.field(default_factory=Customer)
    person: Person = msgspec.field(default_factory=Person)
    marketing: Marketing = msgspec.field(default_factory=Marketing)
    abandon_score: float | None = None
    """An external prediction, 0 to 1, that the visitor is about to leave."""
    goals: dict[int, int] = {}
    """How often each goal was reached in the session, by its id."""
    offered_among: int = 0
    """A digest of the engagements among which the last context was chosen; 0: not known."""
    earlier: tuple[Exposure, ...] = ()
    """What the visitor saw in earlier sessions, newest last, one of each campaign."""
