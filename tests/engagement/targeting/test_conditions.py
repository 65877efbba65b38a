"""Every condition with every edge that section 3 of the reference names: by the interpreter and by the index alike."""

from typing import Any, get_args

import pytest

from support.crowds import NOW
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
)
from switchbay.engagement.targeting.index import Entry, Index
from switchbay.engagement.targeting.semantics import Interpreter

_LOCATION = PublishedLocation(id=1, revision=1, conditions=(c.Section(("cart",)),))
_AUDIENCES = get_args(c.Audience)


def _engagement(*conditions: Any) -> PublishedEngagement:
    """An engagement with these conditions, of its behaviour and of its campaign's audience."""
    audience = tuple(one for one in conditions if isinstance(one, _AUDIENCES))
    behavior = tuple(one for one in conditions if not isinstance(one, _AUDIENCES))
    campaign = PublishedCampaign(
        id=1,
        name="",
        revision=1,
        starts=None,
        ends=None,
        priority="medium",
        control_percentage=0,
        audience=PublishedAudience(id=1, revision=1, conditions=audience),
        goal=None,
    )
    return PublishedEngagement(
        id=7,
        name="",
        revision=1,
        campaign=campaign,
        app_installation_id="app",
        locations=(),
        behaviors=(PublishedBehavior(id=1, revision=1, conditions=behavior),),
        language=None,
        skill_id=-1,
        window_id=None,
        connector_id=None,
        consumer_identity="unauth",
    )


def holds(*conditions: Any, by: str = "external", **members: Any) -> bool:
    """Whether a visit with these members meets the conditions; both interpreters must say the same."""
    members = {"started": NOW, "seen": NOW, **members}
    visit = Visit(visitor_id="v", session_id="s", **members)
    engagement = _engagement(*conditions)
    published = Published(
        account_id="1",
        revision=1,
        control_percentage=0,
        about_to_abandon=by,  # type: ignore[arg-type]
        locations=(_LOCATION,),
        engagements=(engagement,),
    )
    plain = bool(Interpreter(published).eligible(visit, "app", NOW))
    # With more of the same kind the index looks them up together, and finds all of them or none.
    many = Published(
        account_id="1",
        revision=1,
        control_percentage=0,
        about_to_abandon=by,  # type: ignore[arg-type]
        locations=(_LOCATION,),
        engagements=(engagement,) * 6,
    )
    assert len(Index(published).eligible(visit, "app", NOW)) == plain
    assert len(Index(many).eligible(visit, "app", NOW)) == 6 * plain
    return plain


# Entry points


def _at(condition: c.EntryPoint, **entry: Any) -> bool:
    published = Published(
        account_id="1", revision=1, locations=(PublishedLocation(id=1, revision=1, conditions=(condition,)),)
    )
    found = Interpreter(published).locations_of(Entry(**entry))
    assert Index(published).locations_of(Entry(**entry)) == found
    return bool(found)


@pytest.mark.parametrize(
    ("include", "exclude", "sections", "expected"),
    [
        (("cart",), (), ("cart",), True),
        (("cart",), (), ("Shopping-CART",), True),  # a part, without regard to case
        (('"cart"',), (), ("shopping-cart",), False),  # within quotes the whole name
        (('"Cart"',), (), ("home", "cART"), True),
        (("cart", "home"), (), ("home",), True),  # any is enough
        (("cart",), ("pay",), ("cart", "cart-pay"), False),  # what is excluded decides
        ((), ("pay",), ("cart",), True),
        ((), ("pay",), (), True),  # missing data triggers nothing that is excluded
        (("cart",), (), (), False),  # and satisfies nothing that is included
        (('""',), (), ("cart",), False),
        (("straße",), (), ("STRASSE 1",), True),
    ],
)
def test_section(include: tuple[str, ...], exclude: tuple[str, ...], sections: tuple[str, ...], expected: bool) -> None:
    assert _at(c.Section(include, exclude), sections=sections) is expected


