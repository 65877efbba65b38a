"""The second story of the demo: Anna logs in once, and the menu opens an application in which she is signed in."""

from examples.demo.browser import Browser, PageFailed
from examples.demo.screen import Screen
from examples.demo.stage import ADMIN, AGENT, Stage

from switchbay.infra.tls import ssl_context_for_client

_MENU = "Applications"
_APP = "Web application example"
_SIGNED_IN = "Signed in as Anna"


def sign_on(stage: Stage, screen: Screen) -> None:
    """Walk through single sign-on once; raise PageFailed at the first page that is not as it should be."""
    screen.step(f"{ADMIN} allows the web application for everyone in the account, so that nobody is asked")
    stage.admin.call("POST", "/consents", body={"app": stage.web_app.client_id})
    with Browser(ssl_context_for_client(stage.ca_file)) as browser:
        screen.step("Anna opens the quick-launch menu and logs in, once")
        browser.open(stage.launch_address)
        browser.expect("Log in")
        browser.submit("/login", {"username": AGENT, "password": stage.passwords[AGENT].reveal()})
        browser.expect(_MENU)
        screen.say(f"   {stage.launch_address} shows her applications")

        typed = browser.typed
        browser.follow(_APP)
        browser.expect(_SIGNED_IN)
        if browser.typed != typed:
            raise PageFailed("something had to be typed")
        screen.step(f"she clicks {_APP!r}: entry, authorize, callback, nothing typed")
        screen.say(f"   {stage.web_app_address} says: {browser.heading} ({browser.redirects} redirects)")

        browser.submit("/refresh")
        if "<th>Tokens renewed</th><td>1</td>" not in browser.text:
            raise PageFailed("the tokens were not renewed")
        browser.submit("/logout")
        browser.expect("Signed out")
        browser.open(stage.launch_address)
        browser.expect("Log in")
        screen.step("the application renews its tokens; Anna signs out there, and with that here")
    screen.done("signed in once, launched with a click, signed out everywhere")
