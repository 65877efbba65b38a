"""The web messenger in Chromium, on a page of another site with a strict policy, against a served node."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from websockets.asyncio.client import connect

from browser.conftest import open_window
from support.agent_socket import AgentSocket
from support.node import ACCOUNT, Node
from support.receiver import Answer
from switchbay.accounts.public import OPERATOR, AccountChange
from switchbay.messaging.domain import AgentCaller, Command, Event, EventKind, Publish

pytest.importorskip("playwright.async_api", reason="Playwright is not installed: run make browsers")

T = TypeVar("T")
SITE = "https://app.example.com"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92ef"
    "0000000049454e44ae426082"
)


@dataclass(slots=True)
class Shop:
    """A visitor's page with the messenger, and the agent on the other side."""

    page: Any
    context: Any
    node: Node
    headers: dict[str, str]

    async def load(self) -> None:
        """Open the page."""
        await self.page.goto(f"{SITE}/shop")

    async def open(self) -> None:
        """Open the messenger."""
        await self.page.get_by_role("button", name=re.compile("Open messages")).click()
        await self.field.wait_for()

    @property
    def field(self) -> Any:
        """Where the visitor writes."""
        return self.page.get_by_role("textbox", name="Your message")

    @property
    def log(self) -> Any:
        """The conversation."""
        return self.page.get_by_role("log")

    async def say(self, text: str) -> None:
        """Write and send."""
        await self.field.fill(text)
        await self.field.press("Enter")

    async def texts(self) -> list[str]:
        """All messages as they are shown."""
        return list(await self.page.locator(".message .text").all_inner_texts())

    async def shows(self, *texts: str) -> None:
        """Wait until these and no other messages are shown, in this order."""
        async with asyncio.timeout(15):
            while (shown := await self.texts()) != list(texts):
                assert len(shown) <= len(texts), (shown, texts)
                await asyncio.sleep(0.05)

    async def state(self, name: str) -> None:
        """Wait until the newest message of the visitor is in this state."""
        await self.page.locator(".mine").last.get_by_text(name).wait_for()

    async def call(self, method: str, path: str, body: object = None, **query: str) -> Any:
        """A call of the agent's."""
        answer = await self.node.client.request(
            method,
            f"/switchbay/v1/accounts/{ACCOUNT}/conversations{path}",
            json=body,
            params=query,
            headers=self.headers,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def open_conversations(self) -> list[Any]:
        """What the agent sees."""
        return list((await self.call("GET", "", state="OPEN"))["items"])

    async def until(self, look: Callable[[], Awaitable[T]], seconds: float = 10) -> T:
        """Look until there is something to see."""
        async with asyncio.timeout(seconds):
            while not (seen := await look()):  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.05)
        return seen

    async def conversation(self) -> str:
        """The visitor's only open conversation, which the agent joins."""
        (one,) = await self.until(self.open_conversations)
        conversation = str(one["convId"])
        await self.call("POST", f"/{conversation}/join")
        return conversation

    async def answer(self, conversation: str, message: str, **more: Any) -> int:
        """The agent says something."""
        event = {"type": "ContentEvent", "contentType": "text/plain", "message": message, **more}
        return int((await self.call("POST", f"/{conversation}/events", event))["sequence"])

    async def event(self, conversation: str, event: dict[str, Any]) -> None:
        """The agent publishes something."""
        await self.call("POST", f"/{conversation}/events", event)

    async def smuggle(self, conversation: str, event: dict[str, Any]) -> None:
        """The agent publishes what the server would refuse, as if an older server had let it in."""
        stored = await self.node.platform.messaging.get_conversation(ACCOUNT, conversation)
        assert stored.assigned is not None
        step = Publish(conversation, Event(EventKind.RICH_CONTENT, json.dumps(event)))
        command = Command(ACCOUNT, AgentCaller(stored.assigned.id), conversation, (step,))
        await self.node.platform.messaging.submit(command)

    async def stored(self, conversation: str) -> list[dict[str, Any]]:
        """What the server has of the conversation."""
        events: list[dict[str, Any]] = (await self.call("GET", f"/{conversation}/events", limit="200"))["items"]
        return events

    async def said(self, conversation: str) -> list[str]:
        """The texts that the server has."""
        events = [one["event"] for one in await self.stored(conversation)]
        return [one["message"] for one in events if one["type"] == "ContentEvent"]