@pytest.mark.parametrize(
    ("kind", "value", "url", "expected"),
    [
        ("contains", "/CART", "https://shop.example/cart?x=1", True),
        ("contains", "/cart", "https://shop.example/", False),
        ("contains", "t", "https://shop.example/", True),
        ("exact", "HTTPS://SHOP.example/", "https://shop.example/", True),
        ("exact", "https://shop.example", "https://shop.example/", False),  # the whole address, as it is
        ("regex", r"/item/\d{2,}$", "https://shop.example/ITEM/42", True),  # found anywhere, without regard to case
        ("regex", r"/item/\d{2,}$", "https://shop.example/item/4", False),
        ("regex", "(", "https://shop.example/(", False),  # no expression: it fits nothing
        ("regex", "(a+)+$", "https://shop.example/" + "a" * 900 + "!", False),  # linear, whatever the expression
        ("contains", "/cart", "", False),
    ],
)
def test_url(kind: c.MatchType, value: str, url: str, expected: bool) -> None:
    rule = c.Match(value, kind)
    assert _at(c.Url((rule,)), url=url) is expected
    assert _at(c.Url((), (rule,)), url=url) is not expected


def test_location_needs_one_include_of_any_of_its_conditions_and_no_exclude() -> None:
    conditions = (c.Section(("cart",), ("admin",)), c.Url((c.Match("/cart"),)))
    published = Published(
        account_id="1",
        revision=1,
        locations=(
            PublishedLocation(id=1, revision=1, conditions=conditions),
            PublishedLocation(id=2, revision=1, conditions=()),
        ),
    )
    index = Index(published)
    entries = {
        Entry(sections=("cart",)): (1, 2),
        Entry(url="https://x.example/cart"): (1, 2),
        Entry(url="https://x.example/cart", sections=("admin",)): (2,),
        Entry(): (2,),
    }
    assert {entry: index.locations_of(entry) for entry in entries} == entries
    assert {entry: Interpreter(published).locations_of(entry) for entry in entries} == entries


# Behaviours

_PAGES = (Page(id="1", at=NOW - 9_000, sections=("cart",), locations=(1,)), Page(id="2", at=NOW - 4_000))


@pytest.mark.parametrize(
    ("condition", "visited", "expected"),
    [
        (c.VisitedLocation((1, 2)), (1, 2), True),
        (c.VisitedLocation((1, 2)), (1,), False),  # all of them
        (c.VisitedLocation((), (3,)), (1,), True),
        (c.VisitedLocation((), (3,)), (3,), False),
        (c.VisitedLocation((1,), (3, 4)), (1, 4), False),
        (c.VisitedLocation((1,)), (), False),
    ],
)
def test_visited_location(condition: c.VisitedLocation, visited: tuple[int, ...], expected: bool) -> None:
    assert holds(condition, visited=visited) is expected


def test_present_location_counts_as_visited() -> None:
    assert holds(c.VisitedLocation((5,)), pages=(Page(id="1", at=NOW, locations=(5,)),)) is True


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (((1, 5),), False),  # strictly more than
        (((1, 4),), True),
        (((1, 4), (2, 0)), False),  # all of the rules
        (((1, 4), (2, -1)), True),
    ],
)
def test_time_on_location(rules: tuple[tuple[int, int], ...], expected: bool) -> None:
    condition = c.TimeOnLocation(tuple(c.Stay(*rule) for rule in rules))
    assert holds(condition, pages=_PAGES, millis_on={1: 5_000}) is expected


def test_time_on_the_present_page_counts_until_now() -> None:
    pages = (Page(id="1", at=NOW - 2_001, locations=(1,)),)
    assert holds(c.TimeOnLocation((c.Stay(1, 5),)), pages=pages, millis_on={1: 3_000}) is True
    assert holds(c.TimeOnLocation((c.Stay(1, 5),)), pages=pages, millis_on={1: 2_999}) is False


def _context(engagement_id: int, **happened: Any) -> Context:
    return Context(id="1", at=1, campaign_id=1, engagement_id=engagement_id, revision=1, page_id="1", **happened)


@pytest.mark.parametrize(
    ("condition", "contexts", "expected"),
    [
        (c.EngagedInSession(("exposed",)), (_context(8, displayed=1),), True),
        (c.EngagedInSession(("exposed",)), (_context(7, displayed=1),), False),  # its own context does not count
        (c.EngagedInSession(("exposed",)), (_context(7, displayed=1), _context(8, displayed=1)), True),
        (c.EngagedInSession(("exposed",)), (_context(8),), False),  # offered, not displayed
        (c.EngagedInSession(("clicked", "interacted")), (_context(8, interacted=1),), True),
        (c.EngagedInSession((), ("declined",)), (_context(8, declined=1),), False),
        (c.EngagedInSession((), ("clicked",)), (_context(7, clicked=1),), True),
        (c.EngagedInSession((), ("clicked",)), (), True),
        (c.EngagedInSession(("exposed",), ("clicked",)), (_context(8, displayed=1, clicked=1),), False),
    ],
)
def test_engaged_in_session(condition: c.EngagedInSession, contexts: tuple[Context, ...], expected: bool) -> None:
    assert holds(condition, contexts=contexts) is expected


