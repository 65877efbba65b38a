"""How many visits are evaluated a second in one process: by the index and, in the same run, by the plain interpreter.

Seconds are of processor time, so that other programs on the machine count less.

An evaluation finds the locations that a page matches and the engagements that may be offered there. Every engagement
has six conditions. Two shapes are measured. *By page*: one condition is the address of a page, two are on behaviour and
three on the audience, and there are half as many pages as engagements. *Everywhere*: no location, three conditions on
behaviour and three on the audience, so that every engagement stands to be offered on every page.
"""

import gc
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
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
from switchbay.engagement.domain.visit import Cart, Customer, Day, Geo, Marketing, Page, Person, Product, Visit
from switchbay.engagement.targeting.index import Entry, Index
from switchbay.engagement.targeting.semantics import Interpreter

NOW = 1_795_860_000_000
APP = "bench"
_VISITS = 2_000
_PLAIN_SECONDS = 1.0
_SIZES = (200, 10_000)
_PLACES = [(f"Country {number // 25}", f"City {number}") for number in range(1_000)]
_TYPES = [f"type {number}" for number in range(40)]
_SKUS = [f"sku-{number}" for number in range(5_000)]
_TOPICS = [f"topic {number}" for number in range(50)]


def _behaviors(chance: random.Random, pages: int) -> list[c.Behavior]:
    low = float(chance.randrange(0, 500, 10))
    page = chance.randrange(pages) + 1
    return [
        c.CartValue(low, low + 200),
        c.CartItems((c.ProductRule(sku=chance.choice(_SKUS)), c.ProductRule(sku=chance.choice(_SKUS)))),
        c.ViewedProducts((c.ViewedRule(sku=chance.choice(_SKUS)), c.ViewedRule(category=chance.choice(_TYPES)))),
        c.VisitedLocation((page,)),
        c.TimeOnLocation((c.Stay(page, chance.randrange(60)),)),
        c.ServiceActivity((c.ServiceRule(chance.choice(_TOPICS), (0, 1, 2)),)),
    ]


def _audiences(chance: random.Random) -> list[c.Audience]:
    country, city = chance.choice(_PLACES)
    years, balance = chance.randrange(18, 70), float(chance.randrange(0, 5_000, 50))
    return [
        c.GeoLocation((c.Place(country), c.Place(city=city))),
        c.Age(years, years + 15),
        c.Balance(balance, balance + 1_000),
        c.CustomerType((chance.choice(_TYPES), chance.choice(_TYPES))),
        c.Platform((chance.choice(("DESKTOP", "TABLET", "MOBILE")),)),
        c.ReturningVisitors(chance.choice(("new", "returning"))),
        c.MarketingSource(channels=(chance.choice(("direct", "search", "social", "email")),)),
        c.RegistrationDate("months", chance.randrange(1, 48)),
        c.CompanySize(chance.randrange(1, 500), None),
        c.GenderIs((chance.choice(("MALE", "FEMALE")),)),
    ]


