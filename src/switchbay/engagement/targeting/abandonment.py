"""A simple prediction that a visitor is about to leave, from what happened in the session.

Four signs are added up to a score of at most 1; from ``THRESHOLD`` on the visitor is about to leave.

- idle: the time on the page, compared with the median time of the session's pages that have ended (at least two of
  them, a median of at least a second). From twice the median on it counts, at six times it counts whole: 0.4.
- going back and forth: a page that was left within ten seconds for the page before it, among the last eight pages; two
  of these count whole: 0.3.
- the cart: it shrank with its last report, 0.3; it was emptied, 0.4.
- errors that are not resolved: three count whole, 0.3.
"""

from itertools import pairwise
from statistics import median

from switchbay.engagement.domain.visit import Cart, Page, Visit
from switchbay.engagement.targeting.situation import Abandonment

THRESHOLD = 0.5
"""From this score on a visitor is about to leave; external scores are compared with it too."""

_IDLE, _BACK_AND_FORTH, _SHRUNK, _EMPTIED, _ERRORS = 0.4, 0.3, 0.3, 0.4, 0.3
_IDLE_FROM, _IDLE_WHOLE = 2.0, 6.0
_LEAST_MEDIAN_MS = 1000
_QUICK_MS = 10_000
_PAGES_LOOKED_AT = 8
_RETURNS_WHOLE = 2
_ERRORS_WHOLE = 3


def signs(visit: Visit, now: int) -> dict[str, float]:
    """Return what each sign adds to the score."""
    return {
        "idle": _idle(visit.pages, now),
        "backAndForth": _back_and_forth(visit.pages[-_PAGES_LOOKED_AT:]),
        "cart": _cart(visit.cart),
        "errors": _ERRORS * min(1.0, len(visit.errors) / _ERRORS_WHOLE),
    }


def score(visit: Visit, now: int) -> float:
    """Return the model's score, 0 to 1."""
    return min(1.0, round(sum(signs(visit, now).values()), 6))


def is_about_to_leave(visit: Visit, now: int, by: Abandonment) -> bool:
    """Tell it by the model, by the external score (never without one), or not at all."""
    if by == "model":
        return score(visit, now) >= THRESHOLD
    return by == "external" and visit.abandon_score is not None and visit.abandon_score >= THRESHOLD


def _idle(pages: tuple[Page, ...], now: int) -> float:
    if len(pages) <= 2:  # noqa: PLR2004 - two that have ended, and the present one
        return 0.0
    usual = median(later.at - page.at for page, later in pairwise(pages))
    ratio = (now - pages[-1].at) / max(usual, _LEAST_MEDIAN_MS)
    return _IDLE * min(1.0, max(0.0, (ratio - _IDLE_FROM) / (_IDLE_WHOLE - _IDLE_FROM)))


def _back_and_forth(pages: tuple[Page, ...]) -> float:
    returns = sum(
        before.url == after.url and before.sections == after.sections and after.at - page.at <= _QUICK_MS
        for before, page, after in zip(pages, pages[1:], pages[2:], strict=False)
        if (page.url, page.sections) != (before.url, before.sections)
    )
    return _BACK_AND_FORTH * min(1.0, returns / _RETURNS_WHOLE)


def _cart(cart: Cart | None) -> float:
    if cart is None or not cart.last_total_change < 0:
        return 0.0
    return _EMPTIED if cart.total <= 0 else _SHRUNK