@pytest.mark.parametrize(
    ("by", "score", "expected"),
    [("external", 0.5, True), ("external", 0.49, False), ("external", None, False), ("off", 1.0, False)],
)
def test_about_to_abandon_by_an_external_score(by: str, score: float | None, expected: bool) -> None:
    assert holds(c.AboutToAbandon(), by=by, abandon_score=score) is expected


def test_about_to_abandon_by_the_model_ignores_the_external_score() -> None:
    assert holds(c.AboutToAbandon(), by="model", abandon_score=1.0) is False


@pytest.mark.parametrize(
    ("condition", "cart", "expected"),
    [
        (c.CartValue(10, 20), (10.0, 0.0), True),  # both ends belong to it
        (c.CartValue(10, 20), (20.0, 0.0), True),
        (c.CartValue(10, 20), (20.01, 0.0), False),
        (c.CartValue(10), (1e9, 0.0), True),
        (c.CartValue(None, 20), (-1.0, 0.0), True),
        (c.CartValue(change="decreased"), (5.0, -0.01), True),
        (c.CartValue(change="decreased"), (5.0, 0.0), False),
        (c.CartValue(change="emptied"), (0.0, -5.0), True),
        (c.CartValue(change="emptied"), (1.0, -5.0), False),
        (c.CartValue(change="emptied"), (0.0, 0.0), False),  # it was empty before
        (c.CartValue(), None, False),
        (c.CartValue(None, 5), None, False),  # no cart is not a cart of 0
    ],
)
def test_cart_value(condition: c.CartValue, cart: tuple[float, float] | None, expected: bool) -> None:
    made = None if cart is None else Cart(total=cart[0], last_total_change=cart[1], currency="EUR")
    assert holds(condition, cart=made) is expected


_LAMP = Product(name="Red Lamp", sku="L-1", category="Lighting", price=30.0)


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (({"name": "red lamp"},), (), True),
        (({"name": "lamp"},), (), False),  # the whole name
        (({"sku": "l-1"},), (), True),
        (({"category": "LIGHTING"},), (), True),
        (({"name": "x"}, {"sku": "L-1"}), (), True),
        (({"sku": "L-1"},), ({"category": "lighting"},), False),
        ((), ({"sku": "L-2"},), True),
        ((), ({"sku": "L-1"},), False),
        (({"name": ""},), (), False),
    ],
)
def test_cart_items(include: Any, exclude: Any, expected: bool) -> None:
    rules = [tuple(c.ProductRule(**rule) for rule in rules) for rules in (include, exclude)]
    cart = Cart(total=30.0, last_total_change=30.0, products=(Product(name="Chair"), _LAMP))
    assert holds(c.CartItems(*rules), cart=cart) is expected
    assert holds(c.CartItems(*rules)) is (not include)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"name": "RED lamp"}, True),
        ({"category": "Light"}, False),
        ({"price_min": 30.0}, True),
        ({"price_max": 29.99}, False),
        ({"price_min": 30.0, "price_max": 30.0}, True),
        ({"name": "chair", "price_max": 100.0}, False),  # the price of another product, and the chair's is missing
        ({}, False),
    ],
)
def test_viewed_products(rule: dict[str, Any], expected: bool) -> None:
    viewed = (Product(name="Chair"), _LAMP)
    assert holds(c.ViewedProducts((c.ViewedRule(**rule),)), viewed=viewed) is expected
    assert holds(c.ViewedProducts((), (c.ViewedRule(**rule),)), viewed=viewed) is not expected


@pytest.mark.parametrize(
    ("rule", "times", "expected"),
    [
        ({"message": "card declined"}, 1, True),
        ({"message": "card"}, 1, False),
        ({"message": "Card declined", "occurrence": 2}, 1, False),
        ({"message": "Card declined", "occurrence": 2}, 2, True),  # from the n-th time on
        ({"message": "Card declined", "occurrence": 2}, 3, True),
        ({"message": "Card declined"}, 0, False),
        ({"code": "e7"}, 1, True),
        ({"code": "E7", "message": "other"}, 1, False),
    ],
)
def test_visitor_error(rule: dict[str, Any], times: int, expected: bool) -> None:
    errors = (VisitError(message="Other"), *(VisitError(message="Card declined", code="E7") for _ in range(times)))
    assert holds(c.VisitorError((c.ErrorRule(**rule),)), errors=errors) is expected
    assert holds(c.VisitorError((), (c.ErrorRule(**rule),)), errors=errors) is not expected


