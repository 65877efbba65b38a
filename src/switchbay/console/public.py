"""The door of the console room: the quick-launch menu and the page for structured content, which assembly serves."""

from starlette.routing import BaseRoute

from switchbay.console import content_page
from switchbay.console import routes as menu
from switchbay.console.service import Launch
from switchbay.oauth.public import Browser, SignIn

__all__ = ["Launch", "routes"]


def routes(launch: Launch, browser: Browser, sign_in: SignIn) -> list[BaseRoute]:
    """The routes of the pages."""
    return [*menu.routes(launch, browser, sign_in), *content_page.routes(launch, browser, sign_in)]
