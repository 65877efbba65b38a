"""The numbers of the Send API's errors are unique, agree with their status, and are all documented."""

import re
from pathlib import Path

from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.domain import Reason
from switchbay.messaging.errors import ERROR_NUMBERS, error_number, refusal

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "connector-api.md"


def test_every_number_is_documented_with_its_code() -> None:
    rows = re.findall(r"^\| (\d{5}) \| `([a-z_]+)` \|", REFERENCE.read_text(), re.MULTILINE)
    assert {code: int(number) for number, code in rows} == {code: number for code, (number, _) in ERROR_NUMBERS.items()}


def test_numbers_are_unique() -> None:
    assert len({number for number, _ in ERROR_NUMBERS.values()}) == len(ERROR_NUMBERS)


def test_every_reason_has_an_error_of_its_name_whose_number_tells_the_status() -> None:
    for reason in Reason:
        error = refusal(reason)
        assert error.code == reason.value
        assert error_number(error)[0] // 100 == error.kind.http_status


def test_an_error_of_another_room_gets_its_status_as_number() -> None:
    assert error_number(AppError(Kind.INTERNAL, "secret_unreadable", "x")) == (50000, "Secret unreadable")