@pytest.mark.parametrize(
    ("activity", "expected"),
    [
        (Activity(topic="CLAIM", status=3), True),
        (Activity(topic="claim", status=5), False),
        (Activity(topic="claim", status=None), False),
        (Activity(topic="claims", status=3), False),
        (Activity(topic="loan", status=0), True),  # any rule is enough
        (Activity(status=3), False),
    ],
)
def test_service_activity(activity: Activity, expected: bool) -> None:
    condition = c.ServiceActivity((c.ServiceRule("claim", (2, 3)), c.ServiceRule("loan", (0,))))
    assert holds(condition, services=(Activity(topic="x", status=3), activity)) is expected


def test_conditions_of_a_behaviour_must_all_hold() -> None:
    cart = Cart(total=15.0, last_total_change=1.0)
    assert holds(c.CartValue(10), c.CartValue(None, 20), cart=cart) is True
    assert holds(c.CartValue(10), c.CartValue(None, 12), cart=cart) is False


# Audiences


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("contains", "NEWS.example", True),
        ("exact", "https://news.example/a", True),
        ("exact", "https://news.example/", False),
        ("regex", "^https?://news", True),
        ("contains", "", False),
    ],
)
def test_external_referral(kind: c.MatchType, value: str, expected: bool) -> None:
    condition = c.ExternalReferral((c.Match("nowhere", "exact"), c.Match(value, kind)))
    assert holds(condition, external_referrer="https://news.example/a") is expected
    assert holds(condition) is False


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("SHOES", True),
        ("shoe", False),  # whole words
        ("red shoes", True),
        ("shoes red", False),  # in their order
        ("red online", False),  # one after the other
        ("shoes  online", True),
        (" ", False),
    ],
)
def test_search_keywords(rule: str, expected: bool) -> None:
    words = ("Red  shoes", "online")
    assert holds(c.SearchKeywords((rule,)), search_keywords=words) is expected
    assert holds(c.SearchKeywords((), (rule,)), search_keywords=words) is not expected
    assert holds(c.SearchKeywords((rule,))) is False
    assert holds(c.SearchKeywords((), (rule,))) is True


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.0.5", True),
        ("10.0.0.9", True),  # both ends belong to it
        ("10.0.0.10", False),
        ("10.0.0.4", False),
        ("::ffff:10.0.0.5", False),  # IPv4 only
        ("", False),
    ],
)
def test_ip(address: str, expected: bool) -> None:
    inside = c.AddressRange("10.0.0.5", "10.0.0.9")
    assert holds(c.Ip((inside,)), ip=address) is expected
    assert holds(c.Ip((), (inside,)), ip=address) is not expected
    assert holds(c.Ip((c.AddressRange("10.0.0.9", "10.0.0.5"),)), ip=address) is False


@pytest.mark.parametrize(("family", "expected"), [("DESKTOP", True), ("MOBILE", False), ("NA", False)])
def test_platform(family: str, expected: bool) -> None:
    assert holds(c.Platform(("DESKTOP", "TABLET")), device_family=family) is expected


_MUNICH = Geo(country="Germany", country_code="DE", state="Bavaria", city="Munich")


@pytest.mark.parametrize(
    ("place", "geo", "expected"),
    [
        ({"country": "germany"}, _MUNICH, True),
        ({"country": "de"}, _MUNICH, True),  # by name or by code
        ({"country": "Germany", "city": "Berlin"}, _MUNICH, False),  # all that is given
        ({"state": "bavaria", "city": "MUNICH"}, _MUNICH, True),
        ({"country": "DE", "city": "Munich"}, Geo(country="Germany", country_code="DE"), False),
        ({"country": "DE"}, None, False),
        ({}, _MUNICH, False),
        ({"city": ""}, Geo(country="Germany"), False),
    ],
)
def test_geo_location(place: dict[str, str], geo: Geo | None, expected: bool) -> None:
    assert holds(c.GeoLocation((c.Place("France"), c.Place(**place))), geo=geo) is expected
    assert holds(c.GeoLocation((), (c.Place(**place),)), geo=geo) is not expected


