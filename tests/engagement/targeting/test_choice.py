"""Choice among eligible engagements, and control groups."""

import itertools
from collections import Counter

import pytest

from support.crowds import NOW, seeded
from switchbay.engagement.domain.objects import Priority
from switchbay.engagement.domain.published import PublishedCampaign, PublishedEngagement
from switchbay.engagement.domain.visit import Context, Visit
from switchbay.engagement.targeting.choice import choose, in_control, set_digest

_NEW = Visit(visitor_id="v", session_id="s", started=NOW, seen=NOW)


def _offer(id_: int, priority: Priority = "medium", revision: int = 1) -> PublishedEngagement:
    campaign = PublishedCampaign(
        id=id_,
        name="",
        revision=1,
        starts=None,
        ends=None,
        priority=priority,
        control_percentage=0,
        audience=None,
        goal=None,
    )
    return PublishedEngagement(
        id=id_,
        name="",
        revision=revision,
        campaign=campaign,
        app_installation_id="app",
        locations=(),
        behaviors=(),
        language=None,
        skill_id=-1,
        window_id=None,
        connector_id=None,
        consumer_identity="unauth",
    )


def _offered(engagement_id: int, revision: int = 1, among: int = 0) -> Visit:
    context = Context(id="1", at=NOW, campaign_id=1, engagement_id=engagement_id, revision=revision, page_id="1")
    return Visit(visitor_id="v", session_id="s", started=NOW, seen=NOW, contexts=(context,), offered_among=among)


def _shares(eligible: tuple[PublishedEngagement, ...]) -> dict[int, float]:
    draw = seeded(11).random
    chosen = [choose(eligible, _NEW, draw) for _ in range(5_000)]
    return {one: count / 5_000 for one, count in Counter(found.id for found in chosen if found).items()}


@pytest.mark.parametrize(
    ("priorities", "expected"),
    [
        ("hml", {0: 0.7, 1: 0.2, 2: 0.1}),
        ("hl", {0: 0.875, 1: 0.125}),  # renormalised over those that compete
        ("ml", {0: 2 / 3, 1: 1 / 3}),
        ("hhm", {0: 0.7 / 1.8, 1: 0.7 / 1.8, 2: 0.2 / 0.9}),
        ("lll", {0: 1 / 3, 1: 1 / 3, 2: 1 / 3}),
    ],
)
def test_chances_follow_the_priorities(priorities: str, expected: dict[int, float]) -> None:
    names: dict[str, Priority] = {"h": "high", "m": "medium", "l": "low"}
    shares = _shares(tuple(_offer(number, names[one]) for number, one in enumerate(priorities)))
    if priorities == "hhm":
        expected = {0: 0.7 / 0.9 / 2, 1: 0.7 / 0.9 / 2, 2: 0.2 / 0.9}
    assert shares == pytest.approx(expected, abs=0.025)


def test_nothing_eligible_is_nothing_chosen() -> None:
    assert choose((), _NEW, seeded(1).random) is None


@pytest.mark.parametrize("drawn", [0.0, 0.999999999999])
def test_any_number_that_is_drawn_chooses_one(drawn: float) -> None:
    eligible = (_offer(1, "high"), _offer(2, "low"), _offer(3, "low"))
    assert choose(eligible, _NEW, itertools.repeat(drawn).__next__) in eligible


def test_previous_offer_stays_while_the_same_ones_are_eligible() -> None:
    eligible = tuple(_offer(number) for number in range(20))
    visit = _offered(4, among=set_digest(eligible))
    assert {choose(eligible, visit, seeded(seed).random) for seed in range(10)} == {eligible[4]}


def test_choice_is_made_anew_when_others_are_eligible() -> None:
    eligible = tuple(_offer(number) for number in range(20))
    visit = _offered(4, among=set_digest(eligible[:-1]))
    assert len({choose(eligible, visit, seeded(seed).random) for seed in range(10)}) > 1


@pytest.mark.parametrize("visit", [_offered(4), _offered(4, revision=2), _offered(99)])
def test_previous_offer_stays_only_in_its_revision_and_while_it_is_eligible(visit: Visit) -> None:
    eligible = tuple(_offer(number) for number in range(20))
    stays = visit.contexts[-1].engagement_id == 4 and visit.contexts[-1].revision == 1
    assert (len({choose(eligible, visit, seeded(seed).random) for seed in range(10)}) == 1) is stays


def test_digest_tells_sets_and_revisions_apart_and_not_orders() -> None:
    one, two, newer = _offer(1), _offer(2), _offer(2, revision=2)
    assert set_digest((one, two)) == set_digest((two, one))
    assert len({set_digest(some) for some in ((one,), (two,), (one, two), (one, newer), ())}) == 5


@pytest.mark.parametrize("percentage", [0, 5, 10, 25, 100])
def test_control_group_has_its_share_of_visitors(percentage: int) -> None:
    inside = sum(in_control("campaign:1:7", f"visitor {number}", percentage) for number in range(5_000))
    assert inside / 5_000 == pytest.approx(percentage / 100, abs=0.015)


def test_control_groups_of_two_campaigns_are_drawn_apart() -> None:
    visitors = [f"visitor {number}" for number in range(5_000)]
    first = {one for one in visitors if in_control("campaign:1:7", one, 25)}
    second = {one for one in visitors if in_control("campaign:1:8", one, 25)}
    assert len(first & second) / 5_000 == pytest.approx(0.25 * 0.25, abs=0.015)


def test_visitor_stays_in_a_control_group_that_grows() -> None:
    visitors = [f"visitor {number}" for number in range(2_000)]
    assert all(in_control("account:1", one, 20) for one in visitors if in_control("account:1", one, 10))


def test_control_group_of_a_visitor_is_the_same_for_ever() -> None:
    # A change here would move visitors of running campaigns between the groups.
    inside = [number for number in range(60) if in_control("account:demo", f"v{number}", 10)]
    assert inside == [14, 15, 33, 36, 44, 48, 51, 53]
