"""Flows: what leaving a path is, what going back in it is, and what ends it."""

from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbay.engagement.domain.conditions import Flow, FlowStep, Match
from switchbay.engagement.domain.visit import Page
from switchbay.engagement.targeting.flows import triggers, walk

# Small letters are steps by the address, capitals are steps that are not required.
_CHECKOUT = "abC d".replace(" ", "")


def _steps(names: str) -> tuple[FlowStep, ...]:
    return tuple(FlowStep(url=Match(f"/{one.lower()}", "exact"), required=one.islower()) for one in names)


def _pages(names: str) -> tuple[Page, ...]:
    return tuple(Page(id=str(number), at=number, url=f"/{one}") for number, one in enumerate(names))


def _triggered(steps: str, pages: str, trigger: Literal["abandoned", "backflow"]) -> bool:
    condition = Flow(_steps(steps), trigger)
    return triggers(condition, walk(condition.steps, _pages(pages)))


@pytest.mark.parametrize(
    ("pages", "abandoned", "backflow"),
    [
        ("", False, False),
        ("x", False, False),  # never begun
        ("b", False, False),  # not from the first step
        ("a", False, False),
        ("ab", False, False),
        ("abx", True, False),  # elsewhere without completing it
        ("ax", True, False),
        ("axy", True, False),
        ("axb", False, False),  # it goes on
        ("abxb", False, False),
        ("aba", False, True),  # from a later step to an earlier one
        ("abaa", False, True),
        ("abax", True, False),
        ("abab", False, False),  # and forward again
        ("abxa", False, True),
        ("abc", False, False),
        ("abd", False, False),  # the last step, over one that is not required
        ("abdx", False, False),  # complete: neither fires any more
        ("abda", False, False),
        ("abdabx", False, False),
        ("acx", True, False),  # skipping a required step leaves the path
        ("ad", False, False),  # but the last step completes it in any case
        ("adx", False, False),
        ("d", False, False),
    ],
)
def test_flow_of_four_steps(pages: str, abandoned: bool, backflow: bool) -> None:
    assert _triggered(_CHECKOUT, pages, "abandoned") is abandoned
    assert _triggered(_CHECKOUT, pages, "backflow") is backflow


@pytest.mark.parametrize(
    ("steps", "pages", "abandoned"),
    [
        ("abC", "abx", False),  # all required steps are done
        ("Abc", "bx", True),  # begun at the first required step
        ("ABC", "bx", True),  # none is required: the last one completes it
        ("ABC", "cx", False),
        ("aBc", "acx", False),
    ],
)
def test_steps_that_are_not_required(steps: str, pages: str, abandoned: bool) -> None:
    assert _triggered(steps, pages, "abandoned") is abandoned


def test_page_that_fits_several_steps_goes_forward_first() -> None:
    steps = (FlowStep(url=Match("/pay")), FlowStep(url=Match("/pay/card")), FlowStep(url=Match("/done")))
    pages = tuple(Page(id=str(at), at=at, url=url) for at, url in enumerate(("/pay", "/pay/card", "/pay/card")))
    assert walk(steps, pages).step == 1


def test_steps_by_section_and_title() -> None:
    steps = (FlowStep(section='"cart"'), FlowStep(title=Match("thank")))
    begun = Page(id="1", at=1, sections=("Cart",))
    assert walk(steps, (begun,)).step == 0
    assert walk(steps, (begun, Page(id="2", at=2, title="Thank you"))).course.name == "COMPLETE"
    assert walk((FlowStep(), *steps), (begun,)).step is None  # a step that asks for nothing is never met


@settings(max_examples=60, deadline=None)
@given(steps=st.text("abCd", min_size=2, max_size=5), pages=st.text("abcdx", max_size=12))
def test_both_triggers_never_fire_at_once_nor_after_the_last_step(steps: str, pages: str) -> None:
    after = walk(_steps(steps), _pages(pages))
    fired = [triggers(Flow(_steps(steps), trigger), after) for trigger in ("abandoned", "backflow")]
    assert sum(fired) <= 1
    if after.course.name == "COMPLETE":
        assert (fired, walk(_steps(steps), _pages(pages + "xab"))) == ([False, False], after)
