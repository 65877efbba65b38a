"""The web tag in Chromium, on the pages of the demo shop with their strict policy, against a served node."""

import asyncio
import importlib.util
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from browser.conftest import Window, open_window
from support.node import ACCOUNT, Node
from support.receiver import Answer
from switchbay.accounts.public import OPERATOR, AccountChange

pytest.importorskip("playwright.async_api", reason="Playwright is not installed: run make browsers")

T = TypeVar("T")
SITE = "https://app.example.com"
EXAMPLES = Path(__file__).parent.parent.parent / "examples"
CONFIGURATION = f"/api/account/{ACCOUNT}/configuration/le-campaigns"
WELCOME = "First time here?"
BUTTON = "Ask about our teas"


def shop_server() -> Any:
    """The program that serves the shop, whose pages these are."""
    spec = importlib.util.spec_from_file_location("shop_serve", EXAMPLES / "shop" / "serve.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(slots=True)
class TagShop:
    """The shop in a window, and the administrator of its account."""

    window: Window
    node: Node
    app_id: str
    headers: dict[str, str]
    pages: dict[str, Answer]
    campaigns: dict[str, int] = field(default_factory=dict)

    @property
    def page(self) -> Any:
        """The page."""
        return self.window.page

    async def go(self, page: str = "index.html") -> None:
        """Open a page of the shop."""
        await self.page.goto(f"{SITE}/{page}")

    def offer(self, name: str) -> Any:
        """The region of an offer."""
        return self.page.get_by_role("region", name=name)

    async def counted(self, **expected: int) -> None:
        """Wait until this is what the report counts."""

        async def totals() -> bool:
            answer = await self.node.client.get(
                f"/switchbay/v1/accounts/{ACCOUNT}/reports/engagements", headers=self.headers
            )
            found = {name: count for name, count in answer.json()["totals"].items() if count}
            return bool({name: found.get(name, 0) for name in expected} == expected)

        await self.until(totals)

    async def until(self, look: Callable[[], Awaitable[T]], seconds: float = 10) -> T:
        """Look until there is something to see."""
        async with asyncio.timeout(seconds):
            while not (seen := await look()):  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.05)
        return seen

    async def conversation(self) -> dict[str, Any]:
        """What the only open conversation says of where it began."""

        async def find() -> list[Any]:
            return list(await self.node.platform.messaging.list_open_conversations(ACCOUNT, most=10))

        (one,) = await self.until(find)
        opening: dict[str, Any] = json.loads(one.opening)
        return opening

    async def present(self, campaign: str, **changes: Any) -> None:
        """Change how the engagement of a campaign looks."""
        path = f"{CONFIGURATION}/campaigns/{self.campaigns[campaign]}/engagements"
        (engagement,) = (await self.node.client.get(path, headers=self.headers)).json()
        for name in ("revision", "deleted", "ineligible"):
            engagement.pop(name, None)
        engagement |= changes.pop("engagement", {})
        engagement["presentation"] |= changes
        answer = await self.node.client.put(
            f"{CONFIGURATION}/engagements/{engagement['id']}",
            json=engagement,
            headers={**self.headers, "If-Match": "*"},
        )
        assert answer.status_code == 200, answer.text


async def publish(shop: TagShop) -> None:
    """Publish the shop's campaigns, without a control group."""
    client, headers = shop.node.client, {**shop.headers, "If-Match": "*"}
    answer = await client.put(f"{CONFIGURATION}/settings", json={"controlGroup": {"percentage": 0}}, headers=headers)
    assert answer.status_code == 200, answer.text
    for file in sorted((EXAMPLES / "shop" / "campaigns").glob("*.json")):
        made = await client.post(f"{CONFIGURATION}/campaigns/import", content=file.read_bytes(), headers=headers)
        assert made.status_code == 201, made.text
        number = made.json()["campaignId"]
        shop.campaigns[file.stem] = number
        published = await client.post(f"{CONFIGURATION}/campaigns/{number}/publish", headers=headers)
        assert published.status_code == 200, published.text


async def open_shop(chromium: Any, node: Node, app: Any, **options: Any) -> AsyncIterator[TagShop]:
    """The shop on a site of its own, in a window with these options."""
    await node.platform.accounts.update_account(ACCOUNT, AccountChange(web_origins=[SITE]), OPERATOR)
    headers = await node.login()
    manifest = json.loads((EXAMPLES / "manifests" / "web-shop.json").read_bytes())
    app_id = str((await node.install(manifest, headers))["client_id"])
    origin = str(node.client.base_url).rstrip("/")
    server = shop_server()
    policy = ("Content-Security-Policy", server.policy(origin))
    for path, (kind, content) in server.read_pages(origin, ACCOUNT, app_id).items():
        app.pages[path] = Answer(200, content, (("Content-Type", kind), policy))
    async for window in open_window(chromium, node, scripts=True, **options):
        shop = TagShop(window, node, app_id, headers, app.pages)
        await publish(shop)
        yield shop


