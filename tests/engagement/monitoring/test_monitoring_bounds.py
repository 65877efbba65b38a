"""Visits stay short: lists lose their oldest members, totals stay."""

from typing import Any

import msgspec
from msgspec import structs

from switchbay.engagement.domain.visit import (
    Cart,
    Context,
    LeadReport,
    Page,
    Person,
    Product,
    Purchase,
    Visit,
    VisitError,
)
from switchbay.engagement.monitoring.domain.bounds import (
    MOST_CONTEXTS,
    MOST_OF_OTHERS,
    MOST_PAGES,
    ROW_BYTES,
    bounded,
)
from switchbay.engagement.monitoring.domain.pages import open_page, sort_points
from switchbay.engagement.monitoring.store import pack

_FRESH = Visit(visitor_id="v" * 22, session_id="s" * 22, started=0, seen=0)


def _context(number: int, **more: Any) -> Context:
    return Context(id=str(number), at=number, campaign_id=1, engagement_id=number, revision=1, page_id="1", **more)


def test_a_visit_of_three_pages_takes_a_few_hundred_bytes() -> None:
    visit = structs.replace(_FRESH, ip="198.51.100.7", contexts=(_context(1, displayed=5),))
    for place in range(3):
        points = sort_points((f"https://shop.example/page/{place}", "sec://shop"))
        visit = open_page(visit, points, page_id="1234567890", title="", referrer="", locations=(1, 2), now=place)
    assert len(pack(visit)) < 400


def test_old_pages_go_and_their_totals_stay() -> None:
    visit = _FRESH
    for place in range(MOST_PAGES + 5):
        points = sort_points((f"sec://{place}",))
        visit = open_page(
            visit, points, page_id=str(place), title="", referrer="", locations=(place,), now=place * 1_000
        )
        visit = bounded(visit)
    assert [page.id for page in visit.pages] == [str(place) for place in range(5, MOST_PAGES + 5)]
    assert visit.page_count == MOST_PAGES + 5
    assert visit.visited == tuple(range(MOST_PAGES + 5))
    assert visit.millis_on == dict.fromkeys(range(MOST_PAGES + 4), 1_000)


def test_a_dismissed_offer_is_remembered_before_all_others() -> None:
    contexts = [_context(1, declined=1), _context(2, displayed=1), *(_context(3 + place) for place in range(100))]
    kept = bounded(structs.replace(_FRESH, contexts=tuple(contexts))).contexts
    assert len(kept) == MOST_CONTEXTS
    assert [one.id for one in kept[:2]] == ["1", "2"]
    assert kept[-1].id == "102"


def test_lists_keep_their_newest_members() -> None:
    bought = tuple(Purchase(order_id=str(place)) for place in range(MOST_OF_OTHERS + 1))
    assert bounded(structs.replace(_FRESH, purchases=bought)).purchases == bought[1:]


def test_a_visit_of_long_texts_loses_details_until_it_fits() -> None:
    long = "x" * 250
    visit = structs.replace(
        _FRESH,
        pages=tuple(Page(id=str(place), at=place, url=long * 4, title=long) for place in range(20)),
        cart=Cart(total=1, last_total_change=1, products=(Product(name=long, sku=long),) * 50),
        viewed=(Product(name=long, sku=long),) * 30,
        person=Person(contacts=long * 20),
        page_count=20,
        contexts=(_context(1, declined=1),),
    )
    packed = pack(visit)
    assert len(packed) <= ROW_BYTES

    kept = msgspec.msgpack.decode(packed, type=Visit)
    assert kept.pages[-1] == visit.pages[-1]
    assert (kept.page_count, kept.contexts) == (20, visit.contexts)
    assert kept.cart is not None
    assert kept.cart.total == 1


def test_long_addresses_cost_pages_and_nothing_else() -> None:
    visit = structs.replace(
        _FRESH,
        pages=tuple(Page(id=str(place), at=place, url="x" * 1_000, referrer="y" * 1_000) for place in range(25)),
        errors=tuple(VisitError(message=f"Card declined {place}", code="E7") for place in range(MOST_OF_OTHERS)),
        viewed=(Product(name="Lamp", sku="L-1"),) * 30,
        cart=Cart(total=1, last_total_change=1, products=(Product(name="Lamp"),) * 3),
    )
    kept = msgspec.msgpack.decode(pack(visit), type=Visit)
    assert kept.pages == visit.pages[-6:]
    assert (kept.errors, kept.viewed, kept.cart) == (visit.errors, visit.viewed, visit.cart)


def test_long_purchases_and_leads_go_when_nothing_else_is_left() -> None:
    long = "x" * 250
    visit = structs.replace(
        _FRESH,
        pages=(Page(id="1", at=1, url=long),),
        errors=(VisitError(message=long),),
        purchases=tuple(Purchase(order_id=f"{place}{long}", currency=long) for place in range(MOST_OF_OTHERS)),
        leads=tuple(LeadReport(lead_id=f"{place}{long}", topic=long) for place in range(MOST_OF_OTHERS)),
    )
    packed = pack(visit)
    assert len(packed) <= ROW_BYTES
    kept = msgspec.msgpack.decode(packed, type=Visit)
    assert (kept.pages, kept.errors) == (visit.pages, ())
    assert kept.purchases[-1] == visit.purchases[-1]
    assert kept.leads[-1] == visit.leads[-1]
