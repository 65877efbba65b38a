"""Every type of engagement attribute, as it is sent and as it is kept (section 5 of the reference)."""

from typing import Any

import msgspec
import pytest

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
from switchbay.engagement.monitoring.domain.attributes import merge
from switchbay.engagement.monitoring.errors import Refusal
from switchbay.engagement.monitoring.wire.attributes import (
    Accepted,
    Attribute,
    Closed,
    Displayed,
    EventContext,
    Expanded,
    TimedOut,
)
from switchbay.engagement.monitoring.wire.bodies import parse_attributes, parse_engagement

_FRESH = Visit(visitor_id="v" * 22, session_id="s" * 22, started=0, seen=0)


def _merged(*sent: Any, visit: Visit = _FRESH) -> Visit:
    for one in parse_attributes(msgspec.json.encode(sent)):
        assert isinstance(one, Attribute)
        visit = merge(visit, one)
    return visit


def test_a_cart_replaces_the_one_before_and_tells_the_change() -> None:
    product = {"name": "Tea", "category": "drinks", "sku": "t-1", "price": 4.5}
    cart = {"type": "cart", "total": 9, "currency": "EUR", "numItems": 2}
    visit = _merged({**cart, "products": [{"product": product, "quantity": 2}]})
    tea = Product(name="Tea", category="drinks", sku="t-1", price=4.5, quantity=2)
    assert visit.cart == Cart(total=9, last_total_change=9, items=2, currency="EUR", products=(tea,))
    visit = _merged({"type": "cart", "total": 4, "numItems": 1}, visit=visit)
    assert visit.cart == Cart(total=4, last_total_change=-5, items=1)


def test_purchases_are_appended_and_a_repeated_order_is_flagged() -> None:
    order = {"type": "purchase", "total": 20.5, "currency": "USD", "orderId": "o-1", "cart": {"products": []}}
    visit = _merged(order, {"type": "purchase"}, {"type": "purchase"}, order)
    assert visit.purchases == (
        Purchase(total=20.5, currency="USD", order_id="o-1"),
        Purchase(),
        Purchase(),
        Purchase(total=20.5, currency="USD", order_id="o-1", repeated=True),
    )


def test_viewed_products_are_appended() -> None:
    viewed = {"product": {"name": "Tea", "statusInStock": "yes", "quantityInStock": "7"}}
    visit = _merged({"type": "prodView", "currency": "EUR", "products": [viewed]}, {"type": "prodView", "products": []})
    assert visit.viewed == (Product(name="Tea"),)


def test_new_members_of_a_customer_win_and_missing_ones_stay() -> None:
    first = {
        "ctype": "VIP",
        "cstatus": "new",
        "balance": -99.99,
        "currency": "USD",
        "customerId": "c-1",
        "socialId": "s-1",
        "imei": "i-1",
        "userName": "kim",
        "companySize": 500,
        "companyBranch": "north",
        "accountName": "kim's",
        "role": "boss",
        "lastPaymentDate": {"year": 2026, "month": 10, "day": 15},
        "registrationDate": {"year": 2020},
        "loginStatus": 1,
        "storeZipCode": "10178",
        "storeNumber": "123",
    }
    visit = _merged(
        {"type": "ctmrinfo", "info": first}, {"type": "ctmrinfo", "info": {"cstatus": "gold", "ctype": None}}
    )
    assert visit.customer == Customer(
        type="VIP",
        status="gold",
        balance=-99.99,
        currency="USD",
        customer_id="c-1",
        social_id="s-1",
        imei="i-1",
        user_name="kim",
        company_size=500,
        company_branch="north",
        account_name="kim's",
        role="boss",
        last_payment=Day(year=2026, month=10, day=15),
        registered=Day(year=2020),
        login_status=1,
        store_zip_code="10178",
        store_number="123",
    )


def test_a_person_is_updated_member_by_member() -> None:
    first = {
        "firstname": "Kim",
        "lastname": "Lee",
        "age": {"age": 30.0, "year": 1996, "month": 2, "day": 3},
        "contacts": [{"email": "kim@shop.example", "phoneType": "WORK", "address": {"country": "Norway"}}],
        "gender": "FEMALE",
        "company": "shop",
        "language": "en-US",
    }
    visit = _merged({"type": "personal", "personal": first}, {"type": "personal", "personal": {"lastname": "Ray"}})
    assert msgspec.structs.replace(visit.person, contacts="") == Person(
        first_name="Kim",
        last_name="Ray",
        age=30,
        born=Day(year=1996, month=2, day=3),
        gender="FEMALE",
        company="shop",
        language="en-US",
    )
    assert msgspec.json.decode(visit.person.contacts)[0]["email"] == "kim@shop.example"


@pytest.mark.parametrize("channel", [3, "3", 3.0, "3.0"])
def test_marketing_is_updated_and_its_channel_may_be_text(channel: object) -> None:
    sent = {"channel": channel, "affiliate": "ads", "campaignId": "spring"}
    visit = _merged({"type": "mrktInfo", "info": sent}, {"type": "mrktInfo", "info": {"campaignID": "summer"}})
    assert visit.marketing == Marketing(channel=3, affiliate="ads", campaign_id="summer")


