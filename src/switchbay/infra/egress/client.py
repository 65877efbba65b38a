"""Outbound calls: resolve, check, connect to the checked address, ask, read; connections are kept and used again."""

import asyncio
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

from switchbay.infra.egress.addresses import AddressGuard, is_loopback, parse_networks
from switchbay.infra.egress.dialing import Dialer
from switchbay.infra.egress.failures import Failed
from switchbay.infra.egress.http1 import Connection, Reply
from switchbay.infra.egress.identity import Identity, load_identity, shared_context
from switchbay.infra.egress.pool import KeptConnections, Origin
from switchbay.infra.egress.proxy import parse_proxy
from switchbay.infra.egress.resolver import Lookup, Resolver, system_lookup
from switchbay.infra.egress.targets import BadUrl, Target, parse_target
from switchbay.kit.record import Record

Headers = Sequence[tuple[str, str]]

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_IDLE_SECONDS = 30.0
_REMEMBER_SECONDS = 30.0


class Outcome(Record, frozen=True):
    """How a call went.

    ``failure`` is None when a whole response arrived, or as much of its body as the limit allows (``truncated``);
    else a stable word: ``bad_url``, ``http_refused``, ``dns``, ``blocked_address``, ``connect_timeout``, ``connect``,
    ``tls``, ``proxy``, ``proxy_timeout``, ``response_timeout``, ``connection_closed``, ``protocol``,
    ``response_head_too_large``. What had arrived by then is in the other fields. Times count from the beginning of the
    call; ``connect_ms`` is None when a kept connection was used, ``first_byte_ms`` when nothing was answered.
    """

    status: int | None
    headers: tuple[tuple[str, str], ...]
    body: bytes
    truncated: bool
    failure: str | None
    detail: str | None
    connect_ms: int | None
    first_byte_ms: int | None
    total_ms: int
    address: str | None


@lru_cache(maxsize=1024)
def _is_name(name: str) -> bool:
    return _HEADER_NAME.fullmatch(name) is not None


def _encode(method: Literal["POST", "GET"], target: Target, headers: Headers, body: bytes) -> bytes:
    # One search through all values; only when it finds something is each looked at.
    if _FORBIDDEN_IN_VALUE.search("".join([value for _, value in headers])):
        name = next(name for name, value in headers if _FORBIDDEN_IN_VALUE.search(value))
        raise ValueError(f"header {name!r} cannot be sent")
    for name, _ in headers:
        if not _is_name(name):
            raise ValueError(f"header {name!r} cannot be sent")
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
    head = f"{method} {target.path} HTTP/1.1\r\nHost: {target.authority}\r\n{lines}{length}\r\n"
    return head.encode() + body


