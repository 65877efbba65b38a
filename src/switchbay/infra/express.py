"""Routes for thousands of requests a second: found by the ends of their path, served without the router's layers.

To the router, to error handlers and to documentation they are routes like others; ``web.Application`` serves them
itself. What that leaves out, per request: a regular expression for each route before it, three wrappers, a
mapping that searches the headers anew for each name, a generator for the body.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope

from switchbay.kit.errors import AppError, Kind


class Call:
    """A request: the variable segments of its path, its headers by lower-case name, its body within a limit."""

    __slots__ = ("_receive", "headers", "method", "peer", "query", "segments")

    def __init__(self, segments: tuple[str, ...], scope: Scope, receive: Receive) -> None:
        self.segments = segments
        self.method: str = scope["method"]
        self.query: bytes = scope.get("query_string", b"")
        peer = scope.get("client")
        self.peer: str | None = None if peer is None else peer[0]
        """The address of the other side, as the server sees it (behind trusted proxies: as they say)."""
        # Of headers that come twice the first one counts, as in Starlette's mapping.
        self.headers: Mapping[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])
        }
        self._receive = receive

    @property
    def segment(self) -> str:
        """The first variable segment, often the only one."""
        return self.segments[0]

    async def body(self, limit: int) -> bytes:
        """The body; refused with 413 as soon as it is larger than ``limit`` bytes."""
        declared = self.headers.get("content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit:
            raise too_large(limit)
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise too_large(limit)
            parts.append(part)
            if not message.get("more_body", False):
                return part if len(parts) == 1 else b"".join(parts)


class JsonAnswer:
    """A JSON body that is encoded already, and a status; ``headers`` besides type and length."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, body: bytes, headers: tuple[tuple[str, str], ...] = (), status: int = 200) -> None:
        self.body = body
        self.headers = headers
        self.status = status

    def response(self) -> Response:
        """The same for the router."""
        return Response(self.body, self.status, dict(self.headers), media_type="application/json")

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """As ASGI has them."""
        found = [(b"content-length", b"%d" % len(self.body)), (b"content-type", b"application/json")]
        found.extend((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers)
        return found


Serve: TypeAlias = Callable[[Call], Awaitable[JsonAnswer | Response]]


class ExpressRoute(Route):
    """A path with one or two variable segments."""

    def __init__(self, path: str, serve: Serve, *, methods: Collection[str] = ("POST",)) -> None:
        super().__init__(path, self._by_the_router, methods=list(methods))
        self._prefix, *rest = [part.rpartition("}")[2] for part in path.split("{")]
        self._names = [part.partition("}")[0] for part in path.split("{")[1:]]
        self._between, self._suffix = ("", rest[0]) if len(rest) == 1 else (rest[0], rest[1])
        self.serve = serve

    def segments(self, path: str) -> tuple[str, ...] | None:
        """The variable segments of ``path``, or None if it is the path of something else."""
        if not (path.endswith(self._suffix) and path.startswith(self._prefix)):
            return None
        found = path[len(self._prefix) : -len(self._suffix)]
        if not self._between:
            return (found,) if found and "/" not in found else None
        first, _, second = found.partition(self._between)
        return (first, second) if first and second and "/" not in first and "/" not in second else None

    async def _by_the_router(self, request: Request) -> Response:
        segments = tuple(request.path_params[name] for name in self._names)
        answer = await self.serve(Call(segments, request.scope, request.receive))
        return answer.response() if isinstance(answer, JsonAnswer) else answer


def too_large(limit: int) -> AppError:
    """The error for a body over a limit."""
    return AppError(Kind.TOO_LARGE, "body_too_large", f"The body is larger than {limit} bytes.", {"limit": limit})
