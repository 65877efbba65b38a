"""The door of the console room: the quick-launch menu, the page for structured content, and those that show
conversations, which assembly serves.
"""

from starlette.routing import BaseRoute

from switchbay.console import content_page, conversations_page
from switchbay.console import routes as menu
from switchbay.console.service import Launch
from switchbay.infra.machine import Clock
from switchbay.messaging.public import Watching
from switchbay.oauth.public import Browser, SignIn

__all__ = ["Launch", "routes"]


def routes(launch: Launch, watching: Watching, browser: Browser, sign_in: SignIn, clock: Clock) -> list[BaseRoute]:
    """The routes of the pages."""
    return [
        *menu.routes(launch, browser, sign_in),
        *content_page.routes(launch, browser, sign_in),
        *conversations_page.routes(launch, watching, browser, sign_in, clock),
    ]