@pytest.fixture
async def shop(chromium: Any, node: Node, app: Any) -> AsyncIterator[TagShop]:
    async for shop in open_shop(chromium, node, app):
        yield shop


async def test_an_offer_is_shown_and_counted_once(shop: TagShop) -> None:
    await shop.go()
    await shop.offer(WELCOME).wait_for()
    assert await shop.page.locator("#advice .switchbay-offer").count() == 1
    await shop.counted(offered=1, displayed=1)
    await shop.page.reload()
    await shop.offer(WELCOME).wait_for()
    await shop.counted(offered=1, displayed=1)
    assert await shop.page.evaluate("Object.keys(window).filter((name) => /switchbay/i.test(name))") == ["switchbay"]
    assert await shop.page.context.cookies() == []


async def test_a_dismissed_offer_stays_away_for_the_session(shop: TagShop) -> None:
    await shop.go("teas.html")
    await shop.offer("Offer").get_by_role("button", name="Dismiss").click()
    assert await shop.offer("Offer").count() == 0
    await shop.counted(displayed=1, closed=1, accepted=0)
    async with shop.page.expect_response("**/engagement?*"):
        await shop.go("sencha.html")
    await asyncio.sleep(0.3)
    assert await shop.page.locator(".switchbay-offer").count() == 0
    await shop.go()
    await shop.offer(WELCOME).wait_for()


async def test_taking_an_offer_up_begins_a_conversation_from_it(shop: TagShop) -> None:
    await shop.present("advice", engagement={"language": "en-GB"})
    await shop.go("teas.html")
    await shop.page.get_by_role("button", name=BUTTON).click()
    field = shop.page.get_by_role("textbox", name="Your message")
    await field.wait_for()
    await shop.page.get_by_text("Hello! Mika here.").wait_for()
    assert await shop.page.locator(".switchbay-offer").count() == 0
    await shop.page.keyboard.type("Which one has little caffeine?")
    await shop.page.keyboard.press("Enter")
    details = await shop.conversation()
    assert details["campaignInfo"]["campaignId"] == str(shop.campaigns["advice"])
    assert details["context"]["lang"] == "en-GB"
    assert details["context"]["interactionContextId"] == "1"
    await shop.counted(displayed=1, accepted=1, conversations=1)
    # On the next page the conversation goes on, and nothing else is offered.
    await shop.go()
    await shop.page.get_by_role("button", name="Open messages").click()
    await shop.page.get_by_text("Which one has little caffeine?").wait_for()
    assert await shop.page.locator(".switchbay-offer").count() == 0


async def test_what_the_page_reports_decides_what_is_offered(shop: TagShop) -> None:
    await shop.go("checkout.html")
    await shop.page.get_by_role("button", name="Pay").click()
    await shop.page.get_by_text("Nothing was charged.").wait_for()
    offer = shop.offer("Is something wrong with the payment?")
    await offer.wait_for()
    await offer.get_by_text("send you an invoice").wait_for()
    await shop.page.get_by_label("Card number").fill("4000 0000 0000 0001")
    await shop.page.get_by_role("button", name="Pay").click()
    await shop.page.get_by_text("on its way").wait_for()
    await shop.counted(displayed=1, conversions=1)


async def test_all_is_done_by_keyboard(shop: TagShop) -> None:
    await shop.go("teas.html")
    await shop.page.get_by_role("button", name=BUTTON).wait_for()
    last = shop.page.get_by_role("button", name="Add to cart").last
    await last.focus()
    assert await shop.page.evaluate("document.activeElement.textContent") == "Add to cart"
    await shop.page.keyboard.press("Tab")
    await shop.page.keyboard.press("Tab")
    assert await focused(shop) == "Dismiss"
    await shop.page.keyboard.press("Escape")
    assert await shop.page.locator(".switchbay-offer").count() == 0
    assert await shop.page.evaluate("document.activeElement.textContent") == "Add to cart"
    await shop.go()
    await shop.offer(WELCOME).wait_for()
    await shop.offer(WELCOME).get_by_role("button", name="Find my tea").focus()
    await shop.page.keyboard.press("Enter")
    await shop.page.get_by_role("textbox", name="Your message").wait_for()
    assert await focused(shop, ".switchbay-messenger") == "Your message"


async def focused(shop: TagShop, host: str = ".switchbay-offer") -> str:
    """The name of what has the focus in a shadow tree."""
    await shop.page.wait_for_function(f"document.querySelector('{host}').shadowRoot.activeElement")
    name: str = await shop.page.evaluate(
        f"document.querySelector('{host}').shadowRoot.activeElement.getAttribute('aria-label') ?? ''"
    )
    return name


