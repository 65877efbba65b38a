"""How values are shown in sentences: short, on one line, without passwords."""

import pytest

from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.shown import mask_user_info, name_of, show


def test_passwords_of_addresses_are_masked() -> None:
    assert (
        mask_user_info("see https://u:p@a.example/x and http://k@b/") == "see https://***@a.example/x and http://***@b/"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": 1}, "an object"),
        ([1, 2], "an array of 2"),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ("a\nb", '"a\\u000ab"'),
        ("x" * 101, '"' + "x" * 99 + '…"'),
    ],
)
def test_values_are_shown_on_one_line(value: JsonValue, shown: str) -> None:
    assert show(value) == shown


def test_an_item_is_called_by_the_member_that_holds_it() -> None:
    assert name_of(("a", "elements", 2), whole="the content") == "elements/2"
    assert name_of((), whole="the content") == "the content"
