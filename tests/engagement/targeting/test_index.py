"""The index answers what the interpreter answers, for offers and visits of all kinds."""

from random import Random
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.crowds import APPS, NOW, Maker, seeded
from switchbay.engagement.domain import conditions as c
from switchbay.engagement.domain.published import (
    Published,
    PublishedAudience,
    PublishedBehavior,
    PublishedCampaign,
    PublishedEngagement,
)
from switchbay.engagement.domain.visit import Visit
from switchbay.engagement.targeting.index import Entry, Index
from switchbay.engagement.targeting.ranges import lies_in
from switchbay.engagement.targeting.semantics import Interpreter
from switchbay.engagement.targeting.tables import Segments


def _agree(maker: Maker, engagements: int, conditions: int, visits: int) -> int:
    """Compare both for some visits; how many offers they agreed on."""
    published = maker.published(engagements, conditions)
    plain, index = Interpreter(published), Index(published)

    def locations_of(url: str, title: str, sections: tuple[str, ...]) -> tuple[int, ...]:
        entry = Entry(url, title, sections)
        assert index.locations_of(entry) == plain.locations_of(entry)
        return plain.locations_of(entry)

    found = 0
    for _ in range(visits):
        visit = maker.visit(locations_of)
        for app in (*APPS, "no such app"):
            expected = plain.eligible(visit, app, NOW)
            assert index.eligible(visit, app, NOW) == expected
            found += len(expected)
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(random=st.randoms(use_true_random=False), engagements=st.integers(1, 12), conditions=st.integers(1, 4))
def test_index_agrees_with_the_interpreter(random: Random, engagements: int, conditions: int) -> None:
    _agree(Maker(random), engagements, conditions, visits=3)


@pytest.mark.parametrize("conditions", [1, 2, 4])
def test_index_agrees_with_the_interpreter_about_many_engagements(conditions: int) -> None:
    assert _agree(Maker(seeded(conditions)), 300, conditions, visits=25) > 100


_KINDS = 26
"""Conditions of behaviours and audiences."""


def _of_one_kind(maker: Maker, kind: int, count: int) -> tuple[PublishedEngagement, ...]:
    """Engagements that are offered everywhere, each with a condition or two of the same kind."""
    audiences, behaviors = get_args(c.Audience), get_args(c.Behavior)
    wanted = (*audiences, *behaviors)[kind]
    make = maker.audience if wanted in audiences else maker.behavior

    def one() -> Any:
        while not isinstance(made := make(), wanted):
            pass
        return made

    made = []
    for number in range(count):
        conditions = maker.some(one, 2, 1)
        is_audience = wanted in audiences
        audience = PublishedAudience(id=number, revision=1, conditions=conditions if is_audience else ())
        behavior = PublishedBehavior(id=number, revision=1, conditions=() if is_audience else conditions)
        campaign = PublishedCampaign(
            id=number,
            name="",
            revision=1,
            starts=None,
            ends=None,
            priority="low",
            control_percentage=0,
            audience=audience,
            goal=None,
        )
        made.append(
            PublishedEngagement(
                id=1000 + number,
                name="",
                revision=1,
                campaign=campaign,
                app_installation_id=APPS[0],
                locations=(),
                behaviors=(behavior,),
                language=None,
                skill_id=-1,
                window_id=None,
                connector_id=None,
                consumer_identity="unauth",
            )
        )
    return tuple(made)


@pytest.mark.parametrize("kind", range(_KINDS))
def test_index_agrees_with_the_interpreter_about_each_kind_alone(kind: int) -> None:
    maker = Maker(seeded(kind))
    locations = maker.published(1).locations
    published = Published(
        account_id="1",
        revision=1,
        control_percentage=0,
        locations=locations,
        engagements=_of_one_kind(maker, kind, 60),
    )
    plain, index = Interpreter(published), Index(published)
    found = []
    for _ in range(40):
        visit = maker.visit(lambda url, title, sections: plain.locations_of(Entry(url, title, sections)))
        expected = plain.eligible(visit, APPS[0], NOW)
        assert index.eligible(visit, APPS[0], NOW) == expected
        found.append(len(expected))
    assert len(set(found)) > 1  # some hold and some do not


def test_large_ranges_are_kept_in_part_and_found_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Segments, "_ROOM", 0)
    ranges: list[tuple[tuple[float | None, float | None], int]] = [
        ((None, 40.0), 0),
        ((10.0, None), 1),
        *(((float(low), float(low + 7)), row) for row, low in enumerate(range(0, 90, 3), start=2)),
        ((5.0, 4.0), 40),
    ]
    segments = Segments(ranges, by_default=1 << 50)
    for value in (-1.0, 0.0, 3.0, 9.5, 10.0, 40.0, 40.5, 96.0, 97.0):
        rows = {50, *(row for (low, high), row in ranges if lies_in(value, low, high))}
        assert segments.at(value) == sum(1 << row for row in rows)


def test_index_of_nothing_offers_nothing() -> None:
    index = Index(Published(account_id="1", revision=0))
    visit = Visit(visitor_id="v", session_id="s", started=NOW, seen=NOW)
    assert (index.eligible(visit, APPS[0], NOW), index.locations_of(Entry("https://x.example/"))) == ((), ())
