"""What login names, display names and passwords may look like."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.accounts.domain.names import checked_name, given_password, login_key, new_password
from switchbay.kit.errors import AppError
from switchbay.kit.secret import Secret


@pytest.mark.parametrize("name", ["Ada", "ADA", "\uff21da"])
def test_login_names_compare_without_case_and_width(name: str) -> None:
    assert login_key(name) == "ada"


def test_a_login_name_may_be_an_email_address() -> None:
    assert login_key("Bot@Example.test") == "bot@example.test"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 129,
        "a\x00b",
        "a\nb",
        "a\x7fb",
        "a\u2028b",
        "a\u202eb",
        "a\ud800b",
        " ada",
        "ada ",
        "a\u200bda",
        "a\u00adda",
        "\ue000",
    ],
)
def test_a_login_name_that_cannot_be_read_is_refused(name: str) -> None:
    with pytest.raises(AppError) as refused:
        login_key(name)
    assert refused.value.code == "name_invalid"


def test_a_login_name_whose_characters_unfold_into_thousands_is_refused() -> None:
    # Each stands for eighteen characters in NFKC; an index entry of PostgreSQL would overflow.
    with pytest.raises(AppError) as refused:
        login_key("\ufdfa" * 128)
    assert refused.value.code == "name_invalid"


@pytest.mark.parametrize("name", ["Ada Lovelace", "\u06a9\u200c\u06af", "\U0001f469\u200d\U0001f52c"])
def test_a_display_name_may_have_spaces_and_joiners(name: str) -> None:
    assert checked_name("display name", name) == name


@given(st.text(max_size=140))
def test_a_login_key_is_its_own_key_and_fits_a_database(text: str) -> None:
    try:
        key = login_key(text)
    except AppError:
        return
    assert unicodedata.normalize("NFKC", key) == key
    assert "\x00" not in key
    assert 1 <= len(key.encode("utf-8")) <= 1_024


@pytest.mark.parametrize("text", ["", "seven77", "x" * 1_025, "\u20ac" * 342, "eight\ud80012"])
def test_a_password_of_the_wrong_size_cannot_be_set(text: str) -> None:
    with pytest.raises(AppError) as refused:
        new_password(Secret(text))
    assert refused.value.code == "password_invalid"


def test_a_short_password_can_be_tried() -> None:
    assert given_password(Secret("x")).reveal() == "x"


@pytest.mark.parametrize("text", ["", "x" * 1_025, "\u20ac" * 342])
def test_an_endless_password_is_not_even_tried(text: str) -> None:
    with pytest.raises(AppError) as refused:
        given_password(Secret(text))
    assert refused.value.code == "password_invalid"


def test_a_password_is_the_same_however_its_accents_are_composed() -> None:
    assert new_password(Secret("cafe\u0301 noir")) == new_password(Secret("caf\u00e9 noir"))
