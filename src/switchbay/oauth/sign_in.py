"""Login for pages of our own: a person without a session is sent to the login page and comes back.

There is no app and no authorization request. What travels through the login pages is a transaction of ``Face.PAGE``,
whose only parameter is the path to come back to; it was sealed here, so nobody else can say where that is.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from switchbay.infra.machine import Clock
from switchbay.oauth.browser import Browser
from switchbay.oauth.domain import Face
from switchbay.oauth.transactions import Transaction, Transactions

_NEXT: Final = "next"
_HINT: Final = "login_hint"
_LANGUAGES: Final = "ui_locales"


class SignIn:
    """Sends people to the login page."""

    def __init__(self, browser: Browser, transactions: Transactions, clock: Clock) -> None:
        self._browser = browser
        self._transactions = transactions
        self._clock = clock

    def begin(
        self, request: Request, account_id: str, path: str, *, login_hint: str = "", ui_locales: str = ""
    ) -> Response:
        """Show the login page of the account, then ``path``, which begins with a slash and is one of ours."""
        if not path.startswith("/") or path.startswith(("//", "/\\")):
            raise ValueError(f"{path!r} is not a path of this server")
        given = ((_NEXT, path), (_HINT, login_hint), (_LANGUAGES, ui_locales))
        mark = self._browser.browser_token(request)
        sealed = self._transactions.seal(
            Transaction(
                account_id=account_id,
                face=Face.PAGE,
                version="oidc",
                parameters=tuple((name, value) for name, value in given if value),
                asked_at=self._clock.now_ms(),
                browser=mark.digest,
            )
        )
        response = RedirectResponse(
            f"/oidc/{account_id}/interaction/login?t={sealed}",
            303,
            {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
        )
        self._browser.ensure_browser_token(response, mark)
        return response


def find_page(transaction: Transaction) -> str | None:
    """The path to come back to after the login, if this transaction is for a page; None for an app's request."""
    if transaction.face is not Face.PAGE:
        return None
    return next(value for name, value in transaction.parameters if name == _NEXT)
