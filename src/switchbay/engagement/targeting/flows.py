"""Paths through pages: whether a visitor left one or went back in it (section 3.2, ``flow``).

The pages of the visit are walked in their order. From a step a page leads on to a later one when every step between
them is not required; the first step that is entered follows the same rule. A page that fits the last step completes a
flow that has begun, whatever was skipped, and from then on neither trigger fires. A page that fits the step reached
last stays there, one that fits an earlier step goes back, and any other one leaves the flow until a page fits again.
"""

from enum import Enum, auto
from typing import NamedTuple

from switchbay.engagement.domain.conditions import Flow, FlowStep
from switchbay.engagement.domain.visit import Page
from switchbay.engagement.targeting.texts import fits, section_fits


class Course(Enum):
    """How a flow goes."""

    NOT_BEGUN = auto()
    INSIDE = auto()
    BACK = auto()
    LEFT = auto()
    COMPLETE = auto()


class Walk(NamedTuple):
    """A flow after some pages: ``step`` is the one reached last, counted from 0; None before the flow began."""

    course: Course = Course.NOT_BEGUN
    step: int | None = None
    done: frozenset[int] = frozenset()


def step_fits(step: FlowStep, page: Page) -> bool:
    """Tell whether a page fits every member that a step gives; one that gives none never fits."""
    if step.section is None and step.url is None and step.title is None:
        return False
    return (
        (step.section is None or section_fits(step.section, page.sections))
        and (step.url is None or fits(step.url, page.url))
        and (step.title is None or fits(step.title, page.title))
    )


def walk(steps: tuple[FlowStep, ...], pages: tuple[Page, ...]) -> Walk:
    """Follow a flow through the pages of a visit, the oldest first."""
    now = Walk()
    for page in pages:
        now = _next(steps, now, page)
        if now.course is Course.COMPLETE:
            break
    return now


def _next(steps: tuple[FlowStep, ...], now: Walk, page: Page) -> Walk:
    fitting = [number for number, step in enumerate(steps) if step_fits(step, page)]
    last = len(steps) - 1
    if last in fitting and (now.step is not None or _is_reachable(steps, None, last)):
        return Walk(Course.COMPLETE, last, now.done | {last})
    for number in fitting:
        if (now.step is None or number > now.step) and _is_reachable(steps, now.step, number):
            return Walk(Course.INSIDE, number, now.done | {number})
    if now.step is None:
        return now
    if now.step in fitting:
        # Coming back to the step that was left goes on with it; staying on a step does not undo having gone back to it.
        return now._replace(course=Course.INSIDE if now.course is Course.LEFT else now.course)
    earlier = [number for number in fitting if number < now.step]
    if earlier:
        return Walk(Course.BACK, earlier[-1], now.done | {earlier[-1]})
    return now._replace(course=Course.LEFT)


def _is_reachable(steps: tuple[FlowStep, ...], origin: int | None, number: int) -> bool:
    between = steps[(0 if origin is None else origin + 1) : number]
    return not any(step.required for step in between)


def triggers(condition: Flow, after: Walk) -> bool:
    """Tell whether a flow that came so far is what the condition waits for."""
    if condition.trigger == "backflow":
        return after.course is Course.BACK
    if after.course is not Course.LEFT:
        return False
    required = {number for number, step in enumerate(condition.steps) if step.required}
    return not required or not required <= after.done
