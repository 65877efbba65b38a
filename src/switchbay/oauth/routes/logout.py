"""The logout endpoint, which apps send their users to (OpenID Connect RP-Initiated Logout 1.0), and its page.

It takes GET and POST. A form that an app's page sends arrives without our cookies, which are ``Lax``; the redirect that
answers it brings the browser back with them, and with the request sealed, so that no ID token stands in an address.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.accounts.public import Accounts
from switchbay.apps.public import localise
from switchbay.infra.web import client_address
from switchbay.oauth import pages
from switchbay.oauth.browser import Browser
from switchbay.oauth.pages.words import read_languages
from switchbay.oauth.protocol.oidc_rp_logout import LogoutRefused, read_fields
from switchbay.oauth.routes.forms import (
    START_AGAIN,
    CookiesMissing,
    PageTrouble,
    error_page,
    parse_pairs,
    read_form,
    read_form_body,
    see_other,
    with_pages,
)
from switchbay.oauth.service.logout import Confirm, Done, ErrorPage, Logout

_MOST_QUERY_BYTES: Final = 32_768
_TITLE: Final = "This app's request cannot be answered"


class LogoutPages:
    """Serves the endpoint and the page."""

    def __init__(self, logout: Logout, browser: Browser, accounts: Accounts, *, origin: str) -> None:
        self._logout = logout
        self._browser = browser
        self._accounts = accounts
        self._origin = origin

    def routes(self) -> list[BaseRoute]:
        """The routes."""
        return [
            Route("/oidc/{account}/logout", with_pages(self._ask), methods=["GET"]),
            Route("/oidc/{account}/logout", with_pages(self._ask_by_form), methods=["POST"]),
            Route("/oidc/{account}/interaction/logout", with_pages(self._confirm), methods=["POST"]),
        ]

    async def _ask_by_form(self, request: Request) -> Response:
        account = await self._accounts.get_account(request.path_params["account"])
        fields = _known_fields(await read_form_body(request))
        sealed = self._logout.seal_request(account.account_id, fields)
        return see_other(f"/oidc/{account.account_id}/logout?r={sealed}")

    async def _ask(self, request: Request) -> Response:
        account = await self._accounts.get_account(request.path_params["account"])
        query: bytes = request.scope["query_string"]
        if len(query) > _MOST_QUERY_BYTES:
            raise PageTrouble(400, "request_malformed", _TITLE, "The request is too long.")
        sealed = request.query_params.get("r")
        fields = _known_fields(query) if sealed is None else self._logout.open_request(account.account_id, sealed)
        if fields is None:
            raise PageTrouble(400, "transaction_invalid", "This page is too old", "Start the logout again.")
        sessions = await self._browser.all_sessions(request, account.account_id)
        answer = await self._logout.handle(account.account_id, fields, sessions, client_address(request))
        match answer:
            case ErrorPage(code, message):
                return error_page(400, code, _TITLE, message)
            case Confirm():
                return self._confirm_page(request, account.account_id, account.name, fields.get("ui_locales"), answer)
            case Done():
                return await self._done(request, account.account_id, account.name, answer)

    def _confirm_page(
        self, request: Request, account_id: str, account_name: str, ui_locales: str | None, answer: Confirm
    ) -> Response:
        mark = self._browser.browser_token(request)
        languages = read_languages(ui_locales, request.headers.get("accept-language"))
        response = pages.render(
            "logout",
            leads_to=answer.redirect_uri,
            account_name=account_name,
            app_name="" if answer.client is None else localise(answer.client, "display_name", languages),
            base=f"/oidc/{account_id}/interaction",
            t=self._logout.seal_form(account_id, answer.redirect_uri, mark.digest),
            people=list(dict.fromkeys(session.principal.display_name for session in answer.sessions)),
        )
        self._browser.ensure_browser_token(response, mark)
        return response

    async def _confirm(self, request: Request) -> Response:
        account = await self._accounts.get_account(request.path_params["account"])
        fields = await read_form(request, self._origin)
        mark = self._browser.browser_token(request)
        if mark.is_new:
            raise CookiesMissing
        sessions = await self._browser.all_sessions(request, account.account_id)
        done = await self._logout.confirm(
            account.account_id, fields.get("t", ""), mark.digest, sessions, client_address(request)
        )
        if done is None:
            raise PageTrouble(
                403,
                "transaction_of_another_browser",
                "This page cannot be used here",
                "It is too old, or was shown in another browser.",
                START_AGAIN,
            )
        return await self._done(request, account.account_id, account.name, done)

    async def _done(self, request: Request, account_id: str, account_name: str, done: Done) -> Response:
        if done.redirect_uri is None:
            response = pages.render("logged_out", account_name=account_name)
        else:
            response = see_other(done.redirect_uri)
        if done.ended:
            await self._browser.drop_sessions(response, request, account_id, done.ended)
        return response


def _known_fields(encoded: bytes) -> dict[str, str]:
    try:
        return dict(read_fields(parse_pairs(encoded)))
    except LogoutRefused as refused:
        raise PageTrouble(400, refused.code, _TITLE, refused.message) from refused
