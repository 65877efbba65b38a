"""What the pages' routes share: reading a form that a person sent, and answering trouble with a page."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from switchbay.infra.web import read_body, retry_headers
from switchbay.kit.errors import AppError, Kind
from switchbay.oauth import pages

FORM: Final = "application/x-www-form-urlencoded"
_MOST_BYTES: Final = 65_536
_MOST_FIELDS: Final = 20
_NOT_STORED: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class PageTrouble(Exception):
    """A request that is answered by an error page. ``code`` is for support, the texts are for people."""

    def __init__(self, status: int, code: str, title: str, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.title = title
        self.message = message
        self.advice = advice


class CookiesMissing(Exception):
    """The browser did not send the cookie that it was given."""


def with_pages(handler: Handler) -> Handler:
    """Have what goes wrong in a handler answered by a page instead of JSON."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except CookiesMissing:
            return pages.render("cookies", 400)
        except PageTrouble as trouble:
            return error_page(trouble.status, trouble.code, trouble.title, trouble.message, trouble.advice)
        except AppError as error:
            response = error_page(error.kind.http_status, error.code, _title(error), error.message)
            response.headers.update(
                {name: text for name, text in retry_headers(error).items() if name == "Retry-After"}
            )
            return response

    return handle


def error_page(status: int, code: str, title: str, message: str, advice: str = "") -> Response:
    """A page that says what is wrong."""
    return pages.render("error", status, title=title, message=message, advice=advice, code=code)


def _title(error: AppError) -> str:
    return "Please try again" if error.kind in {Kind.UNAVAILABLE, Kind.TOO_MANY} else "This did not work"


def see_other(address: str) -> Response:
    """Send the browser to an address, byte for byte."""
    return Response(status_code=303, headers={**_NOT_STORED, "Location": address})


async def read_form(request: Request, origin: str) -> Mapping[str, str]:
    """The fields of a form that one of our own pages sent; each may be there once."""
    refuse_other_sites(request, origin)
    return parse_fields(await read_form_body(request))


def parse_fields(body: bytes) -> Mapping[str, str]:
    """The fields of a form, each of which may be there once."""
    pairs = parse_pairs(body)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _malformed()
    return fields


def parse_pairs(encoded: bytes) -> list[tuple[str, str]]:
    """The fields of a form or a query, in order."""
    try:
        text = encoded.decode("utf-8")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise _malformed() from error


async def read_form_body(request: Request) -> bytes:
    """The bytes of a form."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != FORM:
        raise PageTrouble(415, "form_malformed", "This did not work", "The request is not a form.")
    return await read_body(request, _MOST_BYTES)


def refuse_other_sites(request: Request, origin: str) -> None:
    """Refuse a form that a page of another site sent, as far as the browser tells.

    ``Sec-Fetch-Site`` (Fetch Metadata) decides where it is sent. ``Origin`` is ``null`` in forms of pages that send no
    referrer, as ours do, so that says nothing. What proves the rest is the sealed transaction in the form.
    """
    site = request.headers.get("sec-fetch-site")
    sender = request.headers.get("origin")
    if site is not None and site not in {"same-origin", "none"}:
        raise _of_another_site()
    if sender is not None and sender not in {"null", origin} and site != "same-origin":
        raise _of_another_site()


def _of_another_site() -> PageTrouble:
    return PageTrouble(
        403, "form_of_another_site", "This did not work", "The form was sent by a page of another site.", START_AGAIN
    )


def _malformed() -> PageTrouble:
    return PageTrouble(400, "form_malformed", "This did not work", "The form is not one that this site has shown.")


START_AGAIN: Final = "Go back to the app and start again."
