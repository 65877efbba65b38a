"""Conversions: goals that are reached by visitors who had seen an offer of the goal's campaign."""

from collections.abc import Iterable
from typing import Final

from msgspec import structs

from switchbay.engagement.domain.conditions import PurchaseTotal
from switchbay.engagement.domain.happenings import Happening
from switchbay.engagement.domain.published import PublishedCampaign, PublishedGoal
from switchbay.engagement.domain.visit import Exposure, Visit
from switchbay.engagement.monitoring.domain.asked import Rules

_DAY_MS: Final = 24 * 3_600_000
LONGEST_MS: Final = 31 * _DAY_MS
MOST_EXPOSURES: Final = 20
_MOST_AT_ONCE: Final = 20


def exposures_of(visit: Visit, now: int) -> tuple[Exposure, ...]:
    """What the visitor has seen, in this session and before: the newest of each campaign, oldest first."""
    newest = {one.campaign_id: one for one in visit.earlier if now - one.at < LONGEST_MS}
    for one in visit.contexts:
        seen_at = max(one.displayed or 0, one.clicked or 0, one.interacted or 0)
        if seen_at:
            newest.pop(one.campaign_id, None)
            newest[one.campaign_id] = Exposure(
                at=seen_at,
                campaign_id=one.campaign_id,
                engagement_id=one.engagement_id,
                revision=one.revision,
                context_id=one.id,
                session_id=visit.session_id,
            )
    return tuple(newest.values())[-MOST_EXPOSURES:]


def reach(before: Visit, after: Visit, rules: Rules, now: int) -> tuple[Visit, list[Happening]]:
    """Find the goals that were reached between two states of a visit, and count them in it."""
    happenings: list[Happening] = []
    counts: dict[int, int] = {}
    for exposure in exposures_of(after, now):
        campaign = rules.campaigns.get(exposure.campaign_id)
        if campaign is None or campaign.goal is None or not _is_within(exposure, campaign.goal, now):
            continue
        goal = campaign.goal
        if goal.id not in counts:
            counts[goal.id] = _new(goal, before, after, rules)
        happenings.extend(_conversions(campaign, goal, exposure, before, after, counts[goal.id], now))
    reached = {goal_id: count for goal_id, count in counts.items() if count}
    if reached:
        goals = after.goals | {one: after.goals.get(one, 0) + count for one, count in reached.items()}
        after = structs.replace(after, goals=goals)
    return after, happenings


def _is_within(exposure: Exposure, goal: PublishedGoal, now: int) -> bool:
    return now - exposure.at < goal.conversion_days * _DAY_MS


def _new(goal: PublishedGoal, before: Visit, after: Visit, rules: Rules) -> int:
    if goal.once_per_visit and after.goals.get(goal.id):
        return 0
    count = min(rules.reached(goal, before, after), _MOST_AT_ONCE)
    return min(count, 1) if goal.once_per_visit else count


def _conversions(
    campaign: PublishedCampaign,
    goal: PublishedGoal,
    exposure: Exposure,
    before: Visit,
    after: Visit,
    count: int,
    now: int,
) -> Iterable[Happening]:
    values = _paid(goal, before, after)
    for place in range(count):
        yield Happening(
            at=now,
            kind="goal",
            campaign_id=campaign.id,
            engagement_id=exposure.engagement_id,
            revision=exposure.revision,
            context_id=exposure.context_id,
            visitor_id=after.visitor_id,
            session_id=exposure.session_id,
            goal_id=goal.id,
            value=values[place] if place < len(values) else None,
        )


def _paid(goal: PublishedGoal, before: Visit, after: Visit) -> list[float | None]:
    """What the new purchases came to that the goal counts."""
    least = [one.more_than for one in goal.conditions if isinstance(one, PurchaseTotal)]
    if not least:
        return []
    new = after.purchases[len(before.purchases) :]
    return [
        one.total
        for one in new
        if not one.repeated and any(bound is None or (one.total is not None and one.total > bound) for bound in least)
    ]