def test_leads_are_appended_and_a_repeated_one_is_flagged() -> None:
    lead = {"type": "lead", "lead": {"topic": "loan", "value": "100.5", "currency": "USD", "leadId": "l-1"}}
    visit = _merged(lead, lead)
    first = LeadReport(topic="loan", value=100.5, lead_id="l-1")
    assert visit.leads == (first, msgspec.structs.replace(first, repeated=True))


def test_services_are_appended_and_flagged_when_id_topic_and_status_repeat() -> None:
    service = {"topic": "refund", "status": 1, "category": "money", "serviceId": "s-1"}
    visit = _merged(
        {"type": "service", "service": service},
        {"type": "service", "service": {**service, "status": "0"}},
        {"type": "service", "service": service},
        {"type": "service", "service": {"topic": "refund", "status": 1}},
        {"type": "service", "service": {"topic": "refund", "status": 1}},
    )
    assert [(one.status, one.repeated) for one in visit.services] == [
        (1, False),
        (0, False),
        (1, True),
        (1, False),
        (1, False),
    ]
    assert visit.services[0] == Activity(topic="refund", status=1, category="money", service_id="s-1")


def test_errors_stay_until_they_are_resolved() -> None:
    def error(**members: object) -> dict[str, object]:
        return {"type": "error", "error": {"contextId": "c", "level": 2, **members}}

    visit = _merged(
        error(message="no stock", code="e1"), error(message="no stock", code="e1"), error(message="slow", code="e2")
    )
    assert visit.errors == (
        VisitError(message="no stock", code="e1"),
        VisitError(message="no stock", code="e1"),
        VisitError(message="slow", code="e2"),
    )
    assert _merged(error(resolved=True), visit=visit).errors == visit.errors
    assert _merged(error(message="slow", code="e1", resolved=True), visit=visit).errors == visit.errors
    assert _merged(error(code="e1", resolved="true"), visit=visit).errors == (VisitError(message="slow", code="e2"),)


def test_searches_are_appended_but_not_from_mobile_devices() -> None:
    search = {"type": "searchInfo", "keywords": ["tea", "cups"]}
    assert _merged(search, search).searches == ("tea", "cups", "tea", "cups")
    phone = msgspec.structs.replace(_FRESH, device_family="MOBILE")
    assert _merged(search, visit=phone).searches == ()


def test_a_prediction_replaces_the_one_before() -> None:
    sent = [{"type": "prediction", "prediction": {"aboutToAbandon": score}} for score in (0.2, 0.9)]
    assert _merged(*sent).abandon_score == 0.9


def test_impression_events_have_their_types() -> None:
    about = {"campaign": "1", "engId": 2, "revision": 3.0}
    sent = [
        {"type": "impDisplay", **about, "eContext": [{"type": "engagementContext", "id": "1"}]},
        {"type": "impAccept", **about},
        {"type": "impExpanded", **about, "expanded": None, "userInit": None, "actionableItems": None},
        {"type": "impTimeout", **about},
        {"type": "impClose", **about, "eContext": None},
    ]
    ids: Any = {"campaign": 1, "eng_id": 2, "revision": 3}
    assert parse_attributes(msgspec.json.encode(sent)) == (
        Displayed(**ids, e_context=(EventContext("1"),)),
        Accepted(**ids),
        Expanded(**ids),
        TimedOut(**ids),
        Closed(**ids),
    )


_REFUSED: list[dict[str, Any]] = [
    {"type": "cart", "total": 1},
    {"type": "cart", "total": "much", "numItems": 1},
    {"type": "cart", "total": 1, "numItems": 1, "products": [{"quantity": 1}]},
    {"type": "purchase", "cart": {"numItems": 1}},
    {"type": "prodView", "products": [{"product": {"name": "x" * 257}}]},
    {"type": "ctmrinfo"},
    {"type": "ctmrinfo", "info": {"registrationDate": {"month": 1}}},
    {"type": "ctmrinfo", "info": {"companySize": -1}},
    {"type": "personal", "personal": {"gender": "X"}},
    {"type": "personal", "personal": {"age": {"age": 201}}},
    {"type": "personal", "personal": {"contacts": [{"phoneType": "PIGEON"}]}},
    {"type": "mrktInfo", "info": {"channel": 7}},
    {"type": "service", "service": {"status": 14}},
    {"type": "lead"},
    {"type": "error", "error": {"level": 2**70}},
    {"type": "searchInfo", "keywords": "tea"},
    {"type": "prediction", "prediction": {"aboutToAbandon": 1.5}},
    {"type": "impDisplay", "campaign": 1, "engId": 2},
    {"type": "impDisplay", "campaign": 1, "engId": 2, "revision": 3, "eContext": [{"type": "other", "id": "1"}]},
    {"type": "Cart", "total": 1, "numItems": 1},
]


@pytest.mark.parametrize("sent", _REFUSED, ids=str)
def test_what_does_not_fit_is_refused_with_the_place_where_it_stands(sent: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match=r"\$\[0\]") as refused:
        parse_attributes(msgspec.json.encode([sent]))
    assert (refused.value.status, refused.value.code) == (400, 5)


def test_impression_events_do_not_belong_into_an_engagement() -> None:
    event = {"type": "impAccept", "campaign": 1, "engId": 2, "revision": 3}
    with pytest.raises(Refusal, match="impAccept"):
        parse_engagement(msgspec.json.encode({"engagementAttributes": [event]}))
