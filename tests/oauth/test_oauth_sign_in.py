"""Login for pages of our own: what travels through the login pages, and that it leads nowhere else."""

from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.requests import Request

from support.oauth_stage import ACCOUNT, Stage
from switchbay.infra.machine import ManualClock
from switchbay.infra.vault import Vault
from switchbay.oauth.domain import Face
from switchbay.oauth.sign_in import find_page
from switchbay.oauth.transactions import Transaction, Transactions

_MARK = "ab" * 32


def from_browser() -> Request:
    return Request({"type": "http", "headers": [(b"cookie", f"__Host-switchbay-browser={_MARK}".encode())]})


async def test_a_page_asks_for_a_login_and_is_come_back_to(stage: Stage, vault: Vault, clock: ManualClock) -> None:
    response = stage.server.sign_in.begin(from_browser(), ACCOUNT, "/launch/x?a=1", ui_locales="fr")
    address = urlsplit(response.headers["location"])
    assert (response.status_code, address.path) == (303, f"/oidc/{ACCOUNT}/interaction/login")
    assert "set-cookie" not in response.headers
    transaction = Transactions(vault, clock).open(parse_qs(address.query)["t"][0])
    assert transaction is not None
    assert transaction.browser == stage.server.browser.browser_token(from_browser()).digest
    assert (transaction.account_id, find_page(transaction)) == (ACCOUNT, "/launch/x?a=1")
    assert ("ui_locales", "fr") in transaction.parameters


async def test_a_browser_without_a_mark_gets_one(stage: Stage) -> None:
    response = stage.server.sign_in.begin(Request({"type": "http", "headers": []}), ACCOUNT, "/launch/x")
    assert response.headers["set-cookie"].startswith("__Host-switchbay-browser=")


@pytest.mark.parametrize("path", ["", "launch", "https://evil.example/", "//evil.example/", "/\\evil.example/"])
async def test_a_page_elsewhere_is_never_come_back_to(stage: Stage, path: str) -> None:
    with pytest.raises(ValueError, match="not a path of this server"):
        stage.server.sign_in.begin(from_browser(), ACCOUNT, path)


def test_a_parameter_of_an_apps_request_is_no_page() -> None:
    asked = Transaction(ACCOUNT, Face.OIDC, "oidc", (("next", "/launch/x"),), 0, b"")
    assert find_page(asked) is None
