"""A visit as the Visit Information API shows it (section 6 of the reference)."""

from collections.abc import Mapping
from typing import Final

import msgspec

from switchbay.engagement.domain.visit import Context, Customer, Day, Marketing, Page, Person, Product, Visit
from switchbay.engagement.monitoring.domain.asked import Rules
from switchbay.kit.jsonvalue import JsonValue

_decode: Final = msgspec.json.Decoder().decode
_NO_SKILL: Final = -1
_MESSAGING: Final = 1


def render_state(visit: Visit, rules: Rules, now: int) -> dict[str, JsonValue]:
    """The state of a session; what is not known is left out."""
    geo = visit.geo
    shown: dict[str, JsonValue] = {
        "id": visit.session_id,
        "visitorId": visit.visitor_id,
        "startTime": visit.started,
        "userAgent": visit.user_agent,
        "deviceOS": visit.os,
        "deviceFamily": visit.device_family,
        "ipv4": visit.ip,
        "geo": {}
        if geo is None
        else {"country": geo.country, "countryCode": geo.country_code, "state": geo.state, "city": geo.city},
        "externalReferrer": visit.external_referrer,
        "searchEngine": {"searchEngine": visit.search_engine, "keywords": " ".join(visit.search_keywords)},
        "isReturning": visit.is_returning,
        "pageCount": visit.page_count,
        "pages": [_page(page, visit, rules, now) for page in visit.pages],
        "revAllOSLs": {str(one): rules.location_revisions.get(one, 0) for one in visit.visited},
        "engagements": [_engagement(one, rules) for one in visit.contexts],
        "personalInfo": _person(visit.person),
        "customerInfo": _customer(visit.customer),
        "marketingCampaignInfo": _marketing(visit.marketing),
        "viewedProduct": [{"product": _product(one)} for one in visit.viewed],
        "visitorError": [_given(message=one.message, code=one.code) for one in visit.errors],
        **_lists(visit),
    }
    if visit.cart is not None:
        shown["cart"] = {
            "cartStatus": {"total": visit.cart.total, "currency": visit.cart.currency, "numItems": visit.cart.items},
            "lastTotalChange": visit.cart.last_total_change,
            "products": [{"product": _product(one), **_given(quantity=one.quantity)} for one in visit.cart.products],
        }
    return shown


def _lists(visit: Visit) -> dict[str, JsonValue]:
    """What is reported again and again, numbered, with what repeats an id."""
    return {
        "serviceActivity": [
            {
                **_given(topic=one.topic, status=one.status, category=one.category, serviceId=one.service_id),
                "serviceSeqId": place,
                "repeatedServiceActivity": one.repeated,
            }
            for place, one in enumerate(visit.services, start=1)
        ],
        "leads": [
            {
                **_given(topic=one.topic, value=one.value, leadId=one.lead_id),
                "leadSeqId": place,
                "repeatedLeadId": one.repeated,
            }
            for place, one in enumerate(visit.leads, start=1)
        ],
        "purchases": [
            {
                **_given(total=one.total, currency=one.currency, orderId=one.order_id),
                "purchaseSeqId": place,
                "repeatedOrderId": one.repeated,
            }
            for place, one in enumerate(visit.purchases, start=1)
        ],
    }


def _given(**members: JsonValue) -> dict[str, JsonValue]:
    return {name: value for name, value in members.items() if value is not None and value != ""}


def _page(page: Page, visit: Visit, rules: Rules, now: int) -> JsonValue:
    later = [one.at for one in visit.pages if one.at > page.at]
    until = min(later) if later and page is not visit.pages[-1] else max(now, page.at)
    return {
        "id": page.id,
        "url": page.url,
        "pageTitle": page.title,
        "sections": list(page.sections),
        "referrer": page.referrer,
        "startTime": page.at,
        "timeOnPage": until - page.at,
        "revActiveOSLs": {str(one): rules.location_revisions.get(one, 0) for one in page.locations},
    }


def _engagement(context: Context, rules: Rules) -> JsonValue:
    published = rules.engagements.get(context.engagement_id)
    campaign = rules.campaigns.get(context.campaign_id)
    goal = None if campaign is None else campaign.goal
    shown: dict[str, JsonValue] = {
        "id": context.id,
        "state": _state(context),
        "pageId": context.page_id,
        "campaignControl": "TEST",
        "campaignEntity": _given(
            id=context.campaign_id,
            revision=None if campaign is None else campaign.revision,
            goalId=None if goal is None else goal.id,
        ),
        "engagementEntity": {
            "id": context.engagement_id,
            "revision": context.revision,
            "engagementSkill": {"skillId": _NO_SKILL if published is None else published.skill_id},
            "conversationType": _MESSAGING,
        },
    }
    if goal is not None:
        shown["goalEntity"] = {"id": goal.id, "revision": goal.revision}
    for name, at in (
        ("impressionDisplayed", context.displayed),
        ("impressionAccepted", context.clicked),
        ("impressionClosed", context.declined),
    ):
        if at is not None:
            shown[name] = [{"activityTime": at, "pageId": context.page_id}]
    if context.conversation_id:
        shown["conversationId"] = context.conversation_id
    return shown


def _state(context: Context) -> str:
    for name, at in (
        ("INTERACTED", context.interacted),
        ("DECLINED", context.declined),
        ("ACCEPTED", context.clicked),
        ("DISPLAYED", context.displayed),
    ):
        if at is not None:
            return name
    return "EXPOSED"


def _product(product: Product) -> JsonValue:
    return _given(name=product.name, category=product.category, sku=product.sku, price=product.price)


def _day(day: Day | None) -> JsonValue:
    return None if day is None else _given(year=day.year, month=day.month, day=day.day)


def _person(person: Person) -> JsonValue:
    born = person.born
    contacts: JsonValue = _decode(person.contacts) if person.contacts else None
    return _given(
        name=person.first_name,
        surname=person.last_name,
        customerAgeInYears=person.age,
        customerYearOfBirth=None if born is None else born.year,
        customerMonthOfBirth=None if born is None else born.month,
        customerDateOfBirth=None if born is None else born.day,
        contacts=contacts,
        gender=person.gender,
        company=person.company,
        language=person.language,
    )


_CUSTOMER: Final[Mapping[str, str]] = {
    "type": "customerType",
    "status": "customerStatus",
    "balance": "balance",
    "currency": "currency",
    "customer_id": "customerId",
    "social_id": "socialId",
    "imei": "imei",
    "user_name": "userName",
    "company_size": "companySize",
    "company_branch": "companyBranch",
    "account_name": "accountName",
    "role": "role",
    "login_status": "loginStatus",
    "store_zip_code": "storeZipCode",
    "store_number": "storeNumber",
}


def _customer(customer: Customer) -> JsonValue:
    shown: dict[str, JsonValue] = {name: getattr(customer, member) for member, name in _CUSTOMER.items()}
    shown["lastPaymentDate"] = _day(customer.last_payment)
    shown["registrationDate"] = _day(customer.registered)
    return _given(**shown)


def _marketing(marketing: Marketing) -> JsonValue:
    return _given(originatingChannel=marketing.channel, affiliate=marketing.affiliate, campaignId=marketing.campaign_id)
