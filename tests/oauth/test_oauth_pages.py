"""The pages as documents: headers, policy, escaping, words."""

import base64
import hashlib
import re
from typing import Any

import httpx
import pytest
from starlette.responses import Response

from support.browser import Page, read_page
from switchbay.oauth import pages
from switchbay.oauth.pages.words import describe_scopes, describe_wait, read_languages

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&{{7*7}}{% raw %}"
VALUES: dict[str, dict[str, Any]] = {
    "login": {
        "account_name": HOSTILE,
        "app_name": HOSTILE,
        "base": "/oidc/4711001/interaction",
        "t": HOSTILE,
        "username": HOSTILE,
        "problem": HOSTILE,
        "upstreams": [(HOSTILE, HOSTILE)],
    },
    "code": {"account_name": HOSTILE, "base": "/b", "t": HOSTILE, "ticket": HOSTILE, "problem": HOSTILE},
    "choose": {
        "account_name": HOSTILE,
        "app_name": HOSTILE,
        "base": "/b",
        "t": HOSTILE,
        "people": [{"session_id": HOSTILE, "display_name": HOSTILE, "login_name": HOSTILE}],
    },
    "consent": {
        "account_name": HOSTILE,
        "app_name": HOSTILE,
        "app_description": HOSTILE,
        "logo": None,
        "scopes": describe_scopes([HOSTILE, "openid"], frozenset({HOSTILE})),
        "destination": HOSTILE,
        "base": "/b",
        "t": HOSTILE,
        "may_allow_everyone": True,
        "display_name": HOSTILE,
        "login_name": HOSTILE,
    },
    "error": {"title": HOSTILE, "message": HOSTILE, "advice": HOSTILE, "code": HOSTILE},
    "logout": {"account_name": HOSTILE, "app_name": HOSTILE, "base": "/b", "t": HOSTILE, "people": [HOSTILE]},
    "logged_out": {"account_name": HOSTILE},
    "cookies": {},
}


def read(response: Response) -> Page:
    return read_page(
        "https://localhost/", httpx.Response(200, headers=dict(response.headers), content=bytes(response.body))
    )


def policy_of(response: Response) -> dict[str, str]:
    parts = (part.partition(" ") for part in response.headers["content-security-policy"].split("; "))
    return {name: sources for name, _, sources in parts}


@pytest.mark.parametrize("name", VALUES)
def test_every_text_on_a_page_is_escaped(name: str) -> None:
    page = read(pages.render(name, **VALUES[name]))
    assert page.scripts == 0
    assert page.images == []
    assert page.lang == "en"
    assert "49" not in page.text
    for form in page.forms:
        assert form.method == "post"
        assert {each.value for each in form.inputs if each.kind == "hidden"} <= {HOSTILE}


