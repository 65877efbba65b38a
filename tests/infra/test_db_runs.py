"""Many rows are split into runs of few sizes, and none is left out."""

import pytest

from switchbay.infra.db import bulk


@pytest.mark.parametrize("most", [1, 5, 64, 256])
def test_runs_follow_each_other_and_have_few_sizes(most: int) -> None:
    for count in range(700):
        place = 0
        for start, size in bulk.runs(count, most):
            assert start == place
            assert size in bulk.SIZES
            assert size <= most
            place += size
        assert place == count


def test_most_numbers_of_rows_take_two_statements() -> None:
    assert [list(bulk.runs(count)) for count in (64, 43, 7, 300)] == [
        [(0, 64)],
        [(0, 32), (32, 8), (40, 3)],
        [(0, 6), (6, 1)],
        [(0, 256), (256, 32), (288, 12)],
    ]


def test_rows_of_one_batch_go_in_one_statement_and_many_in_runs() -> None:
    rows = [{"account_id": "a", "name": str(place)} for place in range(300)]
    for count, sizes in ((1, [1]), (27, [27]), (32, [32]), (33, [32, 1]), (300, [256, 32, 12])):
        chunks = list(bulk.chunks(rows[:count]))
        assert [len(chunk) for chunk in chunks] == sizes
        assert [row for chunk in chunks for row in chunk] == rows[:count]