async def test_a_page_that_is_not_loaded_anew_is_a_new_page(shop: TagShop) -> None:
    await shop.go()
    await shop.offer(WELCOME).wait_for()
    await shop.page.evaluate("history.pushState(null, '', '/teas')")
    await shop.page.evaluate("switchbay.push(['page', ['category']])")
    await shop.page.get_by_role("button", name=BUTTON).wait_for()
    assert await shop.offer(WELCOME).count() == 0
    await shop.page.evaluate("history.back()")
    await shop.offer(WELCOME).wait_for()
    await shop.page.evaluate("location.hash = 'advice'")
    await asyncio.sleep(0.3)
    assert await shop.offer(WELCOME).count() == 1


@pytest.mark.parametrize(
    ("language", "title", "label"),
    [("de", "Zum ersten Mal hier?", "Meinen Tee finden"), ("nl", WELCOME, "Find my tea")],
)
async def test_texts_are_those_of_the_visitors_language(shop: TagShop, language: str, title: str, label: str) -> None:
    home = shop.pages["/index.html"]
    content = home.body.replace(b'<html lang="en">', f'<html lang="{language}">'.encode())
    shop.pages["/index.html"] = Answer(200, content, home.headers)
    await shop.go()
    await shop.offer(title).wait_for()
    assert await shop.offer(title).get_attribute("lang") == language
    await shop.offer(title).get_by_role("button", name=label).wait_for()
    dismiss = {"de": "Schließen"}.get(language, "Dismiss")
    assert await shop.offer(title).get_by_role("button", name=dismiss).count() == 1


async def test_it_works_where_storage_is_switched_off(shop: TagShop) -> None:
    refuse = """for (const name of ['localStorage', 'sessionStorage'])
        Object.defineProperty(window, name, { get() { throw new DOMException('off', 'SecurityError'); } });"""
    await shop.page.add_init_script(refuse)
    await shop.go("teas.html")
    await shop.page.get_by_role("button", name=BUTTON).click()
    field = shop.page.get_by_role("textbox", name="Your message")
    await field.fill("Hello")
    await field.press("Enter")
    details = await shop.conversation()
    assert details["campaignInfo"]["campaignId"] == str(shop.campaigns["advice"])


async def test_colours_that_could_not_be_read_are_mended(shop: TagShop) -> None:
    await shop.present("advice", backgroundColor="#ffee88", textColor="#ffffff")
    await shop.go("teas.html")
    button = shop.page.get_by_role("button", name=BUTTON)
    await button.wait_for()
    assert await button.evaluate("(one) => getComputedStyle(one).color") == "rgb(0, 0, 0)"


async def test_an_offer_that_was_changed_is_shown_as_it_is_now(shop: TagShop) -> None:
    stale = "**/design"
    await shop.page.route(stale, lambda route: route.fulfill(status=404, json={}))
    await shop.go("teas.html")
    await asyncio.sleep(0.4)
    assert await shop.page.locator(".switchbay-offer").count() == 0
    await shop.page.unroute(stale)
    await shop.page.evaluate("switchbay.push(['report', { type: 'lead', lead: { topic: 'tea' } }])")
    await shop.page.get_by_role("button", name=BUTTON).wait_for()


async def test_a_failure_is_tried_again_and_a_refusal_is_not(shop: TagShop) -> None:
    await shop.page.clock.install()
    asked: list[int] = []
    answers = [503, 429, 200]

    async def answer(route: Any) -> None:
        status = answers[min(len(asked), len(answers) - 1)]
        asked.append(status)
        if status == 200:
            await route.continue_()
        else:
            await route.fulfill(status=status, headers={"Access-Control-Allow-Origin": "*"}, body="")

    await shop.page.route("**/engagement?*", answer)
    await shop.go("teas.html")
    for seconds, count in ((1, 1), (3, 2), (10, 3)):
        await shop.page.clock.run_for(seconds * 1_000)

        async def has_asked(count: int = count) -> bool:
            return len(asked) == count

        await shop.until(has_asked)
    await shop.page.get_by_role("button", name=BUTTON).wait_for()
    asked.clear()
    answers[:] = [400]
    await shop.page.evaluate("switchbay.push(['page', ['category']])")
    await shop.page.clock.run_for(1_000)
    await shop.until(lambda: has_asked(1))
    await shop.page.clock.run_for(200_000)
    await asyncio.sleep(0.3)
    assert asked == [400]


async def test_nothing_happens_before_the_page_says_so(shop: TagShop) -> None:
    home = shop.pages["/teas.html"]
    shop.pages["/teas.html"] = Answer(200, home.body.replace(b"data-section", b"data-wait data-section"), home.headers)
    asked: list[str] = []
    shop.page.on("request", lambda request: asked.append(request.url))
    await shop.go("teas.html")
    await asyncio.sleep(0.4)
    assert [url for url in asked if "/api/" in url] == []
    assert await shop.page.evaluate("Object.keys(localStorage)") == []
    await shop.page.evaluate("switchbay.push(['start'])")
    await shop.page.get_by_role("button", name=BUTTON).wait_for()
