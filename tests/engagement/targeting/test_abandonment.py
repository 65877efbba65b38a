"""The model of who is about to leave: each sign and the sum."""

from typing import Any

import pytest

from support.crowds import NOW
from switchbay.engagement.domain.visit import Cart, Page, Visit, VisitError
from switchbay.engagement.targeting.abandonment import is_about_to_leave, score, signs


def _visit(**members: Any) -> Visit:
    return Visit(visitor_id="v", session_id="s", started=NOW, seen=NOW, **members)


def _pages(*at_and_url: tuple[int, str]) -> tuple[Page, ...]:
    return tuple(Page(id=str(at), at=NOW + 1000 * at, url=url) for at, url in at_and_url)


@pytest.mark.parametrize(("idle", "expected"), [(0, 0.0), (20, 0.0), (40, 0.2), (60, 0.4), (600, 0.4)])
def test_idle_counts_against_the_usual_time_on_a_page(idle: int, expected: float) -> None:
    pages = _pages((-20 - idle, "a"), (-10 - idle, "b"), (-idle, "c"))
    assert signs(_visit(pages=pages), NOW)["idle"] == pytest.approx(expected)


def test_idle_needs_two_pages_that_have_ended() -> None:
    assert signs(_visit(pages=_pages((-900, "a"), (-899, "b"))), NOW)["idle"] == 0.0


@pytest.mark.parametrize(
    ("urls", "seconds", "expected"),
    [("aba", 5, 0.15), ("abab", 5, 0.3), ("ababa", 5, 0.3), ("aba", 11, 0.0), ("abc", 1, 0.0), ("aaa", 1, 0.0)],
)
def test_going_back_and_forth_counts_when_it_is_quick(urls: str, seconds: int, expected: float) -> None:
    pages = _pages(*((seconds * (number - len(urls)), url) for number, url in enumerate(urls)))
    assert signs(_visit(pages=pages), NOW)["backAndForth"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("total", "change", "expected"), [(10.0, -5.0, 0.3), (0.0, -5.0, 0.4), (10.0, 5.0, 0.0), (0.0, 0.0, 0.0)]
)
def test_cart_counts_when_it_shrinks(total: float, change: float, expected: float) -> None:
    assert signs(_visit(cart=Cart(total=total, last_total_change=change)), NOW)["cart"] == expected


@pytest.mark.parametrize(("errors", "expected"), [(0, 0.0), (1, 0.1), (3, 0.3), (9, 0.3)])
def test_errors_count_up_to_three(errors: int, expected: float) -> None:
    assert signs(_visit(errors=(VisitError(),) * errors), NOW)["errors"] == pytest.approx(expected)


def test_signs_add_up_to_the_score_and_from_a_half_on_it_is_so() -> None:
    leaving = _visit(cart=Cart(total=0.0, last_total_change=-5.0), errors=(VisitError(),))
    assert (score(leaving, NOW), is_about_to_leave(leaving, NOW, "model")) == (0.5, True)
    staying = _visit(cart=Cart(total=5.0, last_total_change=-5.0), errors=(VisitError(),))
    assert (score(staying, NOW), is_about_to_leave(staying, NOW, "model")) == (0.4, False)
    assert is_about_to_leave(leaving, NOW, "off") is False
    assert is_about_to_leave(leaving, NOW, "external") is False