@lru_cache(maxsize=64)  # an endpoint's answers have the same head for as long as the second of their Date
def _decoded(headers: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


class Egress:
    """Calls addresses that others chose. Make one per process, on the event loop that uses it."""

    def __init__(
        self,
        allow: Sequence[str] = (),
        ca_file: Path | None = None,
        *,
        dev_loopback: bool = False,
        proxy: str = "",
        lookup: Lookup = system_lookup,
        idle_seconds: float = _IDLE_SECONDS,
        remember_seconds: float = _REMEMBER_SECONDS,
    ) -> None:
        """``allow``: networks in CIDR form; ``dev_loopback``: this machine may be called, over plain http too.

        ``proxy``: the address of a forward proxy for what is not in those networks; ``remember_seconds``: for how long
        a name is not looked up again.
        """
        self._guard = AddressGuard(parse_networks(allow), loopback=dev_loopback)
        self._dev_loopback = dev_loopback
        self._ca_file = ca_file
        self._resolver = Resolver(lookup, remember_seconds=remember_seconds)
        self._dialer = Dialer(self._resolver, self._guard, shared_context(ca_file), parse_proxy(proxy))
        self._kept = KeptConnections(idle_seconds)
        self._busy: set[Connection] = set()
        self._closed = False

    async def post(
        self,
        url: str,
        headers: Headers,
        body: bytes,
        *,
        connect_seconds: float,
        response_seconds: float,
        response_bytes: int,
        identity: Identity | None = None,
    ) -> Outcome:
        """POST ``body``, showing a server that asks for it the client certificate ``identity``.

        Expected failures are in the outcome.
        """
        return await self._call("POST", url, headers, body, connect_seconds, response_seconds, response_bytes, identity)

    async def get(
        self, url: str, headers: Headers, *, connect_seconds: float, response_seconds: float, response_bytes: int
    ) -> Outcome:
        """GET ``url``. Expected failures are in the outcome."""
        return await self._call("GET", url, headers, b"", connect_seconds, response_seconds, response_bytes)

    async def load_identity(self, name: str, chain: bytes, private_key: bytes) -> Identity:
        """Make a client certificate ready for use: a PEM chain and its PEM key. Raises ``BadIdentity``."""
        return await asyncio.to_thread(load_identity, name, chain, private_key, self._ca_file)

    async def close(self) -> None:
        """Close every connection; calls under way end with ``connection_closed``."""
        self._closed = True
        self._kept.close()
        for connection in tuple(self._busy):
            connection.abort()
        self._resolver.close()
        await asyncio.sleep(0)  # let the transports tell their protocols

    # One call

    async def _call(
        self,
        method: Literal["POST", "GET"],
        url: str,
        headers: Headers,
        body: bytes,
        connect_seconds: float,
        response_seconds: float,
        response_bytes: int,
        identity: Identity | None = None,
    ) -> Outcome:
        clock = asyncio.get_running_loop().time
        began = clock()
        connect_ms: int | None = None
        address: str | None = None
        try:
            target = parse_target(url)
            request = _encode(method, target, headers, body)
            deadline = began + connect_seconds
            addresses = await self._addresses(target, deadline)
            origin: Origin = target.origin if identity is None else (*target.origin, identity.name)
            connection, address = self._kept.take(origin, addresses)
            if connection is not None:
                reply = await self._exchange(connection, request, response_seconds, response_bytes)
                if reply.failure != "connection_closed" or reply.received:
                    self._kept.give_back(origin, address, connection)
                    return _outcome(reply, None, began, clock(), address)
                # The server had closed the kept connection just before the request: once more, over a new one.
                began = clock()
                deadline = began + connect_seconds
            self._check_open()
            context = None if identity is None else identity.context
            connection, address = await self._dialer.dial(target, addresses, deadline, context)
            self._check_open(connection)
            connect_ms = _ms(began, clock())
            reply = await self._exchange(connection, request, response_seconds, response_bytes)
            self._kept.give_back(origin, address, connection)
            return _outcome(reply, connect_ms, began, clock(), address)
        except BadUrl as error:
            failed = Failed("bad_url", str(error))
        except Failed as error:
            failed = error
        return _outcome(
            Reply(failure=failed.failure, detail=failed.detail), None, began, clock(), failed.address or address
        )

    def _check_open(self, made: Connection | None = None) -> None:
        if self._closed:
            if made is not None:
                made.abort()
            raise Failed("connect", "outbound calls are closed")

    async def _exchange(
        self, connection: Connection, request: bytes, response_seconds: float, response_bytes: int
    ) -> Reply:
        done = connection.exchange(request, response_bytes)
        self._busy.add(connection)
        timer = asyncio.get_running_loop().call_later(response_seconds, connection.expire, response_seconds)
        try:
            return await done
        finally:
            timer.cancel()
            self._busy.discard(connection)
            if not connection.is_reusable:
                connection.abort()

    # Addresses

    async def _addresses(self, target: Target, deadline: float) -> list[str]:
        loop = asyncio.get_running_loop()
        found = self._resolver.known(target.host, loop.time())
        if found is None:
            try:
                async with asyncio.timeout_at(deadline):
                    found = await self._resolver.resolve(target.host, target.port)
            except TimeoutError as error:
                raise Failed("dns", "the name was not resolved in time") from error
            except (OSError, UnicodeError) as error:
                raise Failed("dns", str(error)) from error
        permitted = [address for address in found if self._guard.permits(address)]
        if not permitted:
            raise Failed(
                "blocked_address", "the name leads to no address that may be called", found[0] if found else None
            )
        if target.scheme == "http":
            permitted = [address for address in permitted if self._dev_loopback and is_loopback(address)]
            if not permitted:
                raise Failed("http_refused", "plain http is only for this machine, in development mode")
        return permitted


def _ms(start: float, end: float) -> int:
    return max(0, round((end - start) * 1000))


def _outcome(reply: Reply, connect_ms: int | None, began: float, ended: float, address: str | None) -> Outcome:
    return Outcome(
        reply.status,
        _decoded(tuple(reply.headers)),
        bytes(reply.body),
        reply.truncated,
        reply.failure,
        reply.detail,
        connect_ms,
        None if reply.first_byte_at is None else _ms(began, reply.first_byte_at),
        _ms(began, ended),
        address,
    )
