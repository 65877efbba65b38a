"""The script of the web messenger, as pages of other sites load it.

It is built from ``web/messenger`` by ``make web`` and delivered from memory. A browser keeps it for five minutes, then
asks by ``ETag``, so that a page gets a new version soon without loading the old one again and again.
"""

import gzip
import hashlib
from functools import cache
from importlib import resources
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

PATH: Final = "/messenger/v1/messenger.js"
_HEADERS: Final = {
    "Cache-Control": "public, max-age=300, stale-while-revalidate=86400",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    # Any page may load it, and check its hash while doing so.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def routes() -> list[BaseRoute]:
    """The script's route."""
    return [Route(PATH, _get_script, methods=["GET"])]


@cache
def script() -> bytes:
    """The built script."""
    return resources.files("switchbay.messaging").joinpath("static", "messenger.js").read_bytes()


@cache
def _packed() -> bytes:
    return gzip.compress(script(), 9, mtime=0)


@cache
def _tag(encoding: str) -> str:
    """The ETag of one form of the script: what is packed differs in its bytes, so in its tag."""
    return f'"{hashlib.sha256(script()).hexdigest()[:32]}{encoding}"'


async def _get_script(request: Request) -> Response:
    is_packed = _accepts_gzip(request.headers.get("accept-encoding", ""))
    tag = _tag("-gzip" if is_packed else "")
    headers = {**_HEADERS, "ETag": tag}
    if tag in _tags(request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    return Response(_packed() if is_packed else script(), headers=headers, media_type="text/javascript")


def _accepts_gzip(header: str) -> bool:
    """Whether ``Accept-Encoding`` names gzip with a weight above zero (RFC 9110 §12.5.3)."""
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
