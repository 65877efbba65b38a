"""Checks of single objects: all that can be said without looking at others."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Final

from switchbay.engagement.configuration.domain import timeframes
from switchbay.engagement.configuration.domain.expressions import MOST_IN_OBJECT, count_expressions
from switchbay.engagement.configuration.domain.findings import MOST, Finding
from switchbay.engagement.configuration.domain.rules import MOST_CUSTOMER_TYPES, check_condition
from switchbay.engagement.configuration.domain.texts import (
    LONGEST_NAME,
    check_color,
    check_language,
    check_list,
    check_localised,
    check_name,
    check_number,
    check_text,
)
from switchbay.engagement.domain.conditions import Condition, CustomerType, Goal
from switchbay.engagement.domain.objects import (
    CONTROL_PERCENTAGES,
    AnyObject,
    AudienceObject,
    BehaviorObject,
    CampaignObject,
    ConnectorObject,
    EngagementObject,
    EngagementSettings,
    GoalObject,
    LocationObject,
    Presentation,
    WindowDesign,
    WindowObject,
)

MOST_CONDITIONS: Final = 50
MOST_ITEMS: Final = 100
"""Entry points, or behaviours, of one engagement."""
_MOST_DAYS: Final = 31
_MOST_DELAY_SECONDS: Final = 3_600
_LARGEST_ID: Final = (1 << 63) - 1


def check_object(one: AnyObject) -> list[Finding]:
    """All that is wrong with an object by itself, at most 100 findings."""
    if count_expressions(one) > MOST_IN_OBJECT:
        message = f"At most {MOST_IN_OBJECT} regular expressions in one object."
        return [Finding("list_too_long", "/conditions", message)]
    found: list[Finding] = []
    for finding in _check(one):
        found.append(finding)
        if len(found) == MOST:
            break
    return found


def _check(one: AnyObject) -> Iterator[Finding]:
    yield from check_name(one.name)
    yield from check_text(one.description, "/description")
    if isinstance(one, LocationObject | BehaviorObject | AudienceObject | GoalObject):
        yield from _conditions(one.conditions)
    if isinstance(one, AudienceObject):
        yield from _one_of_types_and_statuses(one)
    elif isinstance(one, GoalObject):
        yield from check_number(one.conversion_days, "/conversionDays", 1, _MOST_DAYS)
    elif isinstance(one, WindowObject):
        yield from _design(one.design)
    elif isinstance(one, ConnectorObject):
        yield from check_text(one.issuer, "/issuer")
    elif isinstance(one, EngagementObject):
        yield from _engagement(one)
    elif isinstance(one, CampaignObject):
        yield from _campaign(one)


def is_id(number: int) -> bool:
    """Whether a number can be the id of an object."""
    return 0 < number <= _LARGEST_ID


def _conditions(conditions: Sequence[Condition | Goal]) -> Iterator[Finding]:
    yield from check_list(conditions, "/conditions", most=MOST_CONDITIONS)
    for place, condition in enumerate(conditions[:MOST_CONDITIONS]):
        yield from check_condition(condition, f"/conditions/{place}")


def _one_of_types_and_statuses(audience: AudienceObject) -> Iterator[Finding]:
    kinds = [condition for condition in audience.conditions if isinstance(condition, CustomerType)]
    has_both = any(one.types and one.statuses for one in kinds)  # found already
    if not has_both and any(one.types for one in kinds) and any(one.statuses for one in kinds):
        message = "An audience has types or statuses of customers, never both."
        yield Finding("types_and_statuses", "/conditions", message)


def check_customer_types(audiences: Sequence[AudienceObject]) -> list[Finding]:
    """Whether all audiences of an account together name at most 110 types and 110 statuses of customers."""
    found: list[Finding] = []
    for name in ("types", "statuses"):
        words = {
            word.casefold()
            for audience in audiences
            for condition in audience.conditions
            if isinstance(condition, CustomerType)
            for word in getattr(condition, name)
        }
        if len(words) > MOST_CUSTOMER_TYPES:
            message = f"The audiences of an account name at most {MOST_CUSTOMER_TYPES} {name} of customers together."
            found.append(Finding("customer_types_too_many", "/conditions", message))
    return found


def _design(design: WindowDesign) -> Iterator[Finding]:
    yield from check_localised(design.titles, "/design/titles")
    yield from check_localised(design.greetings, "/design/greetings")
    yield from check_color(design.accent_color, "/design/accentColor")
    yield from check_color(design.text_color, "/design/textColor")


def _presentation(one: Presentation) -> Iterator[Finding]:
    for name, texts in (("titles", one.titles), ("texts", one.texts), ("labels", one.labels)):
        yield from check_localised(texts, f"/presentation/{name}")
    yield from check_color(one.background_color, "/presentation/backgroundColor")
    yield from check_color(one.text_color, "/presentation/textColor")
    yield from check_number(one.delay_seconds, "/presentation/delaySeconds", 0, _MOST_DELAY_SECONDS)
    least = 1 if one.position == "embedded" else 0
    yield from check_text(one.container, "/presentation/container", longest=LONGEST_NAME, least=least)


def _engagement(one: EngagementObject) -> Iterator[Finding]:
    if not _is_app_id(one.app_installation_id):
        yield Finding("reference_unknown", "/appInstallationId", "The account has no app with this id.")
    yield from check_list(one.entry_points, "/entryPoints", most=MOST_ITEMS)
    yield from check_list(one.behaviors, "/behaviors", most=MOST_ITEMS)
    if one.skill_id != -1 and not is_id(one.skill_id):
        yield Finding("reference_unknown", "/skillId", "The id of a skill, or -1 for any.")
    if one.language is not None:
        yield from check_language(one.language, "/language")
    if one.presentation is not None:
        yield from _presentation(one.presentation)


def _is_app_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _campaign(one: CampaignObject) -> Iterator[Finding]:
    yield from _percentage(one.control_group.percentage)
    flaws = list(_frame(one))
    yield from flaws
    if not flaws and one.start_date is not None and one.expiration_date is not None:
        starts = timeframes.start_of(one.start_date, one.time_zone)
        if starts >= timeframes.end_of(one.expiration_date, one.time_zone):
            yield Finding("frame_impossible", "/expirationDate", "The campaign ends before it starts.")


def _frame(one: CampaignObject) -> Iterator[Finding]:
    yield from _time_zone(one.time_zone)
    for path, local in (("/startDate", one.start_date), ("/expirationDate", one.expiration_date)):
        if local is not None and not timeframes.is_local_time(local):
            yield Finding("date_invalid", path, "A local time such as 2026-11-28T09:00:00, without an offset.")


def _time_zone(name: str) -> Iterator[Finding]:
    if not timeframes.is_time_zone(name):
        yield Finding("time_zone_unknown", "/timeZone", "A name of the IANA database, such as Europe/Berlin.")


def _percentage(percentage: int) -> Iterator[Finding]:
    if percentage not in CONTROL_PERCENTAGES:
        allowed = ", ".join(str(each) for each in CONTROL_PERCENTAGES)
        yield Finding("control_percentage_invalid", "/controlGroup/percentage", f"One of {allowed}.")


def check_settings(settings: EngagementSettings) -> list[Finding]:
    """All that is wrong with the settings."""
    return [*_percentage(settings.control_group.percentage), *_time_zone(settings.time_zone)]


def check_transition(before: CampaignObject | None, after: CampaignObject, now: int) -> list[Finding]:
    """Whether a campaign may come from one status to another: a draft is published, and then paused and published.

    ``now`` is in epoch milliseconds: what is over cannot be published.
    """
    was = "draft" if before is None else before.status
    allowed = {"draft": ("draft", "published"), "published": ("published", "paused"), "paused": ("paused", "published")}
    if after.status not in allowed[was]:
        message = f"A campaign goes from draft to published to paused and back to published, not from {was} to this."
        return [Finding("status_impossible", "/status", message)]
    is_new = after.status == "published" and was != "published"
    if is_new and after.expiration_date is not None:
        ends = timeframes.end_of(after.expiration_date, after.time_zone)
        if ends <= now:
            return [Finding("campaign_over", "/expirationDate", "The campaign is over already.")]
    return []
