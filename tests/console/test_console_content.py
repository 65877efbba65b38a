"""The page for structured content: who sees it, what it says about a document, and that its preview is harmless."""

import json
import re
from typing import Any

import pytest

from support.browser import Browser, Page
from support.console_house import House
from support.oauth_stage import ACCOUNT

PAGE = f"/console/{ACCOUNT}/content"
CARD = {
    "type": "vertical",
    "elements": [
        {"type": "image", "url": "https://img.example.com/a.png", "alt": "Red shoes", "caption": "Runner"},
        {"type": "text", "text": "<b>Runner</b> & more", "style": {"bold": True, "color": "#123456"}},
        {"type": "button", "title": "Buy", "click": {"actions": [{"type": "publishText", "text": "I take them"}]}},
    ],
}


@pytest.fixture
async def browser(house: House) -> Browser:
    """The browser of a logged-in user with the page open."""
    browser = house.browser()
    await house.log_in(browser)
    await browser.open(PAGE)
    return browser


async def check(browser: Browser, document: Any, *, pictures: bool = False) -> Page:
    text = document if isinstance(document, str) else json.dumps(document)
    fields = {"content": text} | ({"pictures": "1"} if pictures else {})
    return await browser.post(PAGE, fields)


def preview(page: Page) -> str:
    """The HTML of the preview."""
    found = re.search(r'<div class="sc">(.*)</div>\n</section>', page.answer.text, re.DOTALL)
    return found[1] if found else ""


async def test_without_a_session_the_login_page_comes_first(house: House) -> None:
    browser = house.browser()
    assert (await browser.open(PAGE)).heading == "Log in"
    assert (await browser.post(PAGE, {"content": "{}"})).heading == "Log in"
    assert (await browser.open("/console/4711009/content")).status == 404


async def test_the_page_begins_with_an_example_that_is_valid(browser: Browser) -> None:
    page = browser.shown
    assert (page.status, page.heading, page.scripts) == (200, "Structured content", 0)
    example = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page.answer.text, re.DOTALL)
    assert example is not None
    shown = await check(browser, example[1].replace("&#34;", '"'))
    assert "Valid: 0 errors, 0 warnings" in shown.text


async def test_findings_are_listed_with_their_places(browser: Browser) -> None:
    page = await check(browser, '{"type": "text",\n "text": 7, "colour": "red"}')
    assert "Would be refused: 1 error, 1 warning" in page.text
    listed = re.findall(r"<li>(.*?)</li>", page.answer.text, re.DOTALL)
    assert [" ".join(re.sub(r"<[^>]*>", "", one).split()) for one in listed] == [
        (
            "Error type: text is a number, not a string Line 2, column 10, at /text. Expected: a string. "
            'Fix: [{"op": "replace", "path": "/text", "value": "7"}]'
        ),
        "Warning unknown_member: text has no member &#34;colour&#34; Line 2, column 13, at /colour",
    ]
    assert "&#34;colour&#34;: &#34;red&#34;}</textarea>" in page.answer.text, "the text stays in the form"


async def test_what_is_no_json_has_findings_and_no_preview(browser: Browser) -> None:
    for text in ("", "{", "[" * 1_000, "\x00", "x" * 300_000):
        page = await check(browser, text)
        assert page.status == 200
        assert "Would be refused: 1 error," in page.text
        assert preview(page) == ""


async def test_a_form_larger_than_any_content_is_refused(browser: Browser) -> None:
    assert (await check(browser, "x" * 800_000)).status == 413


async def test_texts_of_the_content_are_text_and_never_markup(browser: Browser) -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    document = {
        "type": "vertical",
        "tooltip": hostile,
        "elements": [
            {"type": "text", "text": hostile, "style": {"color": "red;}</style><script>", "size": hostile}},
            {"type": "image", "url": f"https://x.example/{hostile}", "alt": hostile, "caption": hostile},
            {"type": "button", "title": hostile, "click": {"actions": [{"type": "link", "uri": hostile}]}},
            {"type": hostile, "elements": [hostile]},
            {"type": "map", "la": hostile, "lo": True, "tooltip": hostile},
            {"type": "template", "title": hostile, "resp": [hostile, 1]},
            {"type": "linkPreview", "url": "javascript:alert(1)", "title": hostile},
        ],
    }
    page = await check(browser, document, pictures=True)
    assert (page.status, page.scripts) == (200, 0)
    assert len(page.images) == 1, "the picture that was asked for"
    assert "<script" not in page.answer.text
    assert "href=" not in preview(page)
    assert "alert(1)" not in page.answer.headers["content-security-policy"]


async def test_pictures_are_loaded_only_when_that_is_asked_for(browser: Browser) -> None:
    page = await check(browser, CARD)
    assert page.images == []
    assert "Picture Red shoes https://img.example.com/a.png Runner" in page.text
    assert "img-src 'self';" in page.answer.headers["content-security-policy"]
    page = await check(browser, CARD, pictures=True)
    assert '<img src="https://img.example.com/a.png" alt="Red shoes" referrerpolicy="no-referrer"' in page.answer.text
    assert "img-src 'self' https://img.example.com;" in page.answer.headers["content-security-policy"]
    assert page.answer.headers["referrer-policy"] == "no-referrer"


async def test_colours_are_rules_that_the_policy_knows(browser: Browser) -> None:
    page = await check(browser, CARD)
    assert ".sc-look-0{color:#123456}</style>" in page.answer.text
    assert page.answer.headers["content-security-policy"].count("'sha256-") == 2


async def test_the_page_cannot_be_framed_or_cached(browser: Browser) -> None:
    headers = browser.shown.answer.headers
    assert (headers["cache-control"], headers["x-frame-options"]) == ("no-store", "DENY")
    assert "default-src 'none'" in headers["content-security-policy"]
