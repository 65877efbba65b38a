"""What an evaluation has read of a visit so far: each thing once, however many conditions ask for it.

A reader is a function of the facts; ``facts[reader]`` is what it found. Conditions that were evaluated are kept in
the same way, so that one which many engagements share is evaluated once. Texts are in lower case; None: missing.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from functools import lru_cache
from itertools import product
from operator import attrgetter
from typing import Any, TypeAlias

from switchbay.engagement.domain.visit import Geo, Product, Visit
from switchbay.engagement.targeting import abandonment, days
from switchbay.engagement.targeting.audiences import address_number, channel_of
from switchbay.engagement.targeting.behaviors import INTERACTIONS
from switchbay.engagement.targeting.situation import Abandonment, Situation
from switchbay.engagement.targeting.texts import words_of


class Facts(dict["Reader", Any]):
    """What was read, by who reads it, of a visit at a moment; see ``Situation`` for the attributes."""

    __slots__ = ("abandonment", "locations", "now", "today", "visit")

    def __init__(
        self, visit: Visit, now: int, today: date, locations: AbstractSet[int], abandonment: Abandonment
    ) -> None:
        self.visit = visit
        self.now = now
        self.today = today
        self.locations = locations
        self.abandonment = abandonment

    def __missing__(self, reader: "Reader") -> object:
        found = self[reader] = reader(self)
        return found

    def situation(self) -> Situation:
        """Return what the interpreter evaluates conditions against."""
        return Situation(self.visit, self.now, self.today, self.locations, self.abandonment)


Reader: TypeAlias = Callable[[Facts], Any]


def _lower(text: str | None) -> str | None:
    return text.casefold() if text else None


# One value


device_family: Reader = attrgetter("visit.device_family")
"""``NA`` is a value that no condition asks for."""
gender: Reader = attrgetter("visit.person.gender")
is_returning: Reader = attrgetter("visit.is_returning")


def customer_type(at: Facts) -> str | None:
    return _lower(at.visit.customer.type)


def customer_status(at: Facts) -> str | None:
    return _lower(at.visit.customer.status)


def channel(at: Facts) -> str | None:
    return channel_of(at.visit.marketing.channel)


def affiliate(at: Facts) -> str | None:
    return _lower(at.visit.marketing.affiliate)


def marketing_campaign(at: Facts) -> str | None:
    return _lower(at.visit.marketing.campaign_id)


def customer_id(at: Facts) -> str | None:
    return at.visit.customer.customer_id or None


def store_zip_code(at: Facts) -> str | None:
    return _lower(at.visit.customer.store_zip_code)


def store_number(at: Facts) -> str | None:
    return _lower(at.visit.customer.store_number)


def cart_change(at: Facts) -> str | None:
    """``decreased``, or ``emptied`` when the total went down to 0."""
    cart = at.visit.cart
    if cart is None or not cart.last_total_change < 0:
        return None
    return "emptied" if cart.total == 0 else "decreased"


def is_about_to_leave(at: Facts) -> bool:
    return abandonment.is_about_to_leave(at.visit, at.now, at.abandonment)


def is_identified(at: Facts) -> bool:
    return any(identity.acr == "loa1" for identity in at.visit.identities)


def external_referrer(at: Facts) -> str:
    return at.visit.external_referrer


# One number


def age(at: Facts) -> int | None:
    return days.age_of(at.visit.person, at.today)


balance: Reader = attrgetter("visit.customer.balance")
company_size: Reader = attrgetter("visit.customer.company_size")


def address(at: Facts) -> int | None:
    return address_number(at.visit.ip) if at.visit.ip else None


def cart_total(at: Facts) -> float | None:
    return at.visit.cart.total if at.visit.cart is not None else None


AT_HAND: frozenset[Reader] = frozenset({device_family, gender, is_returning, balance, company_size, cart_total})
"""Readers of what costs less to read again than to remember."""


def _elapsed(unit: days.Unit) -> Reader:
    return lambda at: days.elapsed(at.visit.customer.registered, at.today, unit)


ELAPSED: Mapping[days.Unit, Reader] = {
    "days": _elapsed("days"),
    "weeks": _elapsed("weeks"),
    "months": _elapsed("months"),
    "years": _elapsed("years"),
}
"""Readers of the time since registration, in halves of a unit."""


# Many values


def _names(products: tuple[Product, ...]) -> set[tuple[str, str]]:
    return {
        (member, value.casefold())
        for one in products
        for member, value in (("name", one.name), ("sku", one.sku), ("category", one.category))
        if value
    }


def cart_products(at: Facts) -> set[tuple[str, str]]:
    """Pairs of ``name``, ``sku`` or ``category`` and its value."""
    return _names(at.visit.cart.products) if at.visit.cart is not None else set()


def viewed_products(at: Facts) -> set[tuple[str, str]]:
    """The same of what was looked at."""
    return _names(at.visit.viewed)


def viewed_prices(at: Facts) -> list[float]:
    return [one.price for one in at.visit.viewed if one.price is not None]


def errors(at: Facts) -> set[tuple[str, str]]:
    """Pairs of ``message`` or ``code`` and its value."""
    return {
        (member, value.casefold())
        for one in at.visit.errors
        for member, value in (("message", one.message), ("code", one.code))
        if value
    }


def services(at: Facts) -> set[tuple[str, int | None]]:
    """Pairs of topic and status."""
    return {(one.topic.casefold(), one.status) for one in at.visit.services if one.topic}


def searched_words(at: Facts) -> list[str]:
    return words_of(at.visit.search_keywords).split()


def visited_locations(at: Facts) -> set[int]:
    return {*at.locations, *at.visit.visited}


def places(at: Facts) -> tuple[tuple[str | None, ...], ...]:
    """Every combination of country, state and city that a rule can ask for and the visitor's place fits."""
    return _places(at.visit.geo) if at.visit.geo is not None else ()


@lru_cache(maxsize=4096)
def _places(geo: Geo) -> tuple[tuple[str | None, ...], ...]:
    countries, states, cities = (geo.country, geo.country_code), (geo.state,), (geo.city,)
    choices = [dict.fromkeys((None, *map(_lower, names))) for names in (countries, states, cities)]
    return tuple(product(*choices))[1:]


def interactions(at: Facts) -> dict[str, set[int]]:
    """The engagements of the session by what the visitor did with them."""
    found: dict[str, set[int]] = {}
    for context in at.visit.contexts:
        for name, when in INTERACTIONS.items():
            if when(context) is not None:
                found.setdefault(name, set()).add(context.engagement_id)
    return found


def millis_on_locations(at: Facts) -> dict[int, int]:
    """Milliseconds on each location, the present page until now."""
    if not at.visit.pages:
        return at.visit.millis_on
    lasted = max(0, at.now - at.visit.pages[-1].at)
    return at.visit.millis_on | {one: at.visit.millis_on.get(one, 0) + lasted for one in at.locations}
