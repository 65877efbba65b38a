"""Who a visitor is: one function for each condition of section 3.3."""

from socket import AF_INET, inet_pton  # reads text; no network is touched

from switchbay.engagement.domain.conditions import (
    AddressRange,
    Age,
    Balance,
    Channel,
    CompanySize,
    CustomerId,
    CustomerType,
    ExternalReferral,
    GenderIs,
    GeoLocation,
    Ip,
    MarketingSource,
    Place,
    Platform,
    RegistrationDate,
    ReturningVisitors,
    SearchKeywords,
    StoreNumber,
    StoreZipCode,
)
from switchbay.engagement.domain.visit import Geo
from switchbay.engagement.targeting import days
from switchbay.engagement.targeting.ranges import lies_in
from switchbay.engagement.targeting.situation import Situation
from switchbay.engagement.targeting.texts import fits, same, words_of
from switchbay.engagement.targeting.verdicts import Data, Verdict, by_lists, by_polarity, plain

CHANNELS: tuple[Channel, ...] = ("direct", "search", "social", "email", "referral", "paid_search", "display")
"""Names of the marketing channels, in the order of their numbers."""


def external_referral(condition: ExternalReferral, at: Situation) -> Verdict:
    """The address that the visitor came from fits any rule."""
    referrer = at.visit.external_referrer
    return plain(any(fits(rule, referrer) for rule in condition.include), {"externalReferrer": referrer})


def phrase_of(rule: str) -> str:
    """Return the words of a rule as they are looked for in ``words_of`` a search."""
    return words_of((rule,))


def search_keywords(condition: SearchKeywords, at: Situation) -> Verdict:
    """Whole words that were searched for before arrival; several in one rule must follow each other."""
    words = words_of(at.visit.search_keywords)
    return by_lists(
        condition.include,
        condition.exclude,
        lambda rule: bool(phrase := phrase_of(rule)) and phrase in words,
        {"searchKeywords": list(at.visit.search_keywords)},
    )


def address_number(address: str) -> int | None:
    """Return an IPv4 address in dotted form as a number; None for anything else."""
    try:
        return int.from_bytes(inet_pton(AF_INET, address), "big")
    except (OSError, ValueError):
        return None


def address_in(rule: AddressRange, number: int | None) -> bool:
    """Tell whether an address lies in a range, both ends included; in one that is not of IPv4 addresses none does."""
    first, last = address_number(rule.first), address_number(rule.last)
    return number is not None and first is not None and last is not None and first <= number <= last


def ip(condition: Ip, at: Situation) -> Verdict:
    """The visitor's IPv4 address lies in a range."""
    number = address_number(at.visit.ip)
    return by_lists(condition.include, condition.exclude, lambda rule: address_in(rule, number), {"ip": at.visit.ip})


def platform(condition: Platform, at: Situation) -> Verdict:
    """The visitor's device is of one of the families; one that is not known is of none."""
    family = at.visit.device_family
    return plain(family in condition.platforms, {"deviceFamily": family})


def place_fits(place: Place, geo: Geo | None) -> bool:
    """Tell whether what is known of a visitor's place fits every member that is given, and any is."""
    if geo is None or (place.country is None and place.state is None and place.city is None):
        return False
    return (
        (place.country is None or same(place.country, geo.country) or same(place.country, geo.country_code))
        and (place.state is None or same(place.state, geo.state))
        and (place.city is None or same(place.city, geo.city))
    )


def geo_location(condition: GeoLocation, at: Situation) -> Verdict:
    """The visitor's address is known to be at a place."""
    geo = at.visit.geo
    read: Data = (
        {"geo": None}
        if geo is None
        else {"country": geo.country, "countryCode": geo.country_code, "state": geo.state, "city": geo.city}
    )
    return by_lists(condition.include, condition.exclude, lambda place: place_fits(place, geo), read)


def returning_visitors(condition: ReturningVisitors, at: Situation) -> Verdict:
    """The visitor was known from an earlier session, or was not."""
    is_returning = at.visit.is_returning
    return plain((condition.visitors == "returning") == is_returning, {"isReturning": is_returning})


def channel_of(number: int | None) -> Channel | None:
    """Return the name of a marketing channel by its number."""
    return CHANNELS[number] if number is not None and 0 <= number < len(CHANNELS) else None


def marketing_source(condition: MarketingSource, at: Situation) -> Verdict:
    """The visitor came through a channel, an affiliate or an external campaign."""
    marketing = at.visit.marketing
    channel = channel_of(marketing.channel)
    hits = (
        channel in condition.channels
        or any(same(one, marketing.affiliate or "") for one in condition.affiliates)
        or any(same(one, marketing.campaign_id or "") for one in condition.campaigns)
    )
    read = {"channel": channel, "affiliate": marketing.affiliate, "campaignId": marketing.campaign_id}
    return by_polarity(condition.polarity, hits, read)


def customer_type(condition: CustomerType, at: Situation) -> Verdict:
    """The customer is of a type or has a status, by whole values."""
    customer = at.visit.customer
    hits = any(same(one, customer.type or "") for one in condition.types) or any(
        same(one, customer.status or "") for one in condition.statuses
    )
    read = {"customerType": customer.type, "customerStatus": customer.status}
    return by_polarity(condition.polarity, hits, read)


def age(condition: Age, at: Situation) -> Verdict:
    """The visitor's age in completed years lies in the range."""
    years = days.age_of(at.visit.person, at.today)
    return by_polarity(condition.polarity, lies_in(years, condition.min, condition.max), {"age": years})


def balance(condition: Balance, at: Situation) -> Verdict:
    """The customer's balance lies in the range, whatever its currency."""
    value = at.visit.customer.balance
    return by_polarity(condition.polarity, lies_in(value, condition.min, condition.max), {"balance": value})


def customer_id(condition: CustomerId, at: Situation) -> Verdict:
    """The customer's identifier is listed, by case."""
    value = at.visit.customer.customer_id
    return by_lists(
        condition.include, condition.exclude, lambda rule: bool(rule) and rule == value, {"customerId": value}
    )


def gender(condition: GenderIs, at: Situation) -> Verdict:
    """The visitor's gender is one of them."""
    value = at.visit.person.gender
    return plain(value in condition.genders, {"gender": value})


def store_zip_code(condition: StoreZipCode, at: Situation) -> Verdict:
    """The postal code of the customer's store is listed."""
    value = at.visit.customer.store_zip_code
    return by_lists(condition.include, condition.exclude, lambda rule: same(rule, value or ""), {"storeZipCode": value})


def store_number(condition: StoreNumber, at: Situation) -> Verdict:
    """The number of the customer's store is listed."""
    value = at.visit.customer.store_number
    return by_lists(condition.include, condition.exclude, lambda rule: same(rule, value or ""), {"storeNumber": value})


def company_size(condition: CompanySize, at: Situation) -> Verdict:
    """How many people the customer's company employs lies in the range."""
    value = at.visit.customer.company_size
    return by_polarity(condition.polarity, lies_in(value, condition.min, condition.max), {"companySize": value})


def registration_date(condition: RegistrationDate, at: Situation) -> Verdict:
    """The customer registered at least, or at most, so long ago."""
    registered = at.visit.customer.registered
    passed = days.elapsed(registered, at.today, condition.unit)
    wanted = 2 * condition.value
    hits = passed is not None and (passed >= wanted if condition.direction == "at_least" else passed <= wanted)
    read: Data = {
        "registered": None if registered is None else [registered.year, registered.month, registered.day],
        "today": at.today.isoformat(),
        condition.unit: None if passed is None else passed / 2,
    }
    return by_polarity(condition.polarity, hits, read)
