"""Random offers and random visits that have much in common, so that conditions hit often and miss often."""

from collections.abc import Callable
from random import Random
from typing import Any

from switchbay.engagement.domain import conditions as c
from switchbay.engagement.domain.published import (
    Published,
    PublishedAudience,
    PublishedBehavior,
    PublishedCampaign,
    PublishedEngagement,
    PublishedLocation,
)
from switchbay.engagement.domain.visit import (
    Activity,
    Cart,
    Context,
    Customer,
    Day,
    Geo,
    Marketing,
    Page,
    Person,
    Product,
    Visit,
    VisitError,
    VisitIdentity,
)

NOW = 1_795_860_000_000  # 2026-11-28T10:00:00Z
APPS = ("app-1", "app-2")
_URLS = (
    "https://shop.example/",
    "https://shop.example/cart",
    "https://shop.example/checkout/pay?x=1",
    "HTTPS://SHOP/K",
)
_PARTS = ("shop", "/cart", "CHECKOUT/PAY", "e", "", "example/che", "https://shop.example/c")
_PATTERNS = (r"^https://[^/]+/cart$", r"pay\?x=\d", "(", "cart|pay", r"shop\.example/c.*t", "k{1,2}$", r"ch[eo]ck")
_SECTIONS = ("Checkout", "checkout-pay", "Home", "straße")
_SECTION_RULES = ('"checkout"', "checkout", "HOME", '"home"', "STRASSE", '""', "", '"')
_NAMES = ("Lamp", "lamp", "Chair", "A-1", "")
_WORDS = ("red shoes", "Shoes", "blue  shoes online", "online", "")
_LOCATIONS = tuple(range(1, 9))
_ADDRESSES = ("10.0.0.1", "10.0.0.7", "10.0.1.0", "192.0.2.9", "x", "2001:db8::1", "")
_COUNTRIES = ("Germany", "germany", "DE", "France", "FR", "")


def seeded(seed: int) -> Random:
    """Chance that comes out the same each time."""
    return Random(seed)  # noqa: S311 - no secret


