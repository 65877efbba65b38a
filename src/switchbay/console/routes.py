"""The quick-launch menu at ``/launch/{account}``, and its clicks.

A person without a session is sent to the login page first, and comes back. The menu is links, so that it works without
scripts; a click answers a redirect to the app, and a link from elsewhere can do no more than start an app that is in
the menu anyway.
"""

from typing import Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from switchbay.console import errors
from switchbay.console.content_page import CONTENT
from switchbay.console.conversations_page import CONVERSATIONS, WATCHERS
from switchbay.console.service import Launch
from switchbay.console.visits import choose, serve
from switchbay.oauth.public import Browser, Pages, SignIn, read_languages

MENU: Final = "/launch/{account}"
CLICK: Final = "/launch/{account}/{app}"
_LONGEST_APP: Final = 64
_LONGEST_TARGET: Final = 4_096
_LONGEST_LOCALES: Final = 1_000
_AFTER: Final = "after"
_LOGIN: Final = "login"


def routes(launch: Launch, browser: Browser, sign_in: SignIn) -> list[BaseRoute]:
    """The routes of the menu."""
    pages = _Menu(launch, browser, sign_in)
    return [Route(MENU, pages.show, methods=["GET"]), Route(CLICK, pages.click, methods=["GET"])]


class _Menu:
    def __init__(self, launch: Launch, browser: Browser, sign_in: SignIn) -> None:
        self._launch = launch
        self._browser = browser
        self._sign_in = sign_in
        self._pages = Pages("switchbay.console")

    async def show(self, request: Request) -> Response:
        """The menu."""
        return await serve(self._pages, request, self._show)

    async def click(self, request: Request) -> Response:
        """Start an app."""
        return await serve(self._pages, request, self._click)

    async def _show(self, request: Request, account_id: str) -> Response:
        base = f"/launch/{account_id}"
        ui_locales = request.query_params.get("ui_locales", "")
        sessions = await self._browser.sessions(request, account_id)
        session = choose(sessions, request.query_params.get("user"))
        if session is None:
            await self._launch.get_account_name(account_id)  # nobody is asked to log in to an account that is not there
            return self._sign_in.begin(request, account_id, base, ui_locales=ui_locales[:_LONGEST_LOCALES])
        menu = await self._launch.menu(account_id, read_languages(ui_locales, request.headers.get("accept-language")))
        user = session.principal
        return self._pages.render(
            "menu",
            account_name=menu.account_name,
            tiles=menu.tiles,
            base=base,
            user_id=user.user_id,
            display_name=user.display_name,
            login_name=user.login_name,
            others=[other.principal for other in sessions if other.principal.user_id != user.user_id],
            content=CONTENT.format(account=account_id),
            conversations="" if user.roles.isdisjoint(WATCHERS) else CONVERSATIONS.format(account=account_id),
            sign_out=f"/oidc/{account_id}/logout",
        )

    async def _click(self, request: Request, account_id: str) -> Response:
        app_id: str = request.path_params["app"]
        target = request.query_params.get("target_link_uri")
        if len(app_id) > _LONGEST_APP:
            raise errors.app_unknown()
        if target is not None and len(target) > _LONGEST_TARGET:
            raise errors.target_refused()
        own = f"/launch/{account_id}/{quote(app_id, safe='')}"
        given = {} if target is None else {"target_link_uri": target}
        sessions = await self._browser.sessions(request, account_id)
        session = choose(sessions, request.query_params.get("user"))
        if session is None:
            await self._launch.get_account_name(account_id)
            return self._sign_in.begin(request, account_id, f"{own}?{urlencode({**given, _AFTER: _LOGIN})}")
        user_id = session.principal.user_id
        started = await self._launch.start(account_id, app_id, user_id, target)
        if request.query_params.get(_AFTER) == _LOGIN:
            return await self._go_on(request, account_id, app_id, f"{own}?{urlencode({**given, 'user': user_id})}")
        return RedirectResponse(started, 302, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})

    async def _go_on(self, request: Request, account_id: str, app_id: str, address: str) -> Response:
        """A page between the login and the app.

        Browsers apply the ``form-action`` of the login page to every redirect that answers its form, as far as they go
        on; which they are is the app's business and cannot be named there. A page ends the chain.
        """
        languages = read_languages(None, request.headers.get("accept-language"))
        response = self._pages.render(
            "go",
            account_name=await self._launch.get_account_name(account_id),
            app_name=await self._launch.get_app_name(account_id, app_id, languages),
            address=address,
        )
        response.headers["Refresh"] = f"0; url={address}"
        return response