@pytest.mark.parametrize("is_returning", [True, False])
def test_returning_visitors(is_returning: bool) -> None:
    assert holds(c.ReturningVisitors("returning"), is_returning=is_returning) is is_returning
    assert holds(c.ReturningVisitors("new"), is_returning=is_returning) is not is_returning


@pytest.mark.parametrize(
    ("given", "marketing", "expected"),
    [
        ({"channels": ("search", "display")}, {"channel": 1}, True),
        ({"channels": ("display",)}, {"channel": 6}, True),
        ({"channels": ("direct",)}, {"channel": 0}, True),
        ({"channels": ("direct",)}, {"channel": 7}, False),
        ({"channels": ("direct",)}, {}, False),
        ({"affiliates": ("Blog",)}, {"affiliate": "bLOG"}, True),
        ({"affiliates": ("Blog",)}, {"affiliate": "blog 2"}, False),
        ({"campaigns": ("spring",)}, {"campaign_id": "Spring"}, True),
        ({"campaigns": ("spring",)}, {"affiliate": "spring"}, False),
    ],
)
def test_marketing_source(given: dict[str, Any], marketing: dict[str, Any], expected: bool) -> None:
    assert holds(c.MarketingSource(**given), marketing=Marketing(**marketing)) is expected
    assert holds(c.MarketingSource(**given, polarity="exclude"), marketing=Marketing(**marketing)) is not expected


@pytest.mark.parametrize(
    ("given", "customer", "expected"),
    [
        ({"types": ("Gold", "VIP")}, {"type": "vip"}, True),
        ({"types": ("Gold",)}, {"type": "Golden"}, False),
        ({"types": ("Gold",)}, {"status": "Gold"}, False),
        ({"statuses": ("cancelled",)}, {"status": "CANCELLED"}, True),
        ({"types": ("Gold",)}, {}, False),
    ],
)
def test_customer_type(given: dict[str, Any], customer: dict[str, Any], expected: bool) -> None:
    assert holds(c.CustomerType(**given), customer=Customer(**customer)) is expected
    assert holds(c.CustomerType(**given, polarity="exclude"), customer=Customer(**customer)) is not expected


_OF_AGE = c.Age(18, 30)  # today is 2026-11-28


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        (Person(age=18.0), True),
        (Person(age=17.9), False),
        (Person(age=30.9), True),  # thirty until the thirty-first birthday
        (Person(age=31.0), False),
        (Person(age=17.0, born=Day(year=2000)), False),  # what was reported goes first
        (Person(born=Day(year=2008, month=11, day=28)), True),  # it is the birthday
        (Person(born=Day(year=2008, month=11, day=29)), False),
        (Person(born=Day(year=2008, month=11)), False),  # at the latest on the 30th
        (Person(born=Day(year=2008)), False),
        (Person(born=Day(year=2007)), True),
        (Person(born=Day(year=2027)), False),
        (Person(born=Day(year=2000, month=13, day=1)), False),
        (Person(age=-1.0), False),
        (Person(), False),
    ],
)
def test_age(person: Person, expected: bool) -> None:
    assert holds(_OF_AGE, person=person) is expected
    assert holds(c.Age(18, 30, "exclude"), person=person) is not expected


@pytest.mark.parametrize(("make", "member"), [(c.Balance, "balance"), (c.CompanySize, "company_size")])
@pytest.mark.parametrize(
    ("low", "high", "value", "expected"),
    [
        (10, 20, 10, True),
        (10, 20, 20, True),
        (10, 20, 21, False),
        (10, 20, 9, False),
        (None, 20, -5, True),
        (10, None, 10**12, True),
        (0, None, 0, True),
        (None, None, None, False),
    ],
)
def test_amounts(make: Any, member: str, low: int | None, high: int | None, value: int | None, expected: bool) -> None:
    given: dict[str, Any] = {member: value}
    customer = Customer(**given)
    assert holds(make(low, high), customer=customer) is expected
    assert holds(make(low, high, "exclude"), customer=customer) is not expected


