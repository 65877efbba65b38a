"""The preview of structured content in Chromium, with JavaScript and without, against a served node."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from support.node import ACCOUNT, PASSWORD
from support.receiver import Answer

pytest.importorskip("playwright.async_api", reason="Playwright is not installed: run make browsers")

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "content"
OTHER_SITE = "https://www.example.net"
PICTURE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="320" height="160"><rect width="320" height="160" fill="#7fb8f3"/>'
    b'<circle cx="160" cy="80" r="50" fill="#0b5cad"/></svg>'
)
CARD = {
    "type": "vertical",
    "elements": [
        {"type": "image", "url": f"{OTHER_SITE}/shoes.svg", "alt": "Red shoes"},
        {"type": "text", "text": "Runner 3", "style": {"bold": True, "color": "#a1260d"}},
    ],
}


async def open_page(window: Any) -> Any:
    page = window.page
    await page.goto(f"{window.origin}/console/{ACCOUNT}/content")
    await page.get_by_label("User name").fill("agent")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Structured content").wait_for()
    return page


async def check(page: Any, document: object) -> None:
    text = document if isinstance(document, str) else json.dumps(document, indent=2)
    await page.get_by_label("Content as JSON").fill(text)
    await page.get_by_role("button", name="Check").click()
    await page.get_by_role("status").wait_for()


async def test_a_person_logs_in_and_sees_findings_and_a_preview_that_does_nothing(window: Any, app: Any) -> None:
    page = await open_page(window)
    await check(page, (EXAMPLES / "question.json").read_text())
    assert await page.get_by_role("status").text_content() == "Valid: 0 errors, 0 warnings"
    chip = page.get_by_role("list", name="Quick replies").get_by_text("Yes", exact=True)
    assert await chip.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(28, 107, 60)"
    await chip.click()
    await check(page, {"type": "text", "text": 7})
    assert await page.get_by_role("status").text_content() == "Would be refused: 1 error, 0 warnings"
    assert await page.get_by_label("Content as JSON").get_attribute("aria-invalid") == "true"
    assert page.url == f"{window.origin}/console/{ACCOUNT}/content"


async def test_pictures_come_only_when_they_are_asked_for_and_without_a_referrer(window: Any, app: Any) -> None:
    app.pages["/shoes.svg"] = Answer(200, PICTURE, (("Content-Type", "image/svg+xml"),))
    page = await open_page(window)
    await check(page, CARD)
    assert await page.get_by_text("Picture", exact=True).count() == 1
    assert app.arrived("/shoes.svg") == []
    await page.get_by_label("Load pictures from elsewhere").check()
    await check(page, CARD)
    picture = page.get_by_role("img", name="Red shoes")
    await picture.scroll_into_view_if_needed()
    await page.wait_for_load_state("networkidle")
    (request,) = app.arrived("/shoes.svg")
    assert "referer" not in request.headers
    assert await picture.evaluate("one => one.naturalWidth") == 320


async def test_a_carousel_is_scrolled_with_the_keyboard_and_fits_a_small_screen(window: Any, app: Any) -> None:
    page = await open_page(window)
    await page.set_viewport_size({"width": 360, "height": 640})
    await check(page, (EXAMPLES / "carousel.json").read_text())
    carousel = page.get_by_role("region", name="Carousel")
    await carousel.focus()
    assert await carousel.evaluate("one => one.scrollLeft") == 0
    await page.keyboard.press("ArrowRight")
    async with asyncio.timeout(10):
        while await carousel.evaluate("one => one.scrollLeft") == 0:  # noqa: ASYNC110 - the page's scripts may be off
            await asyncio.sleep(0.05)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
