"""The index answers what the interpreter answers, for offers and visits of all kinds."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.crowds import APPS, NOW, Maker
from switchbay.engagement.targeting.index import Entry, Index
from switchbay.engagement.targeting.semantics import Interpreter


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


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(random=st.randoms(use_true_random=False), engagements=st.integers(1, 12), conditions=st.integers(1, 4))
def test_index_agrees_with_the_interpreter(random: Random, engagements: int, conditions: int) -> None:
    _agree(Maker(random), engagements, conditions, visits=3)


@pytest.mark.parametrize("conditions", [1, 2, 4])
def test_index_agrees_with_the_interpreter_about_many_engagements(conditions: int) -> None:
    assert _agree(Maker(Random(conditions)), 400, conditions, visits=60) > 100
