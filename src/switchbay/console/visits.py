"""What the pages of this room share: whom a page is for, and how a refusal is shown."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from switchbay.console import errors
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.ids import is_account_id
from switchbay.oauth.public import BrowserSession, Pages

ANOTHER: Final = "another"


async def serve(pages: Pages, request: Request, work: Callable[[Request, str], Awaitable[Response]]) -> Response:
    """Do the work of a page of the account in the path; a refusal is a page too."""
    account_id: str = request.path_params["account"]
    try:
        if not is_account_id(account_id):
            raise errors.account_unknown()
        return await work(request, account_id)
    except AppError as error:
        return _refuse(pages, error)


def choose(sessions: list[BrowserSession], user_id: str | None) -> BrowserSession | None:
    """The session to go on with: the wanted user's, or the newest; None when somebody has to log in."""
    if user_id == ANOTHER:
        return None
    wanted = [session for session in sessions if session.principal.user_id == user_id]
    return next(iter(wanted or sessions), None)


def _refuse(pages: Pages, error: AppError) -> Response:
    passes = error.kind in {Kind.UNAVAILABLE, Kind.TOO_MANY}
    response = pages.render(
        "error",
        error.kind.http_status,
        title="Please try again" if passes else "This cannot be opened",
        message=error.message,
        advice="" if passes else "Ask the administrators of your account for help.",
        code=error.code,
    )
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response
