"""The pages that show conversations in Chromium: they renew themselves, with JavaScript and without."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from support.node import ACCOUNT, PASSWORD, Node

pytest.importorskip("playwright.async_api", reason="Playwright is not installed: run make browsers")

APP: dict[str, Any] = {
    "client_name": "connector",
    "grant_types": ["client_credentials"],
    "scope": "msg.consumer",
    "enabled": True,
    "capabilities": {},
}


async def connector(node: Node) -> dict[str, str]:
    """The headers of a connector's consumer."""
    return await node.consumer_headers(await node.app_token(await node.install(APP, await node.login())))


async def open_page(window: Any) -> Any:
    page = window.page
    await page.goto(f"{window.origin}/console/{ACCOUNT}/conversations")
    await page.get_by_label("User name").fill("admin")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Conversations").wait_for()
    return page


async def wait_until(look: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await look():  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.1)


async def test_a_conversation_and_what_is_said_in_it_come_by_themselves(window: Any, node: Node) -> None:
    consumer = await connector(node)
    page = await open_page(window)
    await node.send(consumer, "userprofile.SetUserProfile", {"firstName": "Kim"})
    conversation = await node.open_conversation(consumer)
    row = page.get_by_role("link", name="Kim")
    await wait_until(row.is_visible)
    await row.click()
    await page.get_by_text("Nothing was said.").wait_for()
    await node.say(consumer, conversation, "<b>Hello</b>")
    said = page.get_by_text("<b>Hello</b>", exact=True)
    await wait_until(said.is_visible)
    assert page.url == f"{window.origin}/console/{ACCOUNT}/conversations/{conversation}"


async def test_a_search_that_is_being_written_stays(window: Any, node: Node) -> None:
    page = await open_page(window)
    if await page.locator("noscript meta").count():
        pytest.skip("without scripts the whole page is loaded anew")
    await page.get_by_label("Search messages").fill("half a word")
    await node.open_conversation(await connector(node))
    await wait_until(page.get_by_role("table").is_visible)
    assert await page.get_by_label("Search messages").input_value() == "half a word"


async def test_the_list_fits_a_small_screen(window: Any, node: Node) -> None:
    await node.open_conversation(await connector(node))
    page = await open_page(window)
    await page.set_viewport_size({"width": 360, "height": 640})
    await page.get_by_role("table").wait_for()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
