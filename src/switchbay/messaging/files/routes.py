"""The service ``swift``: bytes of files in and out, for whoever has a signed address (reference, section 4.17).

Browsers of other origins use it too, so every answer may be read by them, preflights are answered, and nothing that was
uploaded can ever act: types are never guessed, nothing is a page, scripts have no origin.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from switchbay.infra.web import error_response
from switchbay.kit.errors import AppError
from switchbay.messaging.errors import file_address_invalid, file_unknown
from switchbay.messaging.files.domain import IMAGES, PREFIX, SUFFIXES, StoredFile, is_file_name
from switchbay.messaging.files.ranges import Unsatisfiable, parse_range
from switchbay.messaging.files.service import Files

_SEND_SECONDS: Final = 30
_OPENLY: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag",
}
_HARMLESS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, max-age=3600, immutable",
}
_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:[ \t]*,[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")
_MOST_HEADER_NAMES: Final = 1_000
_log = structlog.get_logger("files")


def routes(files: Files) -> list[BaseRoute]:
    """``PUT``, ``GET`` and ``HEAD`` of a file, ``GET`` and ``HEAD`` of its preview."""
    storage = _Storage(files)
    path = PREFIX + "{account}/{file}"
    return [
        Route(path, _open(storage.upload), methods=["PUT"]),
        Route(path, _open(storage.download), methods=["GET"]),
        Route(path, _preflight, methods=["OPTIONS"]),
        Route(path + "/preview", _open(storage.preview), methods=["GET"]),
        Route(path + "/preview", _preflight, methods=["OPTIONS"]),
    ]


def _open(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Let pages of any origin read the answer, errors too. The address is the proof, cookies have no part in it."""

    async def answer(request: Request) -> Response:
        try:
            response = await endpoint(request)
        except AppError as error:
            response = error_response(error)
        response.headers.update(_OPENLY)
        return response

    return answer


async def _preflight(request: Request) -> Response:
    headers = {
        **_OPENLY,
        "Access-Control-Allow-Methods": "GET, HEAD, PUT",
        "Access-Control-Max-Age": "600",
        "Vary": "Access-Control-Request-Headers",
    }
    asked = request.headers.get("access-control-request-headers", "")
    if len(asked) <= _MOST_HEADER_NAMES and _HEADER_NAMES.fullmatch(asked):
        headers["Access-Control-Allow-Headers"] = asked
    return Response(status_code=204, headers=headers)


class _Storage:
    def __init__(self, files: Files) -> None:
        self._files = files

    async def upload(self, request: Request) -> Response:
        """Take a file; answer 201 when it is durable. The ``Content-Type`` that is sent counts for nothing."""
        account_id, file_id = request.path_params["account"], request.path_params["file"]
        known = is_file_name(account_id, file_id)
        if not known or not self._files.opens("PUT", account_id, file_id, request.query_params, preview=False):
            raise file_address_invalid()
        sha256 = await self._files.transfer.upload(account_id, file_id, request.stream())
        return Response(status_code=201, headers={"ETag": f'"{sha256}"'})

    async def download(self, request: Request) -> Response:
        """Give a file, or a part of it."""
        file = await self._find(request, preview=False)
        headers = _headers(file)
        if _is_known(request.headers, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        part = None
        if request.headers.get("if-range") in {None, headers["ETag"]}:
            try:
                part = parse_range(request.headers.get("range"), file.size)
            except Unsatisfiable:
                return Response(status_code=416, headers=_HARMLESS | {"Content-Range": f"bytes */{file.size}"})
        start, stop = part or (0, file.size)
        headers["Content-Length"] = str(stop - start)
        if part is not None:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
        status = 200 if part is None else 206
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        return _Stream(await self._files.transfer.read(file, start, stop), status, headers)

    async def preview(self, request: Request) -> Response:
        """Give the preview of a picture."""
        file = await self._find(request, preview=True)
        if not file.preview_size:
            raise file_unknown()
        headers = _HARMLESS | {"ETag": f'"{file.sha256}-preview"', "Content-Type": "image/jpeg"}
        if _is_known(request.headers, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        headers["Content-Length"] = str(file.preview_size)
        if request.method == "HEAD":
            return Response(status_code=200, headers=headers)
        return Response(await self._files.transfer.read_preview(file), headers=headers)

    async def _find(self, request: Request, *, preview: bool) -> StoredFile:
        account_id, file_id = request.path_params["account"], request.path_params["file"]
        known = is_file_name(account_id, file_id)
        if not known or not self._files.opens("GET", account_id, file_id, request.query_params, preview=preview):
            raise file_address_invalid()
        return await self._files.transfer.find(account_id, file_id)


def _headers(file: StoredFile) -> dict[str, str]:
    disposition = "inline" if file.file_type in IMAGES else "attachment"
    suffix = "bin" if file.file_type is None else SUFFIXES[file.file_type]
    return _HARMLESS | {
        "ETag": f'"{file.sha256}"',
        "Content-Type": file.media_type,
        "Content-Disposition": f'{disposition}; filename="{file.file_id}.{suffix}"',
        "Accept-Ranges": "bytes",
    }


def _is_known(headers: Mapping[str, str], etag: str) -> bool:
    given = [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]
    return etag in given or given == ["*"]


class _Stream(Response):
    """Sends parts as they are read. Who does not take one within half a minute gets no more."""

    def __init__(self, parts: AsyncGenerator[bytes, None], status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status_code=status, headers=headers)
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        del receive  # the request has been read
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for part in self._parts:
                async with asyncio.timeout(_SEND_SECONDS):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except (TimeoutError, AppError) as error:
            # The answer has begun: all that can be said is that it does not end as announced.
            _log.warning("a download was cut", path=scope["path"], reason=str(error) or type(error).__name__)
        finally:
            await self._parts.aclose()
