"""Opening the sealed transaction that every page on the way carries, in the browser that it was sealed for."""

from starlette.requests import Request

from switchbay.oauth.browser import Browser
from switchbay.oauth.routes.forms import START_AGAIN, CookiesMissing, PageTrouble
from switchbay.oauth.transactions import Transaction, Transactions

_FORBIDDEN = 403


def open_transaction(
    browser: Browser, transactions: Transactions, request: Request, account_id: str, sealed: str | None
) -> Transaction:
    """The transaction of a request. Raises ``PageTrouble`` and ``CookiesMissing`` for any that is not good."""
    mark = browser.browser_token(request)
    transaction = transactions.open(sealed) if sealed else None
    if transaction is None or transaction.account_id != account_id:
        raise PageTrouble(
            400,
            "transaction_invalid",
            "This page is too old",
            "A login has to be finished within an hour, and on the page where it began.",
            START_AGAIN,
        )
    if mark.is_new:
        raise CookiesMissing
    if transaction.browser != mark.digest:
        raise PageTrouble(
            _FORBIDDEN,
            "transaction_of_another_browser",
            "This page belongs to another browser",
            "It can be used only in the browser in which the login began.",
            START_AGAIN,
        )
    return transaction