@pytest.mark.parametrize(
    ("make", "member", "ignores_case"),
    [
        (c.CustomerId, "customer_id", False),
        (c.StoreZipCode, "store_zip_code", True),
        (c.StoreNumber, "store_number", True),
    ],
)
def test_listed_names(make: Any, member: str, ignores_case: bool) -> None:
    given: dict[str, Any] = {member: "Ab1"}
    customer = Customer(**given)
    assert holds(make(("x", "Ab1")), customer=customer) is True
    assert holds(make(("aB1",)), customer=customer) is ignores_case
    assert holds(make(("Ab",)), customer=customer) is False
    assert holds(make((), ("Ab1",)), customer=customer) is False
    assert holds(make((), ("x",)), customer=customer) is True
    assert holds(make(("Ab1",), ("Ab1",)), customer=customer) is False  # what is excluded wins
    assert holds(make(("Ab1",))) is False
    assert holds(make((), ("Ab1",))) is True


@pytest.mark.parametrize(("gender", "expected"), [("FEMALE", True), ("OTHER", True), ("MALE", False), (None, False)])
def test_gender(gender: Any, expected: bool) -> None:
    assert holds(c.GenderIs(("FEMALE", "OTHER")), person=Person(gender=gender)) is expected


@pytest.mark.parametrize(
    ("unit", "value", "registered", "at_least", "at_most"),
    [
        ("days", 3, (2026, 11, 25), True, True),  # exactly so long ago
        ("days", 3, (2026, 11, 24), True, False),
        ("days", 3, (2026, 11, 26), False, True),
        ("weeks", 1, (2026, 11, 21), True, True),
        ("weeks", 1, (2026, 11, 20), True, False),
        ("months", 2, (2026, 9, 28), True, True),
        ("months", 2, (2026, 9, 29), False, True),
        ("months", 2, (2026, 9, 27), True, False),
        ("months", 1, (2026, 10, None), False, True),  # at the latest on the 31st
        ("years", 1, (2025, 11, 28), True, True),
        ("years", 1, (2025, None, None), False, True),
        ("days", 0, (2026, 11, 29), True, True),  # the future is as long ago as today
        ("days", 0, (2026, 2, 30), False, False),  # no date
    ],
)
def test_registration_date(unit: Any, value: int, registered: Any, at_least: bool, at_most: bool) -> None:
    year, month, day = registered
    customer = Customer(registered=Day(year=year, month=month, day=day))
    assert holds(c.RegistrationDate(unit, value), customer=customer) is at_least
    assert holds(c.RegistrationDate(unit, value, "at_most"), customer=customer) is at_most
    assert holds(c.RegistrationDate(unit, value, polarity="exclude"), customer=customer) is not at_least
    assert holds(c.RegistrationDate(unit, value)) is False


def test_registration_dates_of_different_units_are_any_of_one_kind() -> None:
    customer = Customer(registered=Day(year=2026, month=11, day=1))
    years, days = c.RegistrationDate("years", 1), c.RegistrationDate("days", 20)
    assert holds(years, days, customer=customer) is True
    assert holds(years, c.RegistrationDate("days", 28), customer=customer) is False


# How an audience's conditions combine


def test_kinds_of_an_audience_must_all_hold_and_any_condition_of_a_kind() -> None:
    person = Person(age=20.0, gender="MALE")
    assert holds(c.Age(50, 60), c.Age(18, 25), c.GenderIs(("MALE",)), person=person) is True
    assert holds(c.Age(18, 25), c.GenderIs(("FEMALE",)), person=person) is False


def test_excluded_condition_wins_over_included_ones_of_its_kind() -> None:
    assert holds(c.Age(18, 25), c.Age(20, 20, "exclude"), person=Person(age=20.0)) is False
    assert holds(c.Age(18, 25), c.Age(20, 20, "exclude"), person=Person(age=21.0)) is True


def test_conditions_that_only_exclude_hold_without_data() -> None:
    assert holds(c.Age(20, 20, "exclude"), c.Balance(0, 1, "exclude")) is True


def test_today_is_the_date_in_the_accounts_zone() -> None:
    engagement = _engagement(c.Age(18))
    visit = Visit(
        visitor_id="v", session_id="s", started=NOW, seen=NOW, person=Person(born=Day(year=2008, month=11, day=29))
    )
    for zone, expected in (("UTC", 0), ("Pacific/Auckland", 1), ("no such zone", 0)):
        published = Published(
            account_id="1", revision=1, control_percentage=0, time_zone=zone, engagements=(engagement,)
        )
        eligible = Index(published).eligible(visit, "app", NOW + 7_200_000)
        assert len(eligible) == len(Interpreter(published).eligible(visit, "app", NOW + 7_200_000)) == expected