@pytest.mark.parametrize("name", VALUES)
def test_every_page_is_kept_out_of_frames_caches_and_referrers(name: str) -> None:
    response = pages.render(name, 418, **VALUES[name])
    assert response.status_code == 418
    assert dict(response.headers) | {"content-length": ""} == {
        "cache-control": "no-store",
        "content-length": "",
        "content-security-policy": response.headers["content-security-policy"],
        "content-type": "text/html; charset=utf-8",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
    policy = policy_of(response)
    assert policy == {
        "base-uri": "'none'",
        "default-src": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "img-src": "'self'",
        "style-src": policy["style-src"],
    }


def test_the_policy_names_the_hash_of_the_one_stylesheet() -> None:
    response = pages.render("cookies")
    styles = re.findall(rb"<style>(.*?)</style>", bytes(response.body), re.DOTALL)
    assert len(styles) == 1
    digest = base64.b64encode(hashlib.sha256(styles[0]).digest()).decode()
    assert policy_of(response)["style-src"] == f"'sha256-{digest}'"


@pytest.mark.parametrize("name", VALUES)
def test_no_page_loads_anything_or_has_inline_styles(name: str) -> None:
    text = bytes(pages.render(name, **VALUES[name]).body).decode().partition("</style>")[2]
    text = re.sub(r'value="[^"]*"', "", text)
    assert "style=" not in text
    assert "<link" not in text
    assert not re.search(r"<[^>]*\son[a-z]+=", text)


@pytest.mark.parametrize("name", VALUES)
def test_every_field_that_people_fill_in_has_a_label_and_says_what_belongs_there(name: str) -> None:
    fields = [each for form in read(pages.render(name, **VALUES[name])).forms for each in form.inputs]
    for each in fields:
        if each.kind in {"text", "password"}:
            assert each.label
            assert each.attributes["autocomplete"] in {"username", "current-password", "one-time-code"}
            assert each.attributes["autocapitalize" if each.kind == "text" else "autocomplete"]


@pytest.mark.parametrize(
    ("leads_to", "sources"),
    [
        ("https://app.example.com/callback?x=1", "'self' https:"),
        ("HTTPS://app.example.com:8443/callback", "'self' https:"),
        ("http://127.0.0.1:4000/callback", "'self' http: https:"),
        ("com.example.app:/callback", "'self' com.example.app:"),
        ("https://app.example.com; script-src *@evil/", "'self' https:"),
        ("x; script-src *:/", "'self'"),
        ("javascript:alert(1)", "'self'"),
        ("JavaScript:alert(1)", "'self'"),
        ("data:text/html,x", "'self'"),
        ("no address", "'self'"),
        (":", "'self'"),
    ],
)
def test_a_form_may_lead_to_addresses_like_the_apps_and_to_no_other_kind(leads_to: str, sources: str) -> None:
    response = pages.render("cookies", leads_to=leads_to)
    assert policy_of(response)["form-action"] == sources
    assert len(response.headers["content-security-policy"].split("; ")) == 6


def test_a_page_on_the_way_to_an_app_stays_connected_to_the_window_that_opened_it() -> None:
    response = pages.render("cookies", leads_to="https://app.example.com/callback")
    assert "cross-origin-opener-policy" not in response.headers


# The form that carries an answer


def test_the_form_of_an_answer_sends_itself_by_the_one_script_that_the_policy_allows() -> None:
    response = pages.render_form_post("https://app.example.com/cb?a=1&b=2", [("state", HOSTILE), ("code", "c")])
    page = read(response)
    assert page.form.action == "https://app.example.com/cb?a=1&b=2"
    assert page.form.values() == [("state", HOSTILE), ("code", "c")]
    assert [button.text for button in page.form.buttons] == ["Continue"]
    scripts = re.findall(rb"<script>(.*?)</script>", bytes(response.body), re.DOTALL)
    assert scripts == [b"document.forms[0].submit()"]
    digest = base64.b64encode(hashlib.sha256(scripts[0]).digest()).decode()
    policy = policy_of(response)
    assert policy["script-src"] == f"'sha256-{digest}'"
    assert policy["form-action"] == "https:"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"


def test_the_form_of_an_answer_never_leads_to_a_script() -> None:
    assert policy_of(pages.render_form_post("javascript:alert(1)", []))["form-action"] == "'none'"


# Words


def test_scopes_are_told_in_words_and_new_ones_are_marked_among_old_ones() -> None:
    lines = describe_scopes(["zzz", "profile", "openid"], frozenset({"zzz"}))
    assert [(line.name, line.is_new) for line in lines] == [("openid", False), ("profile", False), ("zzz", True)]
    assert [line.words for line in lines] == ["Know that it is you", "See your name and user name", ""]


def test_where_every_scope_is_new_none_is_marked() -> None:
    assert not any(line.is_new for line in describe_scopes(["openid", "a"], frozenset({"openid", "a"})))


@pytest.mark.parametrize(
    ("seconds", "words"), [(1, "1 second"), (60, "60 seconds"), (61, "2 minutes"), (3600, "60 minutes")]
)
def test_a_wait_is_told_in_words(seconds: int, words: str) -> None:
    assert describe_wait(seconds) == words


@pytest.mark.parametrize(
    ("asked", "header", "languages"),
    [
        (None, None, ()),
        ("fr-CA de", "en", ("fr-CA", "de", "en")),
        (None, "en;q=0.5, fr, de;q=0.9, *;q=0.1", ("fr", "de", "en")),
        (None, "en;q=0, fr;q=x, de;q=2, it;q=nan", ()),
        ("en", "en", ("en",)),
        ("a b c d e f g h i j k l", None, tuple("abcdefghij")),
    ],
)
def test_the_readers_languages_are_those_asked_for_then_the_browsers(
    asked: str | None, header: str | None, languages: tuple[str, ...]
) -> None:
    assert read_languages(asked, header) == languages
