"""Goals: how often one was reached by what was reported last."""

from typing import Any

import pytest

from support.crowds import NOW
from switchbay.engagement.domain import conditions as c
from switchbay.engagement.domain.published import PublishedGoal
from switchbay.engagement.domain.visit import Activity, LeadReport, Page, Purchase, Visit
from switchbay.engagement.targeting.goals import reached


def _goal(*conditions: c.Goal, once: bool = False) -> PublishedGoal:
    return PublishedGoal(id=3, revision=1, conditions=conditions, once_per_visit=once, conversion_days=31)


def _visit(**members: Any) -> Visit:
    return Visit(visitor_id="v", session_id="s", started=NOW, seen=NOW, **members)


def _pages(*urls: str) -> tuple[Page, ...]:
    return tuple(Page(id=str(number), at=number, url=url) for number, url in enumerate(urls))


def _at(before: int, *urls: str) -> tuple[Visit, Visit]:
    pages = _pages(*urls)
    return _visit(pages=pages[:before], page_count=before), _visit(pages=pages, page_count=len(pages))


@pytest.mark.parametrize(
    ("goal", "before", "urls", "expected"),
    [
        (c.UrlGoal("/thanks"), 1, ("/cart", "/Thanks"), 1),
        (c.UrlGoal("/thanks"), 2, ("/cart", "/thanks"), 0),  # it was reached before
        (c.UrlGoal("/thanks"), 1, ("/thanks", "/thanks"), 1),  # each time counts
        (c.UrlGoal("/thanks", reached_counter=2), 1, ("/cart", "/thanks"), 0),
        (c.UrlGoal("/thanks", reached_counter=2), 1, ("/thanks", "/thanks", "/thanks"), 2),
        (c.UrlGoal("^/th.nks$", "regex"), 0, ("/thanks",), 1),
        (c.UrlGoal("/THANKS", "exact"), 0, ("/thanks?a", "/thanks"), 1),
    ],
)
def test_address(goal: c.UrlGoal, before: int, urls: tuple[str, ...], expected: int) -> None:
    assert reached(_goal(goal), *_at(before, *urls)) == expected


@pytest.mark.parametrize(("before", "after", "expected"), [(2, 3, 1), (1, 5, 1), (3, 4, 0), (0, 2, 0)])
def test_number_of_pages(before: int, after: int, expected: int) -> None:
    goal = _goal(c.NumOfPages(3))
    assert reached(goal, _visit(page_count=before), _visit(page_count=after)) == expected


@pytest.mark.parametrize(
    ("more_than", "purchase", "expected"),
    [
        (None, Purchase(), 1),  # any purchase
        (50.0, Purchase(total=50.0), 0),  # strictly more
        (50.0, Purchase(total=50.01), 1),
        (50.0, Purchase(), 0),
        (None, Purchase(order_id="1", repeated=True), 0),
    ],
)
def test_purchase(more_than: float | None, purchase: Purchase, expected: int) -> None:
    old = Purchase(total=99.0, order_id="0")
    before, after = _visit(purchases=(old,)), _visit(purchases=(old, purchase))
    assert reached(_goal(c.PurchaseTotal(more_than)), before, after) == expected


def test_lead_counts_unless_it_is_repeated() -> None:
    after = _visit(leads=(LeadReport(lead_id="1"), LeadReport(lead_id="1", repeated=True), LeadReport(topic="x")))
    assert reached(_goal(c.Lead()), _visit(), after) == 2
    assert reached(_goal(c.Lead()), None, after) == 2


@pytest.mark.parametrize(
    ("activity", "expected"),
    [
        (Activity(topic="LOAN", status=0), 1),
        (Activity(topic="card", status=2), 1),
        (Activity(topic="loan", status=2), 0),  # the status is of the other block
        (Activity(topic="loan", status=0, repeated=True), 0),
        (Activity(topic="loan"), 0),
    ],
)
def test_service_activity(activity: Activity, expected: int) -> None:
    goal = _goal(c.ServiceGoal((c.ServiceBlock(("loan", "claim"), (0, 1)), c.ServiceBlock(("card",), (2,)))))
    assert reached(goal, _visit(), _visit(services=(activity,))) == expected


def test_conditions_of_a_goal_add_up() -> None:
    after = _visit(leads=(LeadReport(),), purchases=(Purchase(), Purchase()))
    assert reached(_goal(c.Lead(), c.PurchaseTotal()), _visit(), after) == 3


def test_goal_once_per_visit_counts_once() -> None:
    goal = _goal(c.Lead(), once=True)
    after = _visit(leads=(LeadReport(), LeadReport()))
    assert reached(goal, _visit(), after) == 1
    assert reached(goal, _visit(goals={3: 1}), after) == 0


def test_what_was_dropped_from_a_full_list_does_not_count_again() -> None:
    old = tuple(LeadReport(lead_id=str(number)) for number in range(5))
    after = _visit(leads=(*old[2:], LeadReport(lead_id="new")))
    assert reached(_goal(c.Lead()), _visit(leads=old), after) == 1
