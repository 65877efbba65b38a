"""What a campaign would show to a crowd, and what holds its engagements back.

Every visit is asked about every engagement of the campaign as it would be if it were published; the choice among all
that the account offers is made with a seed. Explanations are counted, so a simulation says what explanations say.
"""

from collections import Counter
from collections.abc import Iterable
from random import Random

import msgspec

from switchbay.engagement.domain.published import Published, PublishedEngagement
from switchbay.engagement.domain.visit import Visit
from switchbay.engagement.targeting.choice import choose, in_control
from switchbay.engagement.targeting.explain import Check, checks_of
from switchbay.engagement.targeting.index import Index
from switchbay.engagement.targeting.semantics import Interpreter, account_key, campaign_key


class _Shown(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of a simulation."""


class Tally(_Shown, frozen=True):
    """What became of one engagement.

    ``held_by`` counts the visits that each check held, by its name; one visit may be held by several. ``held_only_by``
    counts those that nothing else held. ``not_met`` counts the visits that did not meet a kind of condition, of a
    behaviour as of an audience.
    """

    engagement_id: int
    engagement_name: str
    eligible: int
    offered: int
    held_by: dict[str, int]
    held_only_by: dict[str, int]
    not_met: dict[str, int]


class Simulation(_Shown, frozen=True):
    """What became of a crowd. ``offered`` counts visits that an engagement of the campaign would be offered in."""

    campaign_id: int
    at: int
    visits: int
    in_account_control: int
    in_campaign_control: int
    offered: int
    offered_others: int
    """Visits in which an engagement of another campaign was chosen."""
    engagements: tuple[Tally, ...]


class _Counts:
    def __init__(self, engagement: PublishedEngagement) -> None:
        self.engagement = engagement
        self.eligible = 0
        self.offered = 0
        self.held_by: Counter[str] = Counter()
        self.held_only_by: Counter[str] = Counter()
        self.not_met: Counter[str] = Counter()

    def count(self, checks: Iterable[Check]) -> None:
        """Count what held one visit."""
        held = [check for check in checks if check.holds is False]
        self.eligible += not held
        self.held_by.update(check.name for check in held)
        if len(held) == 1:
            self.held_only_by[held[0].name] += 1
        self.not_met.update({kind for check in held for kind in _missed(check)})

    def tally(self) -> Tally:
        """Return what was counted."""
        return Tally(
            engagement_id=self.engagement.id,
            engagement_name=self.engagement.name,
            eligible=self.eligible,
            offered=self.offered,
            held_by=dict(self.held_by.most_common()),
            held_only_by=dict(self.held_only_by.most_common()),
            not_met=dict(self.not_met.most_common()),
        )


def _missed(check: Check) -> Iterable[str]:
    for part in check.parts:
        if part.holds:
            continue
        # Of an audience's conditions of one kind one is enough, so the kind was missed; of a behaviour each must hold.
        yield from (one.type for one in part.conditions if part.part == "audience" or not one.holds)


def simulate(published: Published, campaign_id: int, crowd: Iterable[Visit], now: int, seed: int) -> Simulation:
    """Run a crowd over a campaign of what is published.

    Each visit is of the app of the engagement that is asked about.
    """
    counts = {one.id: _Counts(one) for one in published.engagements if one.campaign.id == campaign_id}
    apps = sorted({one.engagement.app_installation_id for one in counts.values()})
    index, interpreter = Index(published), Interpreter(published)
    draw = Random(seed).random  # noqa: S311 - a simulation that can be repeated, no secret
    percentage = next((one.engagement.campaign.control_percentage for one in counts.values()), 0)
    account = published.account_id
    total: Counter[str] = Counter()
    for visit in crowd:
        total["visits"] += 1
        total["account"] += in_control(account_key(account), visit.visitor_id, published.control_percentage)
        total["campaign"] += in_control(campaign_key(account, campaign_id), visit.visitor_id, percentage)
        situation = interpreter.situation(visit, now)
        for one in counts.values():
            app = one.engagement.app_installation_id
            one.count(checks_of(published, one.engagement, situation, app))
        chosen = [choose(index.eligible(visit, app, now), visit, draw) for app in apps]
        ours = [one for one in chosen if one is not None and one.id in counts]
        for engagement in ours:
            counts[engagement.id].offered += 1
        total["offered"] += bool(ours)
        total["others"] += not ours and any(one is not None for one in chosen)
    return Simulation(
        campaign_id=campaign_id,
        at=now,
        visits=total["visits"],
        in_account_control=total["account"],
        in_campaign_control=total["campaign"],
        offered=total["offered"],
        offered_others=total["others"],
        engagements=tuple(one.tally() for one in counts.values()),
    )