def page_of(node: Node, attributes: str = "") -> Answer:
    """A page that lets nothing in but the messenger and what it needs."""
    origin = str(node.client.base_url).rstrip("/")
    policy = (
        f"default-src 'none'; script-src {origin}; connect-src {origin} {origin.replace('https', 'wss')}; "
        "img-src data: https:; require-trusted-types-for 'script'"
    )
    body = (
        "<!doctype html><html lang=en><title>Shop</title><meta name=viewport content='width=device-width'>"
        f"<h1>Shop</h1><p>Things to buy.</p><script src='{origin}/messenger/v1/messenger.js' "
        f"data-account={ACCOUNT} {attributes} async></script>"
    )
    headers = (("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", policy))
    return Answer(200, body.encode(), headers)


@pytest.fixture
async def shop(chromium: Any, node: Node, app: Any) -> AsyncIterator[Shop]:
    await node.platform.accounts.update_account(ACCOUNT, AccountChange(web_origins=[SITE]), OPERATOR)
    app.pages["/shop"] = page_of(node)
    async for window in open_window(chromium, node, scripts=True):
        shop = Shop(window.page, window.page.context, node, await node.login("agent"))
        await shop.load()
        yield shop


def cut(node: Node) -> int:
    """End every consumer's connection without a word, as a broken network does; return how many there were."""
    readers = [reader for readers in node.platform.consumers._feed._readers.values() for reader in readers]
    for reader in readers:
        socket = getattr(reader, "socket", None)
        if socket is not None:
            socket._connection._transport.abort()
    return len(readers)


# Talking


async def test_a_visitor_talks_with_an_agent(shop: Shop) -> None:
    await shop.open()
    await shop.page.get_by_text("Hello! How can we help you?").wait_for()
    await shop.say("Do you have <b>tea</b>?")
    await shop.state("Sent")
    conversation = await shop.conversation()
    await shop.event(conversation, {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]})
    await shop.state("Read")
    await shop.event(conversation, {"type": "ChatStateEvent", "chatState": "COMPOSING"})
    await shop.page.get_by_text("The other side is typing").wait_for()
    await shop.answer(conversation, "Yes: https://shop.example/tea, and <img src=x onerror=alert(1)>")
    await shop.shows("Do you have <b>tea</b>?", "Yes: https://shop.example/tea, and <img src=x onerror=alert(1)>")
    await shop.page.get_by_text("The other side is typing").wait_for(state="hidden")
    link = shop.log.get_by_role("link")
    assert await link.get_attribute("href") == "https://shop.example/tea"
    assert await link.get_attribute("rel") == "noopener noreferrer"
    receipt = {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [2]}

    async def is_read() -> bool:
        return receipt in [one["event"] for one in await shop.stored(conversation)]

    await shop.until(is_read)


@asynccontextmanager
async def agent_socket(node: Node) -> AsyncIterator[AgentSocket]:
    """The agent's own client, over TLS."""
    bearer = (await node.login("agent"))["Authorization"].removeprefix("Bearer ")
    server = str(node.client.base_url).rstrip("/").replace("https", "wss", 1)
    uri = f"{server}/ws_api/account/{ACCOUNT}/messaging/brand/{bearer}?v=2.1"
    trust = ssl.create_default_context(cafile=str(node.ca_file))
    async with connect(uri, ssl=trust, proxy=None) as connection:
        yield AgentSocket(connection)


async def hears(agent: AgentSocket, **members: object) -> None:
    """Wait until the agent is told of an event with these members."""
    while not members.items() <= (await agent.event())["event"].items():
        pass


