"""Scripts that pages of other sites load.

Each is built from its source in ``web`` by ``make web`` and delivered from memory. A browser keeps it for five minutes,
then asks by ``ETag``, so that a page gets a new version soon without loading the old one again and again.
"""

import gzip
import hashlib
from functools import cache
from importlib import resources
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

_HEADERS: Final = {
    "Cache-Control": "public, max-age=300, stale-while-revalidate=86400",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    # Any page may load it, and check its hash while doing so.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@cache
def read_script(package: str, name: str) -> bytes:
    """The built script ``name`` of a room's folder ``static``."""
    return resources.files(package).joinpath("static", name).read_bytes()


@cache
def _packed(package: str, name: str) -> bytes:
    return gzip.compress(read_script(package, name), 9, mtime=0)


@cache
def _tag(package: str, name: str, encoding: str) -> str:
    """The ETag of one form of the script: what is packed differs in its bytes, so in its tag."""
    return f'"{hashlib.sha256(read_script(package, name)).hexdigest()[:32]}{encoding}"'


def script_route(path: str, package: str, name: str) -> BaseRoute:
    """The route that delivers the script ``name`` of a room's folder ``static``."""

    async def get_script(request: Request) -> Response:
        is_packed = _accepts_gzip(request.headers.get("accept-encoding", ""))
        tag = _tag(package, name, "-gzip" if is_packed else "")
        headers = {**_HEADERS, "ETag": tag}
        if tag in _tags(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        if is_packed:
            headers["Content-Encoding"] = "gzip"
        content = _packed(package, name) if is_packed else read_script(package, name)
        return Response(content, headers=headers, media_type="text/javascript")

    return Route(path, get_script, methods=["GET"])


def _accepts_gzip(header: str) -> bool:
    """Whether ``Accept-Encoding`` names gzip with a weight above zero (RFC 9110 §12.5.3)."""
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