class Maker:
    """Makes one thing after the other from a source of chance."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def pick(self, values: Any) -> Any:
        """One of some values."""
        return self._random.choice(values)

    def some(self, make: Callable[[], Any], most: int = 3, least: int = 0) -> tuple[Any, ...]:
        """A few of what is made."""
        return tuple(make() for _ in range(self._random.randint(least, most)))

    def perhaps(self, make: Callable[[], Any]) -> Any:
        """It, or None."""
        return make() if self._random.random() < 0.6 else None

    def number(self, most: int = 6) -> int:
        """A small number."""
        return self._random.randint(0, most)

    def match(self) -> c.Match:
        """A rule for a text."""
        kind = self.pick(("contains", "exact", "regex"))
        return c.Match(self.pick({"contains": _PARTS, "exact": (*_URLS, ""), "regex": _PATTERNS}[kind]), kind)

    def lists(self, make: Callable[[], Any]) -> dict[str, tuple[Any, ...]]:
        """What is included and excluded."""
        return {"include": self.some(make, 2), "exclude": self.some(make, 1)}

    def range(self) -> dict[str, Any]:
        """A range, perhaps one that nothing lies in."""
        return {"min": self.perhaps(self.number), "max": self.perhaps(self.number)}

    def polarity(self) -> c.Polarity:
        """Mostly include."""
        polarity: c.Polarity = self.pick(("include", "include", "exclude"))
        return polarity

    def entry_point(self) -> c.EntryPoint:
        """A condition of a location."""
        if self.number(1):
            return c.Section(**self.lists(lambda: self.pick(_SECTION_RULES)))
        return c.Url(**self.lists(self.match))

    def step(self) -> c.FlowStep:
        """A step of a flow."""
        required = self.number(3) > 0
        kind = self.number(3)
        if kind == 0:
            return c.FlowStep(section=self.pick(_SECTION_RULES), required=required)
        if kind == 1:
            return c.FlowStep(title=self.match(), required=required)
        return c.FlowStep(url=c.Match(self.pick(_URLS), "exact"), required=required)

    def product_rule(self) -> c.ProductRule:
        """A rule for a product."""
        given = self.pick((("name",), ("sku",), ("category",), ("name", "sku"), ()))
        return c.ProductRule(**{member: self.pick(_NAMES) for member in given})

    def viewed_rule(self) -> c.ViewedRule:
        """A rule for a viewed product."""
        given = self.pick((("name",), ("sku",), (), ("name", "category")))
        prices = self.pick(((), ("price_min",), ("price_min", "price_max"))) if not given or self.number(4) == 0 else ()
        members: dict[str, Any] = {member: self.pick(_NAMES) for member in given}
        return c.ViewedRule(**(members | {member: float(self.number()) for member in prices}))

    def error_rule(self) -> c.ErrorRule:
        """A rule for an error."""
        given = self.pick((("message",), ("code",), ("message", "code")))
        return c.ErrorRule(**{one: self.pick(_NAMES) for one in given}, occurrence=self.pick((1, 1, 2)))

    def behavior(self) -> c.Behavior:
        """Any condition of a behaviour."""
        interaction: Callable[[], Any] = lambda: self.pick(("exposed", "declined", "clicked", "interacted"))  # noqa: E731
        location: Callable[[], int] = lambda: self.pick(_LOCATIONS)  # noqa: E731
        makers: tuple[Callable[[], c.Behavior], ...] = (
            lambda: c.VisitedLocation(**self.lists(location)),
            lambda: c.TimeOnLocation(self.some(lambda: c.Stay(location(), self.number(4)), 2)),
            lambda: c.Flow(self.some(self.step, 4, 2), self.pick(("abandoned", "backflow"))),
            lambda: c.EngagedInSession(**self.lists(interaction)),
            c.AboutToAbandon,
            lambda: c.CartValue(**self.range(), change=self.pick((None, None, "decreased", "emptied"))),
            lambda: c.CartItems(**self.lists(self.product_rule)),
            lambda: c.VisitorError(**self.lists(self.error_rule)),
            lambda: c.ViewedProducts(**self.lists(self.viewed_rule)),
            lambda: c.ServiceActivity(self.some(lambda: c.ServiceRule(self.pick(_NAMES), self.some(self.number)))),
        )
        make: Callable[[], c.Behavior] = self.pick(makers)
        return make()

    def address_range(self) -> c.AddressRange:
        """A range of addresses."""
        return c.AddressRange(self.pick(_ADDRESSES), self.pick(_ADDRESSES))

    def place(self) -> c.Place:
        """A place."""
        place: Callable[[], Any] = lambda: self.pick(_COUNTRIES)  # noqa: E731
        return c.Place(self.perhaps(place), self.pick((None, None, "Bavaria")), self.pick((None, None, "munich")))

    def marketing(self) -> c.MarketingSource:
        """A source; rarely of several kinds."""
        polarity, kind = self.polarity(), self.number(3)
        channels = ("direct", "search", "paid_search")
        return c.MarketingSource(
            channels=self.some(lambda: self.pick(channels)) if kind in {0, 3} else (),
            affiliates=self.some(lambda: self.pick(_NAMES)) if kind in {1, 3} else (),
            campaigns=self.some(lambda: self.pick(_NAMES)) if kind == 2 else (),
            polarity=polarity,
        )

    def customer_type(self) -> c.CustomerType:
        """Types or statuses; rarely both."""
        names: Callable[[], Any] = lambda: self.some(lambda: self.pick(_NAMES))  # noqa: E731
        kind = self.number(4)
        return c.CustomerType(
            types=names() if kind < 3 else (), statuses=names() if kind > 1 else (), polarity=self.polarity()
        )

    def audience(self) -> c.Audience:
        """Any condition of an audience."""
        name: Callable[[], Any] = lambda: self.pick(_NAMES)  # noqa: E731
        makers: tuple[Callable[[], c.Audience], ...] = (
            lambda: c.ExternalReferral(self.some(self.match)),
            lambda: c.SearchKeywords(**self.lists(lambda: self.pick(_WORDS))),
            lambda: c.Ip(**self.lists(self.address_range)),
            lambda: c.Platform(self.some(lambda: self.pick(("DESKTOP", "TABLET", "MOBILE")))),
            lambda: c.GeoLocation(**self.lists(self.place)),
            lambda: c.ReturningVisitors(self.pick(("new", "returning"))),
            self.marketing,
            self.customer_type,
            lambda: c.Age(**self.range(), polarity=self.polarity()),
            lambda: c.Balance(**self.range(), polarity=self.polarity()),
            lambda: c.CustomerId(**self.lists(name)),
            lambda: c.GenderIs(self.some(lambda: self.pick(("MALE", "FEMALE", "OTHER")))),
            lambda: c.StoreZipCode(**self.lists(name)),
            lambda: c.StoreNumber(**self.lists(name)),
            lambda: c.CompanySize(**self.range(), polarity=self.polarity()),
            lambda: c.RegistrationDate(
                self.pick(("days", "weeks", "months", "years")),
                self.number(3),
                self.pick(("at_least", "at_most")),
                self.polarity(),
            ),
        )
        make: Callable[[], c.Audience] = self.pick(makers)
        return make()

    def published(self, engagements: int, conditions: int = 2) -> Published:
        """What an account offers."""
        locations = tuple(
            PublishedLocation(id=one, revision=1, conditions=self.some(self.entry_point, 2)) for one in _LOCATIONS
        )
        audiences = [
            PublishedAudience(id=100 + one, revision=1, conditions=self.some(self.audience, conditions))
            for one in range(engagements // 2 + 1)
        ]
        behaviors = [
            PublishedBehavior(id=500 + one, revision=1, conditions=self.some(self.behavior, conditions))
            for one in range(engagements)
        ]
        campaigns = [
            PublishedCampaign(
                id=900 + one,
                name="",
                revision=1,
                starts=self.pick((None, None, NOW, NOW + 1)),
                ends=self.pick((None, None, NOW, NOW + 1)),
                priority=self.pick(("high", "medium", "low")),
                control_percentage=self.pick((0, 25)),
                audience=self.pick((None, *audiences)),
                goal=None,
            )
            for one in range(engagements // 2 + 1)
        ]
        return Published(
            account_id="1",
            revision=1,
            control_percentage=self.pick((0, 0, 25)),
            about_to_abandon=self.pick(("model", "external", "off")),
            time_zone=self.pick(("UTC", "Pacific/Auckland")),
            locations=locations,
            engagements=tuple(
                PublishedEngagement(
                    id=1000 + one,
                    name="",
                    revision=1,
                    campaign=self.pick(campaigns),
                    app_installation_id=self.pick((APPS[0], APPS[0], APPS[1])),
                    locations=self.some(lambda: self.pick(locations), 2),
                    behaviors=self.some(lambda: self.pick(behaviors), 2),
                    language=None,
                    skill_id=-1,
                    window_id=None,
                    connector_id=None,
                    consumer_identity=self.pick(("unauth", "unauth", "auth")),
                    barred=self.pick(((), (), (), ("no",))),
                )
                for one in range(engagements)
            ),
        )

    def product(self) -> Product:
        """A product."""
        name: Callable[[], Any] = lambda: self.pick(_NAMES)  # noqa: E731
        price = self.perhaps(lambda: float(self.number()))
        return Product(name=name(), category=name(), sku=name(), price=price)

    def day(self) -> Day:
        """A date about now or impossible; perhaps only a part of one."""
        year, month = self.pick((1, 2020, 2023, 2024, 2025, 2026, 2027)), self.perhaps(lambda: self.number(13))
        return Day(year=year, month=month, day=self.perhaps(lambda: self.pick((1, 27, 28, 29, 31))))

    def customer(self) -> Customer:
        """What is known of a customer."""
        name: Callable[[], Any] = lambda: self.perhaps(lambda: self.pick(_NAMES))  # noqa: E731
        return Customer(
            type=name(),
            status=name(),
            balance=self.perhaps(lambda: self.number() + self.pick((0.0, 0.5))),
            customer_id=name(),
            company_size=self.perhaps(self.number),
            registered=self.perhaps(self.day),
            store_zip_code=name(),
            store_number=name(),
        )

    def context(self, number: int) -> Context:
        """An offer of the session."""
        when: Callable[[], Any] = lambda: self.pick((None, NOW))  # noqa: E731
        return Context(
            id=str(number),
            at=NOW,
            campaign_id=900,
            engagement_id=1000 + self.number(4),
            revision=1,
            page_id="1",
            displayed=when(),
            clicked=when(),
            declined=self.pick((None, None, NOW)),
            interacted=when(),
        )

    def visit(self, locations_of: Callable[[str, str, tuple[str, ...]], tuple[int, ...]]) -> Visit:
        """A visit; what its pages match is asked for."""
        pages: list[Page] = []
        for number in range(self.number(5)):
            url, title = self.pick((*_URLS, "")), self.pick(_URLS)
            sections = self.some(lambda: self.pick(_SECTIONS), 2)
            at = NOW - 20_000 + 1000 * number * self.number(4)
            found = locations_of(url, title, sections)
            pages.append(Page(id=str(number), at=at, url=url, title=title, sections=sections, locations=found))
        name: Callable[[], Any] = lambda: self.pick(_NAMES)  # noqa: E731
        geo = Geo(
            country=self.pick(_COUNTRIES),
            country_code=self.pick(_COUNTRIES),
            state=self.pick(("", "bavaria")),
            city=self.pick(("", "Munich")),
        )
        return Visit(
            visitor_id=f"v{self.number(999)}",
            session_id="s",
            started=NOW - 60_000,
            seen=NOW,
            is_returning=self.pick((True, False)),
            device_family=self.pick(("NA", "DESKTOP", "TABLET", "MOBILE")),
            ip=self.pick(_ADDRESSES),
            geo=self.perhaps(lambda: geo),
            external_referrer=self.pick((*_URLS, "")),
            search_keywords=self.some(lambda: self.pick(_WORDS), 2),
            identities=self.some(lambda: VisitIdentity(sub="c", acr=self.pick(("0", "loa1"))), 1),
            pages=tuple(pages),
            page_count=len(pages),
            millis_on={self.pick(_LOCATIONS): 1000 * self.number(4) + self.number(1) for _ in range(self.number(3))},
            visited=tuple({self.pick(_LOCATIONS) for _ in range(self.number(4))}),
            contexts=tuple(self.context(number + 1) for number in range(self.number(3))),
            cart=self.perhaps(
                lambda: Cart(
                    total=float(self.number(3)),
                    last_total_change=float(self.number(4) - 2),
                    products=self.some(self.product),
                )
            ),
            viewed=self.some(self.product),
            errors=self.some(lambda: VisitError(message=name(), code=name()), 4),
            services=self.some(lambda: Activity(topic=name(), status=self.perhaps(self.number))),
            customer=self.customer(),
            person=Person(
                age=self.perhaps(lambda: self.number() + self.pick((0.0, 0.5))),
                born=self.perhaps(self.day),
                gender=self.pick((None, "MALE", "FEMALE", "OTHER")),
            ),
            marketing=Marketing(channel=self.perhaps(lambda: self.number(8)), affiliate=name(), campaign_id=name()),
            abandon_score=self.pick((None, 0.2, 0.5)),
        )