def published(engagements: int, *, everywhere: bool, seed: int = 1) -> Published:
    """What an account offers, every engagement in a campaign of its own."""
    chance = random.Random(seed)
    pages = max(1, engagements // 2)
    locations = [
        PublishedLocation(id=one + 1, revision=1, conditions=(c.Url((c.Match(f"/products/{one:05}/"),)),))
        for one in range(pages)
    ]
    made = []
    for one in range(engagements):
        doing = chance.sample(_behaviors(chance, pages), 3 if everywhere else 2)
        being = chance.sample(_audiences(chance), 3)
        campaign = PublishedCampaign(
            id=one,
            name="",
            revision=1,
            starts=None,
            ends=None,
            priority="medium",
            control_percentage=10,
            audience=PublishedAudience(id=one, revision=1, conditions=tuple(being)),
            goal=None,
        )
        made.append(
            PublishedEngagement(
                id=one,
                name="",
                revision=1,
                campaign=campaign,
                app_installation_id=APP,
                locations=() if everywhere else (locations[one % pages],),
                behaviors=(PublishedBehavior(id=one, revision=1, conditions=tuple(doing)),),
                language=None,
                skill_id=-1,
                window_id=None,
                connector_id=None,
                consumer_identity="unauth",
            )
        )
    return Published(account_id="bench", revision=1, locations=tuple(locations), engagements=tuple(made))


def _product(chance: random.Random) -> Product:
    return Product(sku=chance.choice(_SKUS), category=chance.choice(_TYPES), price=float(chance.randrange(500)))


def visit(chance: random.Random, number: int, pages: int, locations_of: Callable[[Entry], tuple[int, ...]]) -> Visit:
    """A visitor about whom much is known, on the fourth page."""
    urls = [f"https://shop.example/en/products/{chance.randrange(pages):05}/?ref={number}" for _ in range(4)]
    seen = [
        Page(id=str(place), at=NOW - 30_000 * (4 - place), url=url, locations=locations_of(Entry(url)))
        for place, url in enumerate(urls)
    ]
    country, city = chance.choice(_PLACES)
    return Visit(
        visitor_id=f"visitor {number}",
        session_id="s",
        started=NOW - 120_000,
        seen=NOW,
        is_returning=chance.random() < 0.5,
        device_family=chance.choice(("DESKTOP", "TABLET", "MOBILE")),
        geo=Geo(country=country, country_code=country[-2:], city=city),
        pages=tuple(seen),
        page_count=4,
        millis_on={one: 30_000 for page in seen[:-1] for one in page.locations},
        visited=tuple({one for page in seen for one in page.locations}),
        cart=Cart(
            total=float(chance.randrange(700)),
            last_total_change=1.0,
            products=tuple(_product(chance) for _ in range(3)),
        ),
        viewed=tuple(_product(chance) for _ in range(3)),
        customer=Customer(
            type=chance.choice(_TYPES),
            balance=float(chance.randrange(6_000)),
            company_size=chance.randrange(600),
            registered=Day(year=chance.randrange(2022, 2027), month=chance.randrange(1, 11), day=1),
        ),
        person=Person(age=float(chance.randrange(18, 85)), gender=chance.choice(("MALE", "FEMALE"))),
        marketing=Marketing(channel=chance.randrange(4)),
    )


def _rate(
    evaluate: Callable[[Visit], Sequence[object]], visits: Sequence[Visit], seconds: float
) -> tuple[float, float]:
    """Evaluations a second, and how many engagements each found, over as many whole rounds as fit (at least a part)."""
    done, found = 0, 0
    begun = time.process_time()
    while True:
        for one in visits:
            found += len(evaluate(one))
            done += 1
            if done % 16 == 0 and time.process_time() - begun > seconds:
                return done / (time.process_time() - begun), found / done


def _asked(engine: Index | Interpreter) -> Callable[[Visit], Sequence[object]]:
    def evaluate(one: Visit) -> Sequence[object]:
        page = one.pages[-1]
        engine.locations_of(Entry(page.url, page.title, page.sections))
        return engine.eligible(one, APP, NOW)

    return evaluate


def _compiling(offers: Published) -> tuple[Index, float, float]:
    """The index, how long it took, and the megabytes that it holds; the latter from a second one."""
    begun = time.process_time()
    index = Index(offers)
    seconds = time.process_time() - begun
    gc.collect()
    tracemalloc.start()
    second = Index(offers)
    megabytes = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    del second
    return index, seconds, megabytes


def evaluations(seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Measure both shapes at both sizes."""
    for everywhere in (False, True):
        for size in _SIZES:
            offers = published(size, everywhere=everywhere)
            index, compiled, megabytes = _compiling(offers)
            chance = random.Random(2)
            visits = [visit(chance, one, max(1, size // 2), index.locations_of) for one in range(_VISITS)]
            _rate(_asked(index), visits, 0.3)
            rate, found = max(_rate(_asked(index), visits, seconds / 4) for _ in range(4))
            alone, _ = _rate(partial(index.eligible, app_installation_id=APP, now=NOW), visits, seconds)
            plain, _ = _rate(_asked(Interpreter(offers)), visits, _PLAIN_SECONDS)
            yield (
                f"{size} engagements, {'everywhere' if everywhere else 'by page'}",
                {
                    "evaluations_per_second": round(rate),
                    "without_finding_locations_per_second": round(alone),
                    "interpreter_per_second": round(plain, 1),
                    "engagements_found_on_average": round(found, 3),
                    "compile_seconds": round(compiled, 3),
                    "index_megabytes": round(megabytes, 1),
                },
            )
