"""Why an engagement may be offered to a visitor, or why not: each number of section 8.1, condition by condition.

Every condition is evaluated, also where an earlier one has decided already, and says what it read. The interpreter's
functions are asked, so an explanation cannot say anything else than what they decide.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from switchbay.engagement.domain.conditions import Condition, kind_of
from switchbay.engagement.domain.published import Published, PublishedEngagement
from switchbay.engagement.domain.visit import Visit
from switchbay.engagement.targeting import semantics
from switchbay.engagement.targeting.choice import WEIGHTS, in_control
from switchbay.engagement.targeting.entry_points import NOWHERE, entry_of, matches
from switchbay.engagement.targeting.semantics import Interpreter, evaluate, is_at
from switchbay.engagement.targeting.situation import Situation
from switchbay.engagement.targeting.verdicts import Verdict, together


class _Shown(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of an explanation."""


class ConditionShown(_Shown, frozen=True):
    """One condition. ``included`` is None where it includes nothing in particular; ``read`` is what it was told."""

    type: str
    condition: dict[str, object]
    holds: bool
    included: bool | None
    excluded: bool
    read: dict[str, object]


class PartShown(_Shown, frozen=True):
    """A location, a behaviour or one kind of an audience's conditions. ``note`` says what the conditions do not."""

    part: Literal["location", "behavior", "audience"]
    id: int
    holds: bool
    conditions: tuple[ConditionShown, ...] = ()
    note: str = ""


class Check(_Shown, frozen=True):
    """One number of section 8.1. ``holds`` is None where it was not looked at."""

    number: int
    name: str
    holds: bool | None
    because: str
    parts: tuple[PartShown, ...] = ()


class Explanation(_Shown, frozen=True):
    """Whether an engagement may be offered, and all that decides it. ``chance`` is that of being chosen, 0 to 1."""

    campaign_id: int
    engagement_id: int
    engagement_name: str
    at: int
    """Unix milliseconds."""
    eligible: bool
    chance: float
    competing: tuple[int, ...]
    """The other engagements that may be offered to the visitor."""
    checks: tuple[Check, ...]


def explain(
    published: Published,
    engagement: PublishedEngagement,
    visit: Visit,
    now: int,
    *,
    app_installation_id: str,
    held_back: Sequence[str] = (),
    is_talking: bool | None = None,
) -> Explanation:
    """Explain one engagement for one visit.

    ``held_back`` says in words why the engagement is not published, ``is_talking`` whether the visitor has an open
    conversation (None: not looked at). ``app_installation_id`` is the app that asks.
    """
    interpreter = Interpreter(published)
    checks = checks_of(published, engagement, interpreter.situation(visit, now), app_installation_id)
    if held_back:
        checks[1] = msgspec.structs.replace(checks[1], holds=False, because="; ".join(held_back))
    checks.append(_talking(is_talking))
    is_eligible = all(check.holds is not False for check in checks)
    others = [one for one in interpreter.eligible(visit, app_installation_id, now) if one.id != engagement.id]
    return Explanation(
        campaign_id=engagement.campaign.id,
        engagement_id=engagement.id,
        engagement_name=engagement.name,
        at=now,
        eligible=is_eligible,
        chance=chance_of(engagement, others) if is_eligible else 0.0,
        competing=tuple(one.id for one in others),
        checks=tuple(checks),
    )


def checks_of(
    published: Published, engagement: PublishedEngagement, situation: Situation, app_installation_id: str
) -> list[Check]:
    """Make the checks 1 to 10 of section 8.1, in order."""
    return [
        _installation(engagement, app_installation_id),
        _running(engagement, situation.now),
        _control(published, engagement, situation.visit),
        _audience(engagement, situation),
        _locations(engagement, situation),
        _behaviors(engagement, situation),
        _identity(engagement, situation.visit),
        Check(number=8, name="availability", holds=True, because="messaging is offered whoever is there"),
        _capability(engagement),
        _dismissed(engagement, situation.visit),
    ]


def chance_of(engagement: PublishedEngagement, others: Iterable[PublishedEngagement]) -> float:
    """Return the chance that an engagement is chosen among these others, without what was chosen before."""
    priorities = [engagement.campaign.priority, *(one.campaign.priority for one in others)]
    own = engagement.campaign.priority
    share = WEIGHTS[own] / sum(WEIGHTS[priority] for priority in set(priorities))
    return round(share / priorities.count(own), 6)


def _installation(engagement: PublishedEngagement, app_installation_id: str) -> Check:
    own = engagement.app_installation_id
    holds = own == app_installation_id
    because = "the app that asks is the engagement's" if holds else f"the engagement is offered by the app {own}"
    return Check(number=1, name="installation", holds=holds, because=because)


def _running(engagement: PublishedEngagement, now: int) -> Check:
    campaign = engagement.campaign
    if semantics.is_running(campaign, now):
        because = "published, and inside the campaign's time frame"
    elif campaign.starts is not None and now < campaign.starts:
        because = "the campaign has not begun"
    else:
        because = "the campaign is over"
    return Check(number=2, name="published", holds=semantics.is_running(campaign, now), because=because)


