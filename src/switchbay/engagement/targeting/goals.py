"""How often a goal was reached by what was reported last (section 3.4).

Two states of one visit are compared, before a report and after it, so that nothing is counted twice.
"""

from collections.abc import Sequence
from typing import TypeVar

from switchbay.engagement.domain.conditions import Goal, Lead, Match, NumOfPages, PurchaseTotal, ServiceGoal, UrlGoal
from switchbay.engagement.domain.published import PublishedGoal
from switchbay.engagement.domain.visit import Activity, Page, Purchase, Visit
from switchbay.engagement.targeting.texts import fits, same

_Item = TypeVar("_Item")


def reached(goal: PublishedGoal, before: Visit | None, after: Visit) -> int:
    """Return how many times a goal was reached between two states of a visit; None: the visit has just begun.

    A goal that counts once per visit is reached at most once, and not again when ``before.goals`` has it.
    """
    times = sum(_times(condition, before, after) for condition in goal.conditions)
    if not goal.once_per_visit:
        return times
    already = before.goals.get(goal.id, 0) if before is not None else 0
    return 1 if times and not already else 0


def _times(condition: Goal, before: Visit | None, after: Visit) -> int:
    match condition:
        case UrlGoal():
            return _addresses(condition, before.pages if before is not None else (), after.pages)
        case PurchaseTotal():
            new = added(before.purchases if before is not None else (), after.purchases)
            return sum(_counts(condition, purchase) for purchase in new)
        case NumOfPages():
            seen = before.page_count if before is not None else 0
            return int(seen < condition.number_of_pages <= after.page_count)
        case Lead():
            return sum(not lead.repeated for lead in added(before.leads if before is not None else (), after.leads))
        case ServiceGoal():
            done = added(before.services if before is not None else (), after.services)
            return sum(_is_in_blocks(condition, activity) for activity in done)


def added(before: Sequence[_Item], after: Sequence[_Item]) -> Sequence[_Item]:
    """Return what was appended to a list from whose beginning items may have been dropped meanwhile."""
    for kept in range(min(len(before), len(after)), 0, -1):
        if before[len(before) - kept :] == after[:kept]:
            return after[kept:]
    return after


def _addresses(condition: UrlGoal, before: tuple[Page, ...], after: tuple[Page, ...]) -> int:
    """Count the new pages that fit, from the one on that is the ``reached_counter``-th of the visit."""
    rule = Match(condition.url, condition.match_type)
    known = {page.id for page in before}
    earlier = sum(fits(rule, page.url) for page in before)
    new = sum(fits(rule, page.url) for page in after if page.id not in known)
    needed = max(1, condition.reached_counter)
    return max(0, new - max(0, needed - 1 - earlier))


def _counts(condition: PurchaseTotal, purchase: Purchase) -> bool:
    if purchase.repeated:
        return False
    return condition.more_than is None or (purchase.total is not None and purchase.total > condition.more_than)


def _is_in_blocks(condition: ServiceGoal, activity: Activity) -> bool:
    return not activity.repeated and any(
        activity.status in block.statuses and any(same(topic, activity.topic) for topic in block.topics)
        for block in condition.blocks
    )
