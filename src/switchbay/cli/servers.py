"""Running HTTP servers inside a command: sockets opened first, one set of signal handlers, a graceful end."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import ssl
from collections.abc import Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from switchbay.infra.websocket import SocketConnection, SocketRoute
from switchbay.kit.errors import AppError, Kind

T = TypeVar("T")
_KEEP_ALIVE_SECONDS = 75
_REQUEST_SECONDS = 30.0


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the fast event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Listen on every address that ``host`` stands for, all on one port; port 0 picks a free one.

    Nothing is started before the port is ours, so that a taken port is told at once and in words.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise AppError(
            Kind.INVALID, "listen_address_unknown", f"{host!r} is not an address to listen on: {error.strerror}."
        ) from error
    opened: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            listener = _listen(family, (address[0], port, *address[2:]))
            port = listener.getsockname()[1]
            opened.append(listener)
    except OSError as error:
        for listener in opened:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AppError(
                Kind.CONFLICT, "port_taken", f"Port {port} on {host} is taken by another program.", {"port": port}
            ) from error
        reason = error.strerror or str(error)
        raise AppError(Kind.INVALID, "listen_failed", f"Cannot listen on {host}, port {port}: {reason}.") from error
    return opened


def _listen(family: int, address: tuple[Any, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(2048)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


@dataclass(frozen=True, slots=True)
class Site:
    """One application on its sockets. ``trusted_proxies`` are the peers whose X-Forwarded-For is believed.

    A request must arrive within ``request_seconds``, body included. ``sockets_at`` are the paths at which WebSocket
    connections are opened.
    """

    app: ASGIApp
    sockets: Sequence[socket.socket]
    tls: ssl.SSLContext | None = None
    trusted_proxies: Sequence[str] = ()
    request_seconds: float = _REQUEST_SECONDS
    sockets_at: Sequence[SocketRoute] = ()


class _JoiningTransport(asyncio.Transport):
    """A connection whose first write waits for the next: an answer's head goes out with its body, in one TLS record.

    uvicorn writes the two apart, and with TLS each write costs about as much as routing the request. What is still held
    when the event loop comes round goes out alone.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._held: bytes | bytearray | memoryview | None = None

    def unwrapped(self) -> asyncio.Transport:
        """The connection itself, for whoever joins what it writes in its own way."""
        self._flush()
        return self._transport

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hold the data, or write it with what is held."""
        held, self._held = self._held, None
        if held is not None:
            self._transport.write(b"".join((held, data)))
            return
        self._held = data
        self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._transport.write(held)

    def close(self) -> None:
        """Write what is held, then close."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._held = None
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: object = None) -> Any:  # noqa: ANN401 - as asyncio has it
        """What the transport knows of its peer."""
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection over."""
        self._flush()
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who has the connection."""
        return self._transport.get_protocol()

    def pause_reading(self) -> None:
        """Read no more for a while."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._transport.resume_reading()


class _Protocol(HttpToolsProtocol):
    """uvicorn's connection, which also ends when a request does not arrive whole in time."""

    request_seconds = _REQUEST_SECONDS

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's business
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """The first request is awaited from here on."""
        super().connection_made(_JoiningTransport(transport, self.loop))
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._has_request()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._await_request()

    def on_message_complete(self) -> None:
        """A request has arrived, head and body."""
        self._has_request()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """The connection becomes a socket: no request is awaited on it any more."""
        self._has_request()
        self._unset_keepalive_if_required()
        if isinstance(self.transport, _JoiningTransport):
            self.transport = self.transport.unwrapped()
        super().handle_websocket_upgrade()

    def _await_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.request_seconds, self.transport.abort)

    def _has_request(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs several of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _server(site: Site, grace_seconds: int) -> _Server:
    context = site.tls
    config = uvicorn.Config(
        site.app,
        loop="none",
        ws=type("_Socket", (SocketConnection,), {"routes": tuple(site.sockets_at)}) if site.sockets_at else "none",
        http=type("_Connection", (_Protocol,), {"request_seconds": site.request_seconds}),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(site.trusted_proxies),
        forwarded_allow_ips=list(site.trusted_proxies),
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=grace_seconds,
        ssl_context_factory=None if context is None else (lambda _config, _default: context),
    )
    return _Server(config)


async def serve_until(sites: Sequence[Site], stop: asyncio.Event, grace_seconds: int = 10) -> None:
    """Serve all sites until ``stop`` is set; then take no more requests and finish those under way."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    servers = [_server(site, grace_seconds) for site in sites]
    running = [
        asyncio.create_task(server.serve(list(site.sockets))) for server, site in zip(servers, sites, strict=True)
    ]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([*running, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*running)


@contextlib.contextmanager
def stop_on_signals(stop: asyncio.Event) -> Generator[None, None, None]:
    """Set ``stop`` at SIGINT or SIGTERM; a second signal of the same kind acts as if this were not here."""
    loop = asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked, number)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
