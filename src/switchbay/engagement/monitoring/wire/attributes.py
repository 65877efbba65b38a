"""Engagement attributes as they are sent (section 5 of the reference), each type with its members.

Numbers may come as text, and whole numbers as 30.0: the decoder is not strict. Members that are not known are passed
over, types that are not known are refused.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from switchbay.engagement.monitoring.wire.limits import Count, Id, Name, Number, Text


class _Part(Struct, frozen=True, rename="camel"):
    """An object within an attribute."""


class _Attribute(_Part, frozen=True, tag_field="type"):
    """An attribute: an object with a ``type``."""


class ProductPart(_Part, frozen=True):
    """A product."""

    name: Name | None = None
    category: Name | None = None
    sku: Name | None = None
    price: Number | None = None
    status_in_stock: Name | None = None
    quantity_in_stock: Count | None = None


class Line(_Part, frozen=True):
    """A product in a list."""

    product: ProductPart
    quantity: Count | None = None


Lines: TypeAlias = Annotated[tuple[Line, ...], Meta(max_length=200)]


class DayPart(_Part, frozen=True):
    """A date."""

    year: Annotated[int, Meta(ge=1, le=9_999)]
    month: Annotated[int, Meta(ge=1, le=12)] | None = None
    day: Annotated[int, Meta(ge=1, le=31)] | None = None


class CartAttribute(_Attribute, frozen=True, tag="cart"):
    """What is in the cart now."""

    total: Number
    num_items: Count
    currency: Name | None = None
    products: Lines = ()


class BoughtCart(_Part, frozen=True):
    """What a purchase consists of."""

    products: Lines
    num_items: Count | None = None


class PurchaseAttribute(_Attribute, frozen=True, tag="purchase"):
    """A purchase."""

    total: Number | None = None
    currency: Name | None = None
    order_id: Name | None = None
    cart: BoughtCart | None = None


class ViewedAttribute(_Attribute, frozen=True, tag="prodView"):
    """Products that were looked at."""

    currency: Name | None = None
    products: Lines = ()


class CustomerPart(_Part, frozen=True):
    """Who the customer is."""

    ctype: Name | None = None
    cstatus: Name | None = None
    balance: Number | None = None
    currency: Name | None = None
    customer_id: Name | None = None
    social_id: Name | None = None
    imei: Name | None = None
    user_name: Name | None = None
    company_size: Count | None = None
    company_branch: Name | None = None
    account_name: Name | None = None
    role: Name | None = None
    last_payment_date: DayPart | None = None
    registration_date: DayPart | None = None
    login_status: Count | None = None
    store_zip_code: Name | None = None
    store_number: Name | None = None


class CustomerAttribute(_Attribute, frozen=True, tag="ctmrinfo"):
    """Who the customer is."""

    info: CustomerPart


class AgePart(_Part, frozen=True):
    """An age in years, and when its owner was born."""

    age: Annotated[float, Meta(ge=0, le=200)] | None = None
    year: Annotated[int, Meta(ge=1, le=9_999)] | None = None
    month: Annotated[int, Meta(ge=1, le=12)] | None = None
    day: Annotated[int, Meta(ge=1, le=31)] | None = None


class AddressPart(_Part, frozen=True, omit_defaults=True):
    """Where somebody lives."""

    country: Name | None = None
    region: Name | None = None


class ContactPart(_Part, frozen=True, omit_defaults=True):
    """How somebody is reached."""

    email: Name | None = None
    phone: Name | None = None
    phone_type: Literal["HOME", "MOBILE", "WORK", "FAX", "MAIN", "HOME_FAX", "WORK_FAX", "PAGER", "OTHER"] | None = None
    address: AddressPart | None = None


class PersonPart(_Part, frozen=True):
    """A person."""

    firstname: Name | None = None
    lastname: Name | None = None
    age: AgePart | None = None
    contacts: Annotated[tuple[ContactPart, ...], Meta(max_length=10)] | None = None
    gender: Literal["MALE", "FEMALE", "OTHER"] | None = None
    company: Name | None = None
    language: Name | None = None


class PersonAttribute(_Attribute, frozen=True, tag="personal"):
    """Who the person is."""

    personal: PersonPart


class MarketingPart(_Part, frozen=True):
    """Where the visitor was won."""

    channel: Annotated[int, Meta(ge=0, le=6)] | None = None
    affiliate: Name | None = None
    campaign_id: Name | None = None
    campaignID: Name | None = None  # noqa: N815 - the other spelling of the documentation


class MarketingAttribute(_Attribute, frozen=True, tag="mrktInfo"):
    """Where the visitor was won."""

    info: MarketingPart


class LeadPart(_Part, frozen=True):
    """A lead."""

    topic: Name | None = None
    value: Number | None = None
    currency: Name | None = None
    lead_id: Name | None = None


class LeadAttribute(_Attribute, frozen=True, tag="lead"):
    """A lead."""

    lead: LeadPart


class ServicePart(_Part, frozen=True):
    """What happened with a service."""

    topic: Name | None = None
    status: Annotated[int, Meta(ge=0, le=13)] | None = None
    category: Name | None = None
    service_id: Name | None = None


class ServiceAttribute(_Attribute, frozen=True, tag="service"):
    """What happened with a service."""

    service: ServicePart


class ErrorPart(_Part, frozen=True):
    """An error that the visitor met."""

    context_id: Name | None = None
    message: Text | None = None
    code: Name | None = None
    level: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    resolved: bool | None = None


class ErrorAttribute(_Attribute, frozen=True, tag="error"):
    """An error that the visitor met."""

    error: ErrorPart


class SearchAttribute(_Attribute, frozen=True, tag="searchInfo"):
    """What was searched for within the site."""

    keywords: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()


class PredictionPart(_Part, frozen=True):
    """What somebody else's model says of the visitor."""

    about_to_abandon: Annotated[float, Meta(ge=0, le=1)]


class PredictionAttribute(_Attribute, frozen=True, tag="prediction"):
    """Our own addition: how likely the visitor is to leave, 0 to 1, for the condition ``about_to_abandon``."""

    prediction: PredictionPart


class EventContext(_Part, frozen=True):
    """Which offer an impression event is about."""

    id: Name
    type: Literal["engagementContext"] = "engagementContext"


class _Impression(_Attribute, frozen=True, kw_only=True):
    """Something that was done with an offer."""

    campaign: Id
    eng_id: Id
    revision: Id
    e_context: Annotated[tuple[EventContext, ...], Meta(max_length=5)] | None = None


class Displayed(_Impression, frozen=True, tag="impDisplay", kw_only=True):
    """It was shown."""


class Accepted(_Impression, frozen=True, tag="impAccept", kw_only=True):
    """It was clicked."""


class Expanded(_Impression, frozen=True, tag="impExpanded", kw_only=True):
    """It was opened up."""


class TimedOut(_Impression, frozen=True, tag="impTimeout", kw_only=True):
    """Nobody wanted it."""


class Closed(_Impression, frozen=True, tag="impClose", kw_only=True):
    """It was dismissed."""


Impression: TypeAlias = Displayed | Accepted | Expanded | TimedOut | Closed
Attribute: TypeAlias = (
    CartAttribute
    | PurchaseAttribute
    | ViewedAttribute
    | CustomerAttribute
    | PersonAttribute
    | MarketingAttribute
    | LeadAttribute
    | ServiceAttribute
    | ErrorAttribute
    | SearchAttribute
    | PredictionAttribute
)
