"""The menu of quick launch on the stage of the authorization server, and browsers of people who are logged in."""

from dataclasses import dataclass
from typing import Any

import httpx
from starlette.requests import Request

from support.accounts_house import HOME, PASSWORD
from support.browser import Browser
from support.oauth_stage import ACCOUNT, ORIGIN, Installed, Stage
from switchbay.messaging.public import Files, HistoryRoom, Messaging, Routing
from switchbay.oauth.public import Pages


@dataclass(slots=True)
class House:
    """A node with its menu."""

    stage: Stage
    http: httpx.AsyncClient
    messaging: Messaging
    history: HistoryRoom
    routing: Routing
    files: Files

    def browser(self, languages: str = "en") -> Browser:
        """Another person's browser."""
        return Browser(self.http, languages=languages)

    async def log_in(self, browser: Browser, name: str = "agent") -> str:
        """Give a browser a new session, as the login page does; return the user's id."""
        login = await self.stage.accounts.login(ACCOUNT, name, PASSWORD, HOME)
        cookies = browser.jar.header(f"{ORIGIN}/").encode()
        request = Request({"type": "http", "headers": [(b"cookie", cookies)]})
        response = Pages().render("error", title="", message="", advice="", code="")
        await self.stage.server.browser.add_session(response, request, ACCOUNT, login.bearer)
        for header in response.headers.getlist("set-cookie"):
            browser.jar.store(header, f"{ORIGIN}/")
        return login.principal.user_id

    async def install(self, name: str = "com.example.web", **changes: Any) -> Installed:
        """Install an app that the menu shows."""
        return await self.stage.install(client_name=name, **{"quick_launch_enabled": True, **changes})