def _control(published: Published, engagement: PublishedEngagement, visit: Visit) -> Check:
    account, campaign = published.account_id, engagement.campaign
    account_key, campaign_key = semantics.account_key(account), semantics.campaign_key(account, campaign.id)
    groups = [
        name
        for name, key, percentage in (
            ("the account", account_key, published.control_percentage),
            ("the campaign", campaign_key, campaign.control_percentage),
        )
        if in_control(key, visit.visitor_id, percentage)
    ]
    because = f"the visitor is in the control group of {' and of '.join(groups)}" if groups else "in no control group"
    return Check(number=3, name="control group", holds=not groups, because=because)


def _shown(condition: Condition, verdict: Verdict) -> ConditionShown:
    shown = msgspec.to_builtins(condition)
    shown.pop("type", None)
    return ConditionShown(
        type=kind_of(condition),
        condition=shown,
        holds=verdict.holds,
        included=verdict.included,
        excluded=verdict.excluded,
        read=dict(verdict.read),
    )


def _audience(engagement: PublishedEngagement, situation: Situation) -> Check:
    audience = engagement.campaign.audience
    if audience is None or not audience.conditions:
        return Check(number=4, name="audience", holds=True, because="the campaign is for everybody")
    parts = []
    for conditions in semantics.by_kind(audience.conditions):
        verdicts = [evaluate(condition, situation, engagement.id) for condition in conditions]
        shown = tuple(map(_shown, conditions, verdicts))
        parts.append(PartShown(part="audience", id=audience.id, holds=together(verdicts), conditions=shown))
    missed = [part.conditions[0].type for part in parts if not part.holds]
    because = f"not met: {', '.join(missed)}" if missed else "every kind of condition is met"
    return Check(number=4, name="audience", holds=not missed, because=because, parts=tuple(parts))


def _locations(engagement: PublishedEngagement, situation: Situation) -> Check:
    if not engagement.locations:
        return Check(number=5, name="entry point", holds=True, because="the engagement is offered everywhere")
    pages = situation.visit.pages
    entry = entry_of(pages[-1]) if pages else NOWHERE
    parts = []
    for location in engagement.locations:
        verdicts = [evaluate(condition, situation, engagement.id) for condition in location.conditions]
        is_here = location.id in situation.locations
        note = "" if location.conditions else "everywhere"
        if is_here != matches(location, entry):
            note = "the location was changed after the page was opened; the page counts as it was opened"
        conditions = tuple(map(_shown, location.conditions, verdicts))
        parts.append(PartShown(part="location", id=location.id, holds=is_here, conditions=conditions, note=note))
    holds = is_at(engagement, situation)
    because = "the page is at one of the locations" if holds else "the page is at none of the locations"
    return Check(number=5, name="entry point", holds=holds, because=because, parts=tuple(parts))


def _behaviors(engagement: PublishedEngagement, situation: Situation) -> Check:
    if not engagement.behaviors:
        return Check(number=6, name="behaviour", holds=True, because="any behaviour will do")
    parts = []
    for behavior in engagement.behaviors:
        verdicts = [evaluate(condition, situation, engagement.id) for condition in behavior.conditions]
        parts.append(
            PartShown(
                part="behavior",
                id=behavior.id,
                holds=all(verdict.holds for verdict in verdicts),
                conditions=tuple(map(_shown, behavior.conditions, verdicts)),
                note="" if behavior.conditions else "any behaviour",
            )
        )
    holds = any(part.holds for part in parts)
    because = "all conditions of a behaviour hold" if holds else "of no behaviour do all conditions hold"
    return Check(number=6, name="behaviour", holds=holds, because=because, parts=tuple(parts))


def _identity(engagement: PublishedEngagement, visit: Visit) -> Check:
    if engagement.consumer_identity == "unauth":
        return Check(number=7, name="identity", holds=True, because="offered to everybody, identified or not")
    holds = semantics.is_identified(visit)
    because = "the visitor is identified" if holds else "no identity of the visitor has acr loa1"
    return Check(number=7, name="identity", holds=holds, because=because)


def _capability(engagement: PublishedEngagement) -> Check:
    because = "; ".join(engagement.barred) or "the app's manifest allows every condition"
    return Check(number=9, name="capability", holds=not engagement.barred, because=because)


def _dismissed(engagement: PublishedEngagement, visit: Visit) -> Check:
    holds = not semantics.is_dismissed(visit, engagement.id)
    because = "not closed in this session" if holds else "the visitor closed it earlier in this session"
    return Check(number=10, name="dismissed", holds=holds, because=because)


def _talking(is_talking: bool | None) -> Check:  # noqa: FBT001 - None is a third answer
    because = {
        None: "not looked at: the visit is made up",
        False: "no open conversation",
        True: "the visitor has an open conversation, which is returned instead",
    }[is_talking]
    return Check(number=11, name="conversation", holds=None if is_talking is None else not is_talking, because=because)
