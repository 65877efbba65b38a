"""The way to another OpenID provider and back: from the login page there, and with its answer on to the app.

What this server must know again on the way back stays in the browser, sealed, in a cookie of this one login, which goes
with the answer. So an answer counts in the browser that was sent, once; and ``state`` carries nothing but the name of
that cookie and the transaction, which is sealed for the same browser.
"""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.accounts.public import Accounts
from switchbay.infra.web import client_address
from switchbay.oauth.browser import Browser
from switchbay.oauth.domain import Face
from switchbay.oauth.protocol.oidc_interaction import Steps
from switchbay.oauth.protocol.oidc_upstream import UpstreamTrouble, Wish
from switchbay.oauth.routes.forms import START_AGAIN, PageTrouble, error_page, parse_fields, see_other, with_pages
from switchbay.oauth.routes.opening import open_transaction
from switchbay.oauth.service.upstream import LIFETIME_MS, UpstreamLogins, note
from switchbay.oauth.transactions import Transaction, Transactions

_BASE: Final = "/oidc/{account}/interaction"
_STATE_ID: Final = re.compile(r"[0-9a-f]{32}")
_MAX_AGE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_LONGEST_HINT: Final = 256
_TITLE: Final = "The login did not succeed"


class UpstreamPages:
    """Serves the two addresses."""

    def __init__(
        self, logins: UpstreamLogins, browser: Browser, transactions: Transactions, accounts: Accounts
    ) -> None:
        self._logins = logins
        self._browser = browser
        self._transactions = transactions
        self._accounts = accounts

    def routes(self) -> list[BaseRoute]:
        """The routes."""
        return [
            Route(f"{_BASE}/upstream/{{upstream}}", with_pages(self._begin), methods=["GET"]),
            Route(f"{_BASE}/upstream/{{upstream}}/callback", with_pages(self._finish), methods=["GET"]),
        ]

    async def _begin(self, request: Request) -> Response:
        account_id: str = request.path_params["account"]
        upstream_id: str = request.path_params["upstream"]
        await self._accounts.get_account(account_id)
        sealed = request.query_params.get("t")
        transaction = open_transaction(self._browser, self._transactions, request, account_id, sealed)
        known = bool(await self._browser.sessions(request, account_id))
        try:
            begun = await self._logins.begin(
                account_id,
                upstream_id,
                self._transactions.seal(transaction),
                _wish(transaction, others_are_known=known),
            )
        except UpstreamTrouble as trouble:
            note(account_id, upstream_id, trouble)
            return _trouble_page(trouble)
        response = see_other(begun.url)
        response.set_cookie(
            _cookie(begun.state_id),
            begun.sealed,
            max_age=LIFETIME_MS // 1000,
            path="/",
            secure=True,
            httponly=True,
            samesite="lax",
        )
        return response

    async def _finish(self, request: Request) -> Response:
        account_id: str = request.path_params["account"]
        upstream_id: str = request.path_params["upstream"]
        await self._accounts.get_account(account_id)
        answer = parse_fields(request.scope["query_string"])
        state_id, _, sealed = answer.get("state", "").partition(".")
        if _STATE_ID.fullmatch(state_id) is None:
            message = "The answer of the company's login service belongs to no login here."
            raise PageTrouble(400, "upstream_state_invalid", _TITLE, message, START_AGAIN)
        transaction = open_transaction(self._browser, self._transactions, request, account_id, sealed)
        kept = request.cookies.get(_cookie(state_id), "")
        try:
            opened = await self._logins.finish(
                account_id, upstream_id, kept, (state_id, sealed), answer, client_address(request)
            )
        except UpstreamTrouble as trouble:
            note(account_id, upstream_id, trouble)
            response = _trouble_page(trouble)
        else:
            steps = Steps.choose(opened.principal.session_id)
            following = self._transactions.seal(transaction.after(steps))
            response = see_other(f"/oidc/{account_id}/interaction/resume?t={following}")
            await self._browser.add_session(response, request, account_id, opened.bearer)
        response.delete_cookie(_cookie(state_id), path="/", secure=True, httponly=True, samesite="lax")
        return response


def _cookie(state_id: str) -> str:
    return f"__Host-switchbay-upstream-{state_id}"


def _trouble_page(trouble: UpstreamTrouble) -> Response:
    return error_page(trouble.status, trouble.code, _TITLE, trouble.message, START_AGAIN)


def _wish(transaction: Transaction, *, others_are_known: bool) -> Wish:
    """What the app's request asks of the login. Who comes here with sessions wants to be somebody else than those."""
    given: dict[str, str] = dict(transaction.parameters)
    hint = given.get("login_hint", "")[:_LONGEST_HINT] or None
    locales = given.get("ui_locales", "")[:_LONGEST_HINT] or None
    prompt = "select_account" if others_are_known and hint is None else None
    if transaction.face is Face.PAGE:
        return Wish(prompt=prompt, login_hint=hint, ui_locales=locales)
    words = given.get("prompt", "").split()
    if "login" in words:
        prompt = "login"
    elif "select_account" in words:
        prompt = "select_account"
    age = given.get("max_age", "")
    return Wish(prompt, int(age) if _MAX_AGE.fullmatch(age) else None, hint, locales)
