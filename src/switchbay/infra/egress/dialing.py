"""Making connections: to exactly the address that was checked, directly or through a proxy, within a deadline."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from switchbay.infra.egress.addresses import AddressGuard, plain
from switchbay.infra.egress.failures import Failed, reason_of
from switchbay.infra.egress.http1 import Connection
from switchbay.infra.egress.proxy import Asking, Proxy
from switchbay.infra.egress.resolver import Resolver
from switchbay.infra.egress.targets import Target

_MOST_ADDRESSES = 3


class Dialer:
    """Connects to servers. ``trust`` is for those that are shown no client certificate, and for the proxy."""

    def __init__(self, resolver: Resolver, guard: AddressGuard, trust: ssl.SSLContext, proxy: Proxy | None) -> None:
        self._resolver = resolver
        self._guard = guard
        self._trust = trust
        self._proxy = proxy

    async def dial(
        self, target: Target, addresses: list[str], deadline: float, context: ssl.SSLContext | None
    ) -> tuple[Connection, str]:
        """Connect to the first of these addresses that answers; return the connection and the address.

        ``context`` is that of a client certificate, if one is shown. Raises ``Failed``.
        """
        loop = asyncio.get_running_loop()
        candidates = addresses[:_MOST_ADDRESSES]
        for rest in range(len(candidates), 0, -1):
            address = candidates[-rest]
            # An address that does not answer leaves time for the next one.
            until = loop.time() + (deadline - loop.time()) / rest
            try:
                return await self._open(target, address, until, context or self._trust), address
            except Failed as failed:
                failed.address = address
                if rest == 1 or failed.is_final:
                    raise
        raise AssertionError("unreachable")

    async def _open(self, target: Target, address: str, until: float, context: ssl.SSLContext) -> Connection:
        secure = target.scheme == "https"
        # What the operator has opened is near by, and what is not https is this machine: neither is the proxy's.
        if self._proxy is not None and secure and not self._guard.is_allowed(address):
            return await self._open_through(self._proxy, target, str(plain(address)), until, context)
        with _told(timeout="connect_timeout", reset="tls" if secure else "connect", other="connect"):
            async with asyncio.timeout_at(until):
                # The address is a literal, so nothing is resolved a second time.
                _, connection = await asyncio.get_running_loop().create_connection(
                    Connection,
                    str(plain(address)) if "%" not in address else address,
                    target.port,
                    ssl=context if secure else None,
                    server_hostname=target.host if secure else None,
                )
                return connection

    async def _open_through(
        self, proxy: Proxy, target: Target, address: str, until: float, context: ssl.SSLContext
    ) -> Connection:
        loop = asyncio.get_running_loop()
        asking: Asking | None = None
        try:
            with _told(timeout="proxy_timeout", reset="proxy", other="proxy", is_final=True):
                async with asyncio.timeout_at(until):
                    asking = await self._reach(proxy, proxy.request(address, target.port))
                    tunnel = await asking.answered
            with _told(timeout="connect_timeout", reset="tls", other="connect"):
                async with asyncio.timeout_at(until):
                    connection = Connection()
                    transport = await loop.start_tls(tunnel, connection, context, server_hostname=target.host)
        except BaseException:
            if asking is not None:
                asking.abort()
            raise
        if transport is None:
            raise Failed("tls", "the connection ended in the handshake")
        connection.connection_made(transport)
        return connection

    async def _reach(self, proxy: Proxy, request: bytes) -> Asking:
        loop = asyncio.get_running_loop()
        found = await self._resolver.resolve(proxy.host, proxy.port)
        for rest in range(len(found), 0, -1):
            try:
                _, asking = await loop.create_connection(
                    lambda: Asking(request),
                    found[-rest],
                    proxy.port,
                    ssl=self._trust if proxy.is_secure else None,
                    server_hostname=proxy.host if proxy.is_secure else None,
                )
            except OSError:
                if rest == 1:
                    raise
            else:
                return asking
        raise OSError("the proxy's name leads nowhere")


@contextmanager
def _told(*, timeout: str, reset: str, other: str, is_final: bool = False) -> Iterator[None]:
    """Make a failure to connect a word. A reset comes from a peer that is there: it did not like the handshake."""
    try:
        yield
    except TimeoutError as error:
        raise Failed(timeout, "no connection in time") from error
    except (ssl.SSLError, ConnectionResetError, ConnectionAbortedError) as error:
        raise Failed(reset, reason_of(error), is_final=is_final) from error
    except (OSError, UnicodeError) as error:
        raise Failed(
            other, reason_of(error) if isinstance(error, OSError) else str(error), is_final=is_final
        ) from error
