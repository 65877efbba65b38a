"""The authorization endpoint over HTTP, on both faces: read the request, ask the service, send the answer.

RFC 6749 §3.1: GET with the query, POST with a form. The answer to a GET is a 302, as existing clients expect; that to a
POST a 303, so that no browser posts anything to the client (RFC 9700 §4.12). With a form that another site sends a
browser gives no cookies of ours (SameSite=Lax), so it looks logged out: it is sent here once more, by GET.
"""

from typing import Final
from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.infra.machine import Clock
from switchbay.infra.web import client_address, read_body, retry_headers
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.ids import is_account_id
from switchbay.oauth.browser import MARK_COOKIE, Browser, sessions_cookie
from switchbay.oauth.domain import Face, Version
from switchbay.oauth.pages import render, render_form_post
from switchbay.oauth.protocol.oauth_response_modes import FormPost, Redirect
from switchbay.oauth.protocol.rfc6749_authorization import (
    AuthorizeRefused,
    PageRefused,
    choose_version,
    parse_form,
)
from switchbay.oauth.protocol.rfc6749_parameters import FORM
from switchbay.oauth.service.authorize import Answer, Authorize, ErrorPage, Interact
from switchbay.oauth.transactions import Transaction, Transactions

MOST_BYTES: Final = 8_192
"""Of a query, and of a body. What is longer would not travel through the pages of login and consent either."""
REDIRECT_HEADERS: Final = {"Cache-Control": "no-store", "Pragma": "no-cache", "Referrer-Policy": "no-referrer"}
_PATHS: Final = {Face.SENTINEL: "/sentinel/api/account/{account}/authorize", Face.OIDC: "/oidc/{account}/authorize"}
_log = structlog.get_logger("oauth")


def routes(authorize: Authorize, browser: Browser, transactions: Transactions, clock: Clock) -> list[BaseRoute]:
    """The endpoint of each face."""

    async def answer(request: Request, face: Face) -> Response:
        try:
            return await _handle(request, face, authorize, browser, transactions, clock)
        except PageRefused as refused:
            return render_error(refused.status, refused.code, refused.message)
        except AppError as error:
            _log.info("authorization request failed", code=error.code)
            page = render_error(error.kind.http_status, error.code, error.message)
            page.headers.update(retry_headers(error))
            return page

    async def on_sentinel(request: Request) -> Response:
        return await answer(request, Face.SENTINEL)

    async def on_oidc(request: Request) -> Response:
        return await answer(request, Face.OIDC)

    return [
        Route(_PATHS[Face.SENTINEL], on_sentinel, methods=["GET", "POST"]),
        Route(_PATHS[Face.OIDC], on_oidc, methods=["GET", "POST"]),
    ]


async def _handle(
    request: Request,
    face: Face,
    authorize: Authorize,
    browser: Browser,
    transactions: Transactions,
    clock: Clock,
) -> Response:
    account_id: str = request.path_params["account"]
    parameters = await _read_parameters(request)
    if request.method == "POST" and is_account_id(account_id) and not _has_cookies(request, account_id):
        repeated = f"{_PATHS[face].format(account=account_id)}?{urlencode(parameters)}"
        if len(repeated) <= MOST_BYTES:
            return redirect(request, repeated)
    asked_at = clock.now_ms()
    version = _version(face, parameters)
    sessions = await browser.all_sessions(request, account_id)
    found = await authorize.handle(
        account_id, face, version, parameters, sessions, asked_at=asked_at, address=client_address(request)
    )
    if not isinstance(found, Interact):
        return render_answer(request, found)
    mark = browser.browser_token(request)
    transaction = Transaction(
        account_id=account_id,
        face=face,
        version=version,
        parameters=parameters,
        asked_at=asked_at,
        browser=mark.digest,
        steps=found.steps,
    )
    sealed = transactions.seal(transaction)
    response = redirect(request, f"/oidc/{account_id}/interaction/{found.kind}?t={sealed}")
    browser.ensure_browser_token(response, mark)
    return response


def render_answer(request: Request, answer: Answer) -> Response:
    """Send an answer to the client, or show that there is none. Not for an ``Interact``, which stays here."""
    match answer:
        case Redirect(uri):
            return redirect(request, uri)
        case FormPost(action, fields):
            return render_form_post(action, fields)
        case ErrorPage(status, code, message):
            return render_error(status, code, message)
        case Interact():
            raise TypeError("an interaction is not an answer to a client")


def redirect(request: Request, uri: str) -> Response:
    """Send the browser to this address, byte for byte: Starlette's own redirect would encode some of its characters."""
    status = 303 if request.method == "POST" else 302
    return Response(None, status, {**REDIRECT_HEADERS, "Location": uri})


def render_error(status: int, code: str, message: str) -> Response:
    """The page for a request that cannot be answered to anybody else."""
    return render("error", status, title="This does not work", message=message, advice="", code=code)


def _has_cookies(request: Request, account_id: str) -> bool:
    return MARK_COOKIE in request.cookies or sessions_cookie(account_id) in request.cookies


async def _read_parameters(request: Request) -> list[tuple[str, str]]:
    query: bytes = request.scope["query_string"]
    body = b""
    if request.method == "POST":
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = await _read_form(request)
        if body and media_type != FORM:
            raise PageRefused(400, "request_malformed", f"The body of an authorization request is {FORM}.")
    if len(query) > MOST_BYTES:
        raise _too_long()
    return [*parse_form(query), *parse_form(body)]


async def _read_form(request: Request) -> bytes:
    try:
        return await read_body(request, MOST_BYTES)
    except AppError as error:
        if error.kind is Kind.TOO_LARGE:
            raise _too_long() from error
        raise


def _too_long() -> PageRefused:
    return PageRefused(400, "request_malformed", "The authorization request is too long.")


def _version(face: Face, parameters: list[tuple[str, str]]) -> Version:
    """The version for the transaction; a wrong one is refused when the request is checked, with all the rest."""
    try:
        return choose_version(face, next((value for name, value in parameters if name == "v"), None))
    except AuthorizeRefused:
        return "v1"
