"""What the menu shows and where a click leads, as pure functions."""

import contextlib
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.apps.public import Client
from switchbay.console.domain import is_offered, is_safe, launch_uri, origin_of, tiles
from switchbay.kit.errors import AppError

ISSUER = "https://localhost:8443/oidc/4711001"
CLIENT = Client(
    account_id="4711001",
    installation_id="a1",
    client_id="a1",
    client_name="com.example.web",
    enabled=True,
    grant_types=frozenset({"authorization_code"}),
    response_types=frozenset({"code"}),
    redirect_uris=("https://login.example.com/cb", "com.example.app:/cb"),
    scope=frozenset(),
    display_name="Web",
    description="A web app",
    localised={"display_name#fr": "Toile", "description#fr-CA": "Une app"},
    entry_uri="https://app.example.com/entry",
    quick_launch_enabled=True,
)


def uri(client: Client = CLIENT, target: str | None = None) -> str:
    return launch_uri(client, issuer=ISSUER, user_id="1003", target=target)


def parameters(text: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(text).query, keep_blank_values=True)


def test_a_click_tells_account_issuer_target_and_user() -> None:
    assert uri() == (
        "https://app.example.com/entry?account_id=4711001&iss=https%3A%2F%2Flocalhost%3A8443%2Foidc%2F4711001"
        "&target_link_uri=https%3A%2F%2Fapp.example.com%2Fentry&login_hint=1003"
    )


def test_the_query_and_the_fragment_of_the_entry_stay_as_they_are() -> None:
    client = replace(CLIENT, entry_uri="https://app.example.com/entry?tenant=%C3%A4+b&flag&x=1=2#/home")
    launched = uri(client)
    assert launched.startswith("https://app.example.com/entry?tenant=%C3%A4+b&flag&x=1=2&account_id=4711001&iss=")
    assert launched.endswith("&login_hint=1003#/home")


@pytest.mark.parametrize(
    "own", ["iss=https://evil.example", "%69ss=x", "login_hint=1", "account_id=&target_link_uri=y"]
)
def test_nobody_but_us_says_what_we_say(own: str) -> None:
    client = replace(CLIENT, entry_uri=f"https://app.example.com/entry?{own}&a=1")
    found = parameters(uri(client))
    assert [name for name, _ in found] == ["a", "account_id", "iss", "target_link_uri", "login_hint"]
    assert dict(found)["iss"] == ISSUER


@pytest.mark.parametrize(
    "target",
    [
        "https://app.example.com/deep/page?x=1#y",
        "https://app.example.com:443/deep",
        "HTTPS://APP.example.com/deep",
        "https://login.example.com/other",
    ],
)
def test_a_target_may_be_any_page_of_the_app(target: str) -> None:
    assert dict(parameters(uri(target=target)))["target_link_uri"] == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "/deep",
        "//app.example.com/deep",
        "https:app.example.com",
        "https:///app.example.com",
        "https://evil.example/",
        "https://app.example.com.evil.example/",
        "https://app.example.com@evil.example/",
        "https://user@app.example.com/",
        "https://app.example.com:8443/",
        "https://app.example.com:99999/",
        "https://app.example.com\\@evil.example/",
        "https://app.example.com/\r\nLocation: https://evil.example",
        " https://app.example.com/",
        "https://app.example.com/\t",
        "https://app.exämple.com/",
        "http://app.example.com/",
        "javascript:alert(1)",
        "com.example.app:/cb",
        "https://[::1/",
        "https://app.example.com/" + "x" * 2_048,
    ],
)
def test_a_target_elsewhere_is_refused(target: str) -> None:
    with pytest.raises(AppError) as caught:
        uri(target=target)
    assert caught.value.code == "launch_target_refused"


@given(st.text(max_size=60))
def test_no_text_makes_a_click_lead_away_from_the_entry(target: str) -> None:
    with contextlib.suppress(AppError):
        launched = uri(target=target)
        assert launched.startswith("https://app.example.com/entry?")
        assert launched.isascii()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"enabled": False}, "launch_app_unknown"),
        ({"quick_launch_enabled": False}, "launch_app_unknown"),
        ({"entry_uri": None}, "launch_app_unknown"),
        ({"entry_uri": "http://app.example.com/entry"}, "launch_entry_unsafe"),
        ({"entry_uri": "javascript:alert(1)"}, "launch_entry_unsafe"),
        ({"entry_uri": "https://[::1/"}, "launch_entry_unsafe"),
    ],
)
def test_only_what_the_menu_offers_can_be_started(changes: dict[str, Any], code: str) -> None:
    client = replace(CLIENT, **changes)
    assert not is_offered(client)
    with pytest.raises(AppError) as caught:
        uri(client)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://app.example.com", True),
        ("HTTPS://app.example.com", True),
        ("http://localhost:9444/entry", True),
        ("http://127.0.0.1/entry", True),
        ("http://[::1]:80/entry", True),
        ("http://localhost.evil.example/entry", False),
        ("http://app.example.com", False),
        ("ftp://app.example.com", False),
        (None, False),
    ],
)
def test_entries_are_https_or_on_the_same_machine(address: str | None, safe: bool) -> None:
    assert is_safe(address) is safe


def test_origins_are_compared_as_browsers_do() -> None:
    assert origin_of("https://App.Example.com/x") == ("https", "app.example.com", 443)
    assert origin_of("http://app.example.com") == ("http", "app.example.com", 80)
    assert origin_of("https://app.example.com:444") == ("https", "app.example.com", 444)
    assert origin_of("custom:/x") is None
    assert origin_of(None) is None


def test_tiles_are_in_the_readers_language_and_sorted_by_it() -> None:
    other = replace(CLIENT, client_id="a2", display_name="umbrella", localised={}, description="")
    hidden = replace(CLIENT, client_id="a3", quick_launch_enabled=False)
    logos = {"a1": "/logo.png"}
    english = tiles([CLIENT, other, hidden], logos, ("en",))
    assert [(tile.app_id, tile.name, tile.initial, tile.logo) for tile in english] == [
        ("a2", "umbrella", "U", None),
        ("a1", "Web", "W", "/logo.png"),
    ]
    french = tiles([other, CLIENT], logos, ("fr-CA", "en"))
    assert [(tile.name, tile.description) for tile in french] == [("Toile", "Une app"), ("umbrella", "")]


def test_a_name_without_a_letter_has_an_initial_all_the_same() -> None:
    assert [tile.initial for tile in tiles([replace(CLIENT, display_name="✨")], {}, ())] == ["?"]