async def test_a_visitor_rings_at_an_agent_and_both_talk_over_their_sockets(shop: Shop) -> None:
    async with agent_socket(shop.node) as agent:
        await agent.done(".ams.routing.SetAgentState", {"availability": "ONLINE"})
        await agent.done(".ams.routing.SubscribeRoutingTasks")
        await shop.open()
        await shop.say("Is somebody there?")
        [task] = (await agent.notification("RoutingTaskNotification"))["changes"]
        conversation, [ring] = task["result"]["conversationId"], task["result"]["ringsDetails"]
        answer = {"ringId": ring["ringId"], "ringState": "ACCEPTED"}
        assert await agent.done(".ams.routing.UpdateRingState", answer) == "Ring state updated successfully"
        # The conversation rings as it is opened: what the visitor wrote may come before or after it is accepted.
        if not await agent.done(".ams.ms.QueryMessages", {"dialogId": conversation, "newerThanSequence": 0}):
            await hears(agent, message="Is somebody there?")

        async def tell(event: dict[str, Any]) -> None:
            await agent.done(".ams.ms.PublishEvent", {"dialogId": conversation, "event": event})

        await tell({"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]})
        await shop.state("Read")
        await tell({"type": "ChatStateEvent", "chatState": "COMPOSING"})
        await shop.page.get_by_text("The other side is typing").wait_for()
        sequence = await agent.publish(conversation, "Yes, I am.")
        await shop.shows("Is somebody there?", "Yes, I am.")
        await hears(agent, status="READ", sequenceList=[sequence])
        await shop.field.press_sequentially("Good")
        await hears(agent, chatState="COMPOSING", type="ChatStateEvent")
        await shop.field.press("Enter")
        await hears(agent, message="Good")
        closing = {"field": "ConversationStateField", "conversationState": "CLOSE"}
        assert (await agent.update(conversation, closing))["code"] == 200
        await shop.page.get_by_text("The conversation has ended.").wait_for()


async def test_nothing_is_asked_of_the_server_before_the_visitor_writes(shop: Shop) -> None:
    asked: list[str] = []
    shop.page.on("request", lambda request: asked.append(request.url))
    shop.page.on("websocket", lambda socket: asked.append(socket.url))
    await shop.open()
    await asyncio.sleep(0.3)
    assert asked == []


async def test_a_later_visit_is_the_same_consumer_with_unread_messages(shop: Shop) -> None:
    await shop.open()
    await shop.say("I come back")
    await shop.state("Sent")
    conversation = await shop.conversation()
    await shop.load()
    for message in ("one", "two"):
        await shop.answer(conversation, message)
    await shop.page.get_by_role("button", name="Open messages, 2 unread").click()
    await shop.shows("I come back", "one", "two")
    await shop.page.get_by_role("button", name=re.compile("^Close messages$")).last.wait_for()
    await shop.page.keyboard.press("Escape")
    await shop.load()
    await shop.page.get_by_role("button", name=re.compile("^Open messages$")).wait_for()


async def test_quick_replies_answer_with_a_click(shop: Shop) -> None:
    await shop.open()
    await shop.say("Hello")
    conversation = await shop.conversation()
    replies = [
        {
            "type": "button",
            "title": title,
            "click": {
                "actions": [{"type": "publishText", "text": text}],
                "metadata": [{"type": "ExternalId", "id": text}],
            },
        }
        for title, text in (("Tea", "I would like tea"), ("Coffee", "I would like coffee"))
    ]
    await shop.answer(
        conversation, "Tea or coffee?", quickReplies={"type": "quickReplies", "itemsPerRow": 2, "replies": replies}
    )
    await shop.page.get_by_role("group", name="Suggested answers").get_by_role("button", name="Tea").click()
    await shop.shows("Hello", "Tea or coffee?", "I would like tea")
    assert await shop.page.get_by_role("button", name="Coffee").count() == 0
    last = [one for one in await shop.stored(conversation) if one["event"]["type"] == "ContentEvent"][-1]
    assert last["metadata"][0] == {"type": "ExternalId", "id": "I would like tea"}


async def test_structured_content_is_shown_and_does_only_what_is_safe(shop: Shop) -> None:
    await shop.open()
    await shop.say("Show me")
    conversation = await shop.conversation()
    elements = [
        {"type": "text", "text": "<i>Tea</i>", "style": {"bold": True}},
        {"type": "image", "url": "javascript:alert(1)"},
        button("Buy", {"type": "publishText", "text": "I buy it"}),
        button("Read more", {"type": "link", "uri": "https://shop.example/tea"}),
        button("Trap", {"type": "link", "uri": "javascript:alert(1)"}),
        button("Where", {"type": "navigate", "lo": 13.4, "la": 52.5}),
    ]
    card = {"type": "vertical", "elements": elements}
    content = {"type": "carousel", "elements": [card, {"type": "horizontal", "elements": elements[:1]}]}
    await shop.smuggle(conversation, {"type": "RichContentEvent", "content": content})
    await shop.log.get_by_text("<i>Tea</i>").first.wait_for()
    assert await shop.log.get_by_role("link", name="Read more").get_attribute("href") == "https://shop.example/tea"
    where = await shop.log.get_by_role("link", name="Where").get_attribute("href")
    assert where.startswith("https://www.openstreetmap.org/?mlat=52.5&mlon=13.4")
    assert await shop.log.get_by_role("link", name="Trap").count() == 0
    assert await shop.log.get_by_role("button", name="Trap").count() == 0
    assert await shop.log.locator("img").count() == 0
    await shop.log.get_by_role("button", name="Buy").click()
    await shop.state("Sent")
    assert (await shop.said(conversation))[-1] == "I buy it"


def button(title: str, action: dict[str, Any]) -> dict[str, Any]:
    return {"type": "button", "title": title, "click": {"actions": [action]}}


# The connection


async def test_nothing_is_lost_or_doubled_while_connections_break(shop: Shop) -> None:
    await shop.open()
    await shop.say("first")
    conversation = await shop.conversation()
    expected = ["first"]

    async def break_it() -> None:
        while True:
            await asyncio.sleep(0.35)
            cut(shop.node)

    breaking = asyncio.create_task(break_it())
    try:
        for number in range(20):
            await shop.say(f"visitor {number}")
            await shop.answer(conversation, f"agent {number}")
    finally:
        breaking.cancel()
    expected += [f"{who} {number}" for number in range(20) for who in ("visitor", "agent")]

    async def is_sent() -> bool:
        is_sending = await shop.page.locator(".state.sending").count()
        return len(await shop.texts()) >= len(expected) and not is_sending

    await shop.until(is_sent, 40)
    said = await shop.said(conversation)
    assert sorted(said) == sorted(expected)
    assert [one for one in said if one.startswith("visitor")] == [f"visitor {number}" for number in range(20)]
    await shop.shows(*said)
    await shop.load()
    await shop.open()
    await shop.shows(*said)


async def test_what_is_written_without_a_connection_is_sent_later_even_by_the_next_page(shop: Shop) -> None:
    await shop.open()
    await shop.say("first")
    conversation = await shop.conversation()
    await shop.state("Sent")
    await shop.page.evaluate("dispatchEvent(new Event('offline'))")
    await shop.context.route("**/*", lambda route: route.abort())
    await shop.page.route_web_socket(re.compile("."), lambda socket: socket.close())
    await shop.say("second")
    await shop.page.get_by_text("No connection.").wait_for()
    await shop.state("Sending")
    assert await shop.said(conversation) == ["first"]
    await shop.context.unroute_all()
    page = await shop.context.new_page()
    await shop.page.close()
    shop.page = page
    await shop.load()
    await shop.open()
    await shop.shows("first", "second")
    await shop.state("Sent")
    assert await shop.said(conversation) == ["first", "second"]


async def test_a_message_that_the_server_refuses_can_be_tried_again_or_removed(shop: Shop) -> None:
    await shop.node.platform.accounts.update_account(ACCOUNT, AccountChange(messaging_enabled=False), OPERATOR)
    await shop.open()
    await shop.say("Is somebody there?")
    await shop.state("Not sent")
    await shop.page.get_by_role("button", name="Try again").click()
    await shop.state("Not sent")
    await shop.node.platform.accounts.update_account(ACCOUNT, AccountChange(messaging_enabled=True), OPERATOR)
    await shop.page.get_by_role("button", name="Try again").click()
    await shop.state("Sent")
    assert await shop.said(await shop.conversation()) == ["Is somebody there?"]


async def test_a_page_that_may_not_use_the_messenger_is_told(shop: Shop) -> None:
    await shop.node.platform.accounts.update_account(
        ACCOUNT, AccountChange(web_origins=["https://other.example"]), OPERATOR
    )
    await shop.open()
    await shop.say("Hello?")
    await shop.page.get_by_text("The messenger is not available on this page.").wait_for()


# The end


async def test_a_conversation_ends_is_rated_and_is_followed_by_another(shop: Shop) -> None:
    await shop.open()
    await shop.say("Goodbye")
    conversation = await shop.conversation()
    await shop.page.get_by_role("button", name="End conversation").click()
    await shop.page.get_by_role("button", name="Yes").click()
    await shop.page.get_by_text("The conversation has ended.").wait_for()
    await shop.page.get_by_role("radio", name="4 of 5").check()
    await shop.page.get_by_role("radio", name="Yes").check()
    await shop.page.get_by_role("button", name="Send rating").click()
    await shop.page.get_by_role("button", name="Send rating").wait_for(state="detached")
    details = (await shop.call("GET", f"/{conversation}"))["result"]["conversationDetails"]
    assert details["csat"] == {"csatRate": 4, "csatResolutionConfirmation": True, "status": "FILLED"}
    await shop.say("One more thing")
    second = await shop.conversation()
    assert second != conversation
    assert await shop.said(second) == ["One more thing"]


async def test_a_survey_is_answered_in_the_messenger(shop: Shop) -> None:
    await shop.node.platform.accounts.update_account(ACCOUNT, AccountChange(survey_app="survey"), OPERATOR)
    await shop.open()
    await shop.say("Goodbye")
    conversation = await shop.conversation()
    await shop.page.get_by_role("button", name="End conversation").click()
    await shop.page.get_by_role("button", name="Yes").click()

    async def survey_dialog() -> str | None:
        dialogs = (await shop.call("GET", f"/{conversation}"))["result"]["conversationDetails"]["dialogs"]
        return str(dialogs[1]["dialogId"]) if len(dialogs) > 1 else None

    survey = await shop.until(survey_dialog)
    assert survey is not None
    await shop.say("It was fine")
    await shop.page.get_by_text("A few questions about this conversation").wait_for()
    await shop.shows("Goodbye", "It was fine")
    events = (await shop.call("GET", f"/{conversation}/events", dialog=survey))["items"]
    assert [one["event"]["message"] for one in events] == ["It was fine"]


# For everybody


async def test_everything_is_reached_by_keyboard(shop: Shop) -> None:
    keyboard = shop.page.keyboard
    await keyboard.press("Tab")
    await keyboard.press("Enter")
    await keyboard.type("By keyboard")
    await keyboard.press("Shift+Enter")
    await keyboard.type("alone")
    await keyboard.press("Enter")
    await shop.shows("By keyboard\nalone")
    await keyboard.press("Escape")
    launcher = shop.page.get_by_role("button", name="Open messages")
    assert await launcher.get_attribute("aria-expanded") == "false"
    assert await launcher.evaluate("(element) => element.getRootNode().activeElement === element")


async def test_new_messages_are_announced_and_their_senders_named(shop: Shop) -> None:
    await shop.open()
    assert await shop.log.get_attribute("aria-live") == "polite"
    await shop.say("Hello")
    conversation = await shop.conversation()
    await shop.answer(conversation, "Good day")
    await shop.shows("Hello", "Good day")
    assert await shop.page.locator(".message .hidden").all_text_contents() == ["You: ", "Agent: "]
    assert await shop.page.get_by_role("dialog", name="Messages").count() == 1


async def test_the_page_chooses_language_direction_and_words(shop: Shop, app: Any) -> None:
    app.pages["/shop"] = page_of(shop.node, "data-lang=de data-dir=rtl data-open data-text-welcome='Moin!'")
    await shop.load()
    await shop.page.get_by_role("textbox", name="Ihre Nachricht").wait_for()
    await shop.page.get_by_text("Moin!").wait_for()
    root = shop.page.locator(".root")
    assert (await root.get_attribute("dir"), await root.get_attribute("lang")) == ("rtl", "de")
    box = await shop.page.get_by_role("dialog").bounding_box()
    assert box["x"] < 100, "the end of a line is on the left"


async def test_on_a_small_screen_it_fills_the_window(shop: Shop) -> None:
    await shop.page.set_viewport_size({"width": 360, "height": 640})
    await shop.open()
    box = await shop.page.get_by_role("dialog").bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 360, 640)


# Files


async def test_a_file_is_uploaded_shown_and_opened(shop: Shop) -> None:
    await shop.open()
    async with shop.page.expect_file_chooser() as choosing:
        await shop.page.get_by_role("button", name="Attach a file").click()
    picture = {"name": "teapot.png", "mimeType": "image/png", "buffer": PIXEL}
    await (await choosing.value).set_files(picture)
    await shop.state("Sent")
    conversation = await shop.conversation()
    (stored,) = [one for one in await shop.stored(conversation) if one["event"]["type"] == "ContentEvent"]
    message = stored["event"]["message"]
    assert (message["caption"], message["fileType"]) == ("teapot.png", "PNG")
    shown = shop.log.get_by_role("img", name="teapot.png")
    assert (await shown.get_attribute("src")).startswith("data:image/")
    async with shop.context.expect_page() as opening:
        await shop.log.get_by_role("button", name="Open teapot.png").click()
    tab = await opening.value
    await tab.wait_for_url(re.compile(re.escape(message["relativePath"])))


async def test_a_file_of_another_type_is_refused_and_can_be_removed(shop: Shop) -> None:
    await shop.open()
    async with shop.page.expect_file_chooser() as choosing:
        await shop.page.get_by_role("button", name="Attach a file").click()
    await (await choosing.value).set_files({"name": "run.exe", "mimeType": "application/x-ms", "buffer": b"MZ"})
    await shop.state("Not sent")
    await shop.page.get_by_role("button", name="Remove").click()
    await shop.page.locator(".message").wait_for(state="detached")
