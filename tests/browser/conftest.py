"""A served node, an app on a site of its own, and Chromium. Run by ``make browsers``; skipped where that was not."""

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from support.certs import make_authority
from support.node import Node, running_node
from support.receiver import Answer, Received, Receiver
from switchbay.infra.db.migrate import migrate

APP = "app.example.com"
OTHER_SITE = "www.example.net"
CALLBACK = f"https://{APP}/callback"
LEFT = f"https://{APP}/left"
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")


def find_chromium() -> str | None:
    """The browser: SWITCHBAY_TEST_CHROMIUM, or one that is installed."""
    configured = os.environ.get("SWITCHBAY_TEST_CHROMIUM")
    return configured or next((path for name in _CHROMIUM if (path := shutil.which(name))), None)


@dataclass(slots=True)
class App:
    """An app with pages of its own: what it is asked for is kept, ``pages`` is what it shows by path."""

    receiver: Receiver
    pages: dict[str, Answer] = field(default_factory=dict)
    client_id: str = ""
    secret: str = ""

    def answer(self, request: Received) -> Answer:
        """Show a page; every other path is a plain one."""
        plain = Answer(200, b"<!doctype html><title>The app</title><h1>The app</h1>", HTML)
        return self.pages.get(request.path.partition("?")[0], plain)

    def arrived(self, path: str = "/callback") -> list[Received]:
        """The requests for one path."""
        return [request for request in self.receiver.requests if request.path.partition("?")[0] == path]

    def parameters(self, path: str = "/callback") -> dict[str, str]:
        """What the one request for a path brought, in its query or its body."""
        (request,) = self.arrived(path)
        return dict(parse_qsl(request.body.decode() or urlsplit(request.path).query, keep_blank_values=True))


HTML = (("Content-Type", "text/html; charset=utf-8"),)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """A node on SQLite: which engine stores the rows makes no difference to a browser."""
    url = f"sqlite:///{tmp_path / 'node.db'}"
    migrate(url)
    async with running_node(tmp_path / "node", url, manifest_dev_mode=True) as running:
        yield running


@pytest.fixture
async def app(node: Node, tmp_path: Path) -> AsyncIterator[App]:
    """An installed app that runs on a site of its own."""
    async with Receiver(make_authority(tmp_path), hosts=(APP, OTHER_SITE)) as receiver:
        app = App(receiver)
        receiver.answer = app.answer
        manifest = {
            "client_name": "com.example.web",
            "display_name": "Example web application",
            "description": "Shows who is signed in.",
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "redirect_uris": [CALLBACK, "com.example.app:/callback"],
            "post_logout_redirect_uris": [LEFT],
            "scope": "msg.consumer",
        }
        installed = await node.install(manifest, await node.login())
        app.client_id, app.secret = installed["client_id"], installed["client_secret"]
        yield app


@pytest.fixture
async def chromium(app: App) -> AsyncIterator[Any]:
    """Chromium, for which the app's names lead to the app."""
    playwright_api = pytest.importorskip("playwright.async_api")
    path = find_chromium()
    if path is None:
        pytest.skip("there is no Chromium: run make browsers")
    here = f"127.0.0.1:{app.receiver.port}"
    arguments = [f"--host-resolver-rules=MAP {APP}:443 {here},MAP {OTHER_SITE}:443 {here}"]
    async with playwright_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=arguments, chromium_sandbox=os.geteuid() != 0
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass(slots=True)
class Window:
    """A page of Chromium, and what it complained about."""

    page: Any
    origin: str
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(params=[True, False], ids=["scripts", "noscript"])
async def window(request: pytest.FixtureRequest, chromium: Any, node: Node) -> AsyncIterator[Window]:
    """A window with JavaScript and one without. At the end nothing may have been refused by a page's policy."""
    async for window in open_window(chromium, node, scripts=request.param):
        yield window


async def open_window(chromium: Any, node: Node, *, scripts: bool, **options: Any) -> AsyncIterator[Window]:
    """One window with cookies of its own."""
    context = await chromium.new_context(ignore_https_errors=True, java_script_enabled=scripts, **options)
    context.set_default_timeout(10_000)
    page = await context.new_page()
    window = Window(page, str(node.client.base_url).rstrip("/"))
    page.on("console", lambda message: window.complaints.append(message.text))
    try:
        yield window
        refused = [text for text in window.complaints if "Content Security Policy" in text]
        assert refused == []
    finally:
        await context.close()
