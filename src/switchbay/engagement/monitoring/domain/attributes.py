"""How attributes that are reported again and again become one state (section 5.4 of the reference, session column).

Customer, person and marketing are updated member by member, the cart is replaced, everything else is appended. What
repeats an id that was there before is kept and flagged. Lists are cut elsewhere, after goals have looked at them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import structs

from switchbay.engagement.domain.visit import (
    Activity,
    Cart,
    Customer,
    Day,
    LeadReport,
    Marketing,
    Person,
    Product,
    Purchase,
    Visit,
    VisitError,
)
from switchbay.engagement.monitoring.wire import attributes as wire

_encode: Final = msgspec.json.Encoder().encode


def merge(visit: Visit, attribute: wire.Attribute) -> Visit:
    """The visit with what one attribute says."""
    return _MERGES[type(attribute)](visit, attribute)


def _cart(visit: Visit, sent: wire.CartAttribute) -> Visit:
    before = sent.total if visit.cart is None else sent.total - visit.cart.total
    cart = Cart(
        total=sent.total,
        last_total_change=before,
        items=sent.num_items,
        currency=sent.currency or "",
        products=tuple(_product(line) for line in sent.products),
    )
    return structs.replace(visit, cart=cart)


def _product(line: wire.Line) -> Product:
    given = line.product
    return Product(
        name=given.name or "",
        category=given.category or "",
        sku=given.sku or "",
        price=given.price,
        quantity=line.quantity,
    )


def _purchase(visit: Visit, sent: wire.PurchaseAttribute) -> Visit:
    order = sent.order_id or ""
    repeated = order != "" and any(one.order_id == order for one in visit.purchases)
    made = Purchase(total=sent.total, currency=sent.currency or "", order_id=order, repeated=repeated)
    return structs.replace(visit, purchases=(*visit.purchases, made))


def _viewed(visit: Visit, sent: wire.ViewedAttribute) -> Visit:
    return structs.replace(visit, viewed=(*visit.viewed, *(_product(line) for line in sent.products)))


def _lead(visit: Visit, sent: wire.LeadAttribute) -> Visit:
    given = sent.lead
    lead_id = given.lead_id or ""
    repeated = lead_id != "" and any(one.lead_id == lead_id for one in visit.leads)
    made = LeadReport(topic=given.topic or "", value=given.value, lead_id=lead_id, repeated=repeated)
    return structs.replace(visit, leads=(*visit.leads, made))


def _service(visit: Visit, sent: wire.ServiceAttribute) -> Visit:
    given = sent.service
    made = Activity(
        topic=given.topic or "",
        status=given.status,
        category=given.category or "",
        service_id=given.service_id or "",
    )
    key = (made.service_id, made.topic, made.status)
    if made.service_id and any((one.service_id, one.topic, one.status) == key for one in visit.services):
        made = structs.replace(made, repeated=True)
    return structs.replace(visit, services=(*visit.services, made))


def _error(visit: Visit, sent: wire.ErrorAttribute) -> Visit:
    made = VisitError(message=sent.error.message or "", code=sent.error.code or "")
    if not sent.error.resolved:
        return structs.replace(visit, errors=(*visit.errors, made))
    left = tuple(one for one in visit.errors if not _resolves(made, one))
    return structs.replace(visit, errors=left)


def _resolves(said: VisitError, one: VisitError) -> bool:
    """What is given must be equal; something must be given."""
    if not said.code and not said.message:
        return False
    return said.code in ("", one.code) and said.message in ("", one.message)


def _search(visit: Visit, sent: wire.SearchAttribute) -> Visit:
    if visit.device_family in ("MOBILE", "TABLET"):  # not accepted from there
        return visit
    return structs.replace(visit, searches=(*visit.searches, *sent.keywords))


def _prediction(visit: Visit, sent: wire.PredictionAttribute) -> Visit:
    return structs.replace(visit, abandon_score=sent.prediction.about_to_abandon)


def _day(given: wire.DayPart | None) -> Day | None:
    return None if given is None else Day(year=given.year, month=given.month, day=given.day)


def _given(**members: object) -> dict[str, Any]:
    """Those that are not None: the others keep what they were."""
    return {name: value for name, value in members.items() if value is not None}


def _customer(visit: Visit, sent: wire.CustomerAttribute) -> Visit:
    info = sent.info
    said = _given(
        type=info.ctype,
        status=info.cstatus,
        balance=info.balance,
        currency=info.currency,
        customer_id=info.customer_id,
        social_id=info.social_id,
        imei=info.imei,
        user_name=info.user_name,
        company_size=info.company_size,
        company_branch=info.company_branch,
        account_name=info.account_name,
        role=info.role,
        last_payment=_day(info.last_payment_date),
        registered=_day(info.registration_date),
        login_status=info.login_status,
        store_zip_code=info.store_zip_code,
        store_number=info.store_number,
    )
    customer: Customer = structs.replace(visit.customer, **said)
    return structs.replace(visit, customer=customer)


def _person(visit: Visit, sent: wire.PersonAttribute) -> Visit:
    given = sent.personal
    age = given.age or wire.AgePart()
    said = _given(
        first_name=given.firstname,
        last_name=given.lastname,
        age=age.age,
        born=None if age.year is None else Day(year=age.year, month=age.month, day=age.day),
        gender=given.gender,
        company=given.company,
        language=given.language,
        contacts=None if given.contacts is None else _encode(given.contacts).decode(),
    )
    person: Person = structs.replace(visit.person, **said)
    return structs.replace(visit, person=person)


def _marketing(visit: Visit, sent: wire.MarketingAttribute) -> Visit:
    info = sent.info
    campaign = info.campaign_id if info.campaign_id is not None else info.campaignID
    said = _given(channel=info.channel, affiliate=info.affiliate, campaign_id=campaign)
    marketing: Marketing = structs.replace(visit.marketing, **said)
    return structs.replace(visit, marketing=marketing)


_MERGES: Final[Mapping[type[wire.Attribute], Callable[[Visit, Any], Visit]]] = {
    wire.CartAttribute: _cart,
    wire.PurchaseAttribute: _purchase,
    wire.ViewedAttribute: _viewed,
    wire.CustomerAttribute: _customer,
    wire.PersonAttribute: _person,
    wire.MarketingAttribute: _marketing,
    wire.LeadAttribute: _lead,
    wire.ServiceAttribute: _service,
    wire.ErrorAttribute: _error,
    wire.SearchAttribute: _search,
    wire.PredictionAttribute: _prediction,
}
