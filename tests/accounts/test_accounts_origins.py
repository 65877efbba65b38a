"""The origins whose pages may use the web messenger."""

import pytest

from switchbay.accounts.domain.origins import allows, checked_origins
from switchbay.kit.errors import AppError


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://www.example.com", "https://www.example.com"),
        ("HTTPS://WWW.Example.com:443", "https://www.example.com"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("http://x:443", "http://x:443"),
        ("*", "*"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(given: str, kept: str) -> None:
    assert checked_origins([given, given]) == (kept,)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "null",
        "www.example.com",
        "https://",
        "https://www.example.com/",
        "https://user@www.example.com",
        "https://www.example.com:0",
        "https://www.example.com:65536",
        "https://*.example.com",
        "https://www.example.com https://other.example",
        "file:///etc",
        "https://" + "a" * 300,
    ],
)
def test_what_is_no_origin_is_refused(given: str) -> None:
    with pytest.raises(AppError) as refused:
        checked_origins([given])
    assert refused.value.code == "account_setting_invalid"


def test_there_are_at_most_fifty() -> None:
    many = [f"https://{number}.example.com" for number in range(51)]
    assert len(checked_origins(many[:50])) == 50
    with pytest.raises(AppError):
        checked_origins(many)


def test_an_origin_must_match_exactly() -> None:
    allowed = ("https://www.example.com",)
    assert allows(allowed, "https://www.example.com")
    for other in ("http://www.example.com", "https://www.example.com:8443", "https://example.com", "null", ""):
        assert not allows(allowed, other)


def test_the_star_is_every_origin_but_the_one_that_says_nothing() -> None:
    assert allows(("*",), "https://anything.example")
    assert not allows(("*",), "null")
    assert not allows((), "https://anything.example")
