"""The meaning of every condition, and the plain interpreter of an account's offers that follows it word by word.

``evaluate`` answers for one condition and says what it read; ``Interpreter`` asks every engagement in turn. The index
(``index.py``) gives the same answers sooner, and a test holds it to that; explanations are made here.
"""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from switchbay.engagement.domain import conditions as c
from switchbay.engagement.domain.conditions import Condition
from switchbay.engagement.domain.published import (
    Published,
    PublishedAudience,
    PublishedBehavior,
    PublishedCampaign,
    PublishedEngagement,
    PublishedLocation,
)
from switchbay.engagement.domain.visit import Visit
from switchbay.engagement.targeting import audiences, behaviors
from switchbay.engagement.targeting.choice import in_control
from switchbay.engagement.targeting.days import today_in
from switchbay.engagement.targeting.entry_points import NOWHERE, Entry, at, entry_of, locations_at
from switchbay.engagement.targeting.situation import Situation
from switchbay.engagement.targeting.verdicts import Verdict, together

# The type of each function's first argument is its key, which the type of a dictionary cannot say.
_FUNCTIONS: dict[type, Callable[[Any, Situation], Verdict]] = {
    c.VisitedLocation: behaviors.visited_location,
    c.TimeOnLocation: behaviors.time_on_location,
    c.Flow: behaviors.flow,
    c.AboutToAbandon: behaviors.about_to_abandon,
    c.CartValue: behaviors.cart_value,
    c.CartItems: behaviors.cart_items,
    c.VisitorError: behaviors.visitor_error,
    c.ViewedProducts: behaviors.viewed_products,
    c.ServiceActivity: behaviors.service_activity,
    c.ExternalReferral: audiences.external_referral,
    c.SearchKeywords: audiences.search_keywords,
    c.Ip: audiences.ip,
    c.Platform: audiences.platform,
    c.GeoLocation: audiences.geo_location,
    c.ReturningVisitors: audiences.returning_visitors,
    c.MarketingSource: audiences.marketing_source,
    c.CustomerType: audiences.customer_type,
    c.Age: audiences.age,
    c.Balance: audiences.balance,
    c.CustomerId: audiences.customer_id,
    c.GenderIs: audiences.gender,
    c.StoreZipCode: audiences.store_zip_code,
    c.StoreNumber: audiences.store_number,
    c.CompanySize: audiences.company_size,
    c.RegistrationDate: audiences.registration_date,
}


def evaluate(condition: Condition, situation: Situation, engagement_id: int) -> Verdict:
    """Evaluate one condition; ``engagement_id`` is the engagement that it stands in."""
    if isinstance(condition, c.EngagedInSession):
        return behaviors.engaged_in_session(condition, situation, engagement_id)
    if isinstance(condition, c.Section | c.Url):
        pages = situation.visit.pages
        return at(condition, entry_of(pages[-1]) if pages else NOWHERE)
    return _FUNCTIONS[type(condition)](condition, situation)


def behavior_holds(behavior: PublishedBehavior, situation: Situation, engagement_id: int) -> bool:
    """Tell whether every condition of a behaviour holds."""
    return all(evaluate(condition, situation, engagement_id).holds for condition in behavior.conditions)


def audience_holds(audience: PublishedAudience | None, situation: Situation) -> bool:
    """Tell whether an audience holds: every kind of condition in it, and of each kind any that is included."""
    return audience is None or all(
        together(evaluate(condition, situation, 0) for condition in conditions)
        for conditions in by_kind(audience.conditions)
    )


def by_kind(conditions: Iterable[c.Audience]) -> list[list[c.Audience]]:
    """Group the conditions of an audience by their kind, in the order of their first ones."""
    groups: dict[type, list[c.Audience]] = {}
    for condition in conditions:
        groups.setdefault(type(condition), []).append(condition)
    return list(groups.values())


def is_running(campaign: PublishedCampaign, now: int) -> bool:
    """Tell whether a moment in Unix milliseconds lies in a campaign's time frame."""
    return (campaign.starts is None or now >= campaign.starts) and (campaign.ends is None or now < campaign.ends)


def account_key(account_id: str) -> str:
    """Return what an account's control group is drawn by."""
    return f"account:{account_id}"


def campaign_key(account_id: str, campaign_id: int) -> str:
    """Return what a campaign's control group is drawn by."""
    return f"campaign:{account_id}:{campaign_id}"


def is_identified(visit: Visit) -> bool:
    """Tell whether any of the visitor's identities is an authenticated one."""
    return any(identity.acr == "loa1" for identity in visit.identities)


def is_dismissed(visit: Visit, engagement_id: int) -> bool:
    """Tell whether the visitor closed an engagement earlier in the session."""
    return any(one.engagement_id == engagement_id and one.declined is not None for one in visit.contexts)


class Interpreter:
    """Answers what the index answers by asking every location and every engagement, one after the other."""

    def __init__(self, published: Published) -> None:
        self._published = published
        self._locations = all_locations(published)
        self._everywhere = frozenset(location.id for location in self._locations if not location.conditions)

    def locations_of(self, entry: Entry) -> tuple[int, ...]:
        """Return the ids of the locations that match."""
        return locations_at(self._locations, entry)

    def situation(self, visit: Visit, now: int) -> Situation:
        """Return what conditions are evaluated against."""
        return Situation(visit, now, self.today(now), self._present(visit), self._published.about_to_abandon)

    def today(self, now: int) -> date:
        """Return the date in the account's time zone."""
        return today_in(self._published.time_zone, now)

    def _present(self, visit: Visit) -> frozenset[int]:
        here = visit.pages[-1].locations if visit.pages else self.locations_of(NOWHERE)
        return self._everywhere.union(here)

    def eligible(self, visit: Visit, app_installation_id: str, now: int) -> tuple[PublishedEngagement, ...]:
        """Return what the visitor may be offered by section 8.1, but for an open conversation."""
        published = self._published
        if in_control(account_key(published.account_id), visit.visitor_id, published.control_percentage):
            return ()
        situation = self.situation(visit, now)
        return tuple(
            engagement
            for engagement in published.engagements
            if engagement.app_installation_id == app_installation_id and self._is_eligible(engagement, situation)
        )

    def _is_eligible(self, engagement: PublishedEngagement, situation: Situation) -> bool:
        campaign, visit = engagement.campaign, situation.visit
        return (
            not engagement.barred
            and is_running(campaign, situation.now)
            and is_at(engagement, situation)
            and (engagement.consumer_identity == "unauth" or is_identified(visit))
            and audience_holds(campaign.audience, situation)
            and behaves(engagement, situation)
            and not is_dismissed(visit, engagement.id)
            and not in_control(
                campaign_key(self._published.account_id, campaign.id), visit.visitor_id, campaign.control_percentage
            )
        )


def is_at(engagement: PublishedEngagement, situation: Situation) -> bool:
    """Tell whether the visitor is at any of an engagement's locations; one without locations is offered everywhere."""
    return not engagement.locations or any(location.id in situation.locations for location in engagement.locations)


def behaves(engagement: PublishedEngagement, situation: Situation) -> bool:
    """Tell whether any of an engagement's behaviours holds; one without behaviours demands none."""
    return not engagement.behaviors or any(
        behavior_holds(behavior, situation, engagement.id) for behavior in engagement.behaviors
    )


def all_locations(published: Published) -> tuple[PublishedLocation, ...]:
    """Return every location once: the account's, and those that only an engagement refers to."""
    found = {location.id: location for location in published.locations}
    for engagement in published.engagements:
        for location in engagement.locations:
            found.setdefault(location.id, location)
    return tuple(found.values())
