"""The sample web application as a process of its own, and a person's browser that walks between it and Switchbay."""

import asyncio
import contextlib
import json
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

from support.browser import Browser, CookieJar, Page
from support.certs import Authority
from support.node import ACCOUNT, PASSWORD, Node

_EXAMPLES = Path(__file__).parent.parent.parent / "examples"
_PROGRAM = _EXAMPLES / "web_app" / "app.py"
_MOST_CROSSINGS = 10


def web_application(origin: str, **changes: Any) -> dict[str, Any]:
    """The second manifest example, filled for the sample application, as the demo installs it."""
    text = (_EXAMPLES / "manifests" / "web-application.json").read_text("utf-8")
    text = text.replace("{YOUR_APPLICATION_DOMAIN}", origin.removeprefix("https://"))
    document: dict[str, Any] = json.loads(text.replace("{CALLBACK_PATH}", "callback").replace("http://", "https://"))
    return {
        **document,
        "enabled": True,
        "quick_launch_enabled": True,
        "post_logout_redirect_uris": [f"{origin}/signed-out"],
        "backchannel_logout_uri": f"{origin}/backchannel-logout",
        **changes,
    }


@dataclass(slots=True)
class Person:
    """A browser: one jar of cookies, as cookies do not tell the ports of a host apart, and one page."""

    at_node: Browser
    at_app: Browser
    app_origin: str
    origin: str
    page: Page | None = None

    @property
    def shown(self) -> Page:
        """The page on the screen."""
        assert self.page is not None
        return self.page

    async def open(self, url: str) -> Page:
        """Go to an address of either and follow every redirect."""
        at_app = url.startswith(f"{self.app_origin}/")
        return await self._arrive(await (self.at_app if at_app else self.at_node).open(url))

    async def submit(self, values: dict[str, str] | None = None, press: str | None = None) -> Page:
        """Send the only form of the page on the screen."""
        at_app = self.shown.url.startswith(f"{self.app_origin}/")
        return await self._arrive(await (self.at_app if at_app else self.at_node).submit(values, press=press))

    async def press(self, action: str) -> Page:
        """Press the button of an empty form of the app, which has several."""
        return await self._arrive(await self.at_app.post(f"{self.app_origin}{action}", {}))

    async def log_in(self, name: str = "agent") -> Page:
        """Fill in the login page."""
        return await self.submit({"username": name, "password": PASSWORD})

    async def launch(self) -> Page:
        """Open the menu and click the web application."""
        menu = await self.open(f"{self.origin}/launch/{ACCOUNT}")
        href = next(href for href, text in menu.links if "Web application example" in " ".join(text.split()))
        return await self.open(f"{self.origin}{href}")

    async def _arrive(self, page: Page) -> Page:
        for _ in range(_MOST_CROSSINGS):
            leads_to = page.left_for
            if leads_to is None and "refresh" in page.answer.headers:
                leads_to = urljoin(page.url, page.answer.headers["refresh"].removeprefix("0; url="))
            if leads_to is None:
                self.page = page
                return page
            at_app = leads_to.startswith(f"{self.app_origin}/")
            assert at_app or leads_to.startswith(f"{self.origin}/"), leads_to
            page = await (self.at_app if at_app else self.at_node).open(leads_to)
        raise AssertionError("too many redirects")


@dataclass(slots=True)
class WebApp:
    """The running application and its installation."""

    node: Node
    origin: str
    installation: dict[str, Any]
    http: httpx.AsyncClient

    def person(self) -> Person:
        """Somebody with a browser that was never used."""
        origin = str(self.node.client.base_url).rstrip("/")
        person = Person(Browser(self.node.client), Browser(self.http), self.origin, origin)
        person.at_app.jar = person.at_node.jar = CookieJar()
        return person


@asynccontextmanager
async def running_web_app(
    node: Node, authority: Authority, admin: dict[str, str], **changes: Any
) -> AsyncIterator[WebApp]:
    """Start the application and install it."""
    origin = str(node.client.base_url).rstrip("/")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(_PROGRAM), "--port", "0", "--issuer", f"{origin}/oidc/{ACCOUNT}"),
        *("--certificate", str(authority.server_file("localhost", "127.0.0.1")), "--authority", str(node.ca_file)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))["address"]
        installation = await node.install(web_application(address, **changes), admin)
        process.stdin.write(f"{installation['client_id']} {installation['client_secret']}\n".encode())
        await process.stdin.drain()
        context = ssl.create_default_context(cafile=str(authority.ca_file))
        async with httpx.AsyncClient(base_url=address, verify=context, timeout=20) as http:
            yield WebApp(node, address, installation, http)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        process.stdin.close()
