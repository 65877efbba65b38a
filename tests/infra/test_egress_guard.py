"""However an address of this machine or its network is written, no connection to it is opened."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Self

import pytest

from support.certs import Authority
from support.receiver import Receiver
from switchbay.infra.egress import Egress, Outcome
from switchbay.infra.egress.resolver import system_lookup

_BLOCKED = {"blocked_address"}
_ODD = {"blocked_address", "dns"}
"""The system's resolver may refuse an odd form outright: as good."""
_BAD = {"bad_url"}

SSRF = [
    # IPv4
    ("127.0.0.1", _BLOCKED),
    ("127.255.255.254", _BLOCKED),
    ("0.0.0.0", _BLOCKED),  # noqa: S104 - nothing is bound: it must be refused
    ("10.0.0.1", _BLOCKED),
    ("172.16.0.1", _BLOCKED),
    ("192.168.0.1", _BLOCKED),
    ("100.64.0.1", _BLOCKED),
    ("169.254.169.254", _BLOCKED),
    ("255.255.255.255", _BLOCKED),
    ("127.0.0.1.", _BLOCKED),
    ("127.0.0.1..", _BLOCKED),
    ("0x7f.1.", _ODD),
    # International digits and dots
    ("①②⑦.0.0.1", _BLOCKED),
    ("１２７.０.０.１", _BLOCKED),
    ("127。0。0。1", _BLOCKED),
    ("①⑥⑨.②⑤④.①⑥⑨.②⑤④", _BLOCKED),
    ("ｌｏｃａｌｈｏｓｔ", _BLOCKED),
    ("٠.٠.٠.٠", {"blocked_address", "dns", "bad_url"}),
    # IPv6
    ("[::1]", _BLOCKED),
    ("[::]", _BLOCKED),
    ("[fe80::1]", _BLOCKED),
    ("[fc00::1]", _BLOCKED),
    ("[fd00:ec2::254]", _BLOCKED),
    ("[fec0::1]", _BLOCKED),
    ("[ff02::1]", _BLOCKED),
    ("[0:0:0:0:0:0:0:1]", _BLOCKED),
    ("[2001:db8::1]", _BLOCKED),
    ("[4000::1]", _BLOCKED),
    # IPv4 in IPv6: mapped, translated, compatible, NAT64, 6to4, Teredo
    ("[::ffff:127.0.0.1]", _BLOCKED),
    ("[::ffff:7f00:1]", _BLOCKED),
    ("[::ffff:169.254.169.254]", _BLOCKED),
    ("[::ffff:0:127.0.0.1]", _BLOCKED),
    ("[::127.0.0.1]", _BLOCKED),
    ("[2001:0:7f00:1::80ff:fffe]", _BLOCKED),
    ("[64:ff9b::7f00:1]", _BLOCKED),
    ("[64:ff9b::169.254.169.254]", _BLOCKED),
    ("[64:ff9b:1::7f00:1]", _BLOCKED),
    ("[2002:7f00:1::]", _BLOCKED),
    ("[2002:a9fe:a9fe::1]", _BLOCKED),
    # Decimal, octal, hexadecimal, short
    ("2130706433", _ODD),
    ("017700000001", _ODD),
    ("0177.0.0.1", _ODD),
    ("0x7f000001", _ODD),
    ("0x7f.0.0.1", _ODD),
    ("0X7F000001", _ODD),
    ("127.1", _ODD),
    ("127.0.1", _ODD),
    ("0x7f.0x1", _ODD),
    ("0300.0250.1.1", _ODD),
    ("2852039166", _ODD),
    ("0xa9fea9fe", _ODD),
    ("4294967296", _ODD),
    ("0x17f000001", _ODD),
    ("0", _ODD),
    # Names
    ("localhost", _BLOCKED),
    ("LOCALHOST.", _BLOCKED),
    # User information and other tricks with the authority
    ("public.example@127.0.0.1", _BAD),
    ("user:password@127.0.0.1", _BAD),
    ("@127.0.0.1", _BAD),
    ("127.0.0.1\\@public.example", _BAD),
    ("%31%32%37.0.0.1", _BAD),
    ("[fe80::1%25eth0]", _BAD),
    ("[fe80::1%eth0]", _BAD),
    ("[::1%25lo]", _BAD),
    ("[::1]@public.example", _BAD),
    ("[::1].public.example", _BAD),
    ("[127.0.0.1]", {"bad_url", "dns", "blocked_address"}),
    ("127.0.0.1\t", _BAD),
    ("127.0.0.1#@public.example", {"blocked_address", "connect"}),
    ("public.example%00.127.0.0.1", _BAD),
    ("127.0.0.1 public.example", _BAD),
]


class Listener:
    """Takes connections, counts them, and cuts them off."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def _take(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.transport.abort()

    async def count(self) -> int:
        """How many connections were opened, whether or not they have been taken yet: ours is behind them."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.transport.abort()
        return self.connections - 1


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """What must not be reached."""
    async with Listener() as running:
        yield running


async def _call(listener: Listener, host: str, *allowed: str, leads_to: str | None = None) -> Outcome:
    egress = Egress(allowed, lookup=system_lookup if leads_to is None else lambda _host, _port: [leads_to])
    try:
        return await egress.post(
            f"https://{host}:{listener.port}/", (), b"{}", connect_seconds=30, response_seconds=30, response_bytes=1000
        )
    finally:
        await egress.close()


@pytest.mark.parametrize(("host", "failures"), SSRF)
async def test_ssrf_table(listener: Listener, host: str, failures: set[str]) -> None:
    outcome = await _call(listener, host)
    assert outcome.failure in failures
    assert (outcome.status, await listener.count()) == (None, 0)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "①②⑦.0.0.1", "2130706433", "017700000001", "0x7f.1", "[::ffff:127.0.0.1]"]
)
async def test_without_the_guard_the_table_would_reach_its_listener(listener: Listener, host: str) -> None:
    outcome = await _call(listener, host, "127.0.0.0/8")
    assert outcome.failure == "tls"  # cut off in the handshake
    assert await listener.count() == 1


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fe80::1%1"]
)
async def test_a_name_that_leads_to_such_an_address_is_not_called(listener: Listener, address: str) -> None:
    outcome = await _call(listener, "public.example", leads_to=address)
    assert (outcome.failure, outcome.address, await listener.count()) == ("blocked_address", address, 0)


async def test_dns_rebinding_second_answer_private(authority: Authority) -> None:
    answers = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "127.0.0.2"]]
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    # 127.0.0.1 stands for the public address, 127.0.0.2 for one within.
    egress = Egress(("127.0.0.1/32",), authority.ca_file, lookup=rebinding, remember_seconds=0)
    inside = Receiver(authority, address="127.0.0.2")
    async with Receiver(authority) as receiver:
        inside.port = receiver.port

        async def call() -> Outcome:
            return await egress.get(receiver.url(), (), connect_seconds=30, response_seconds=30, response_bytes=1000)

        async with inside:
            first = await call()
            assert (first.status, first.address, asked) == (200, "127.0.0.1", ["localhost"])  # one lookup for it all
            second = await call()
            assert (second.failure, second.status, second.address) == ("blocked_address", None, "127.0.0.2")
            third = await call()
            assert (third.status, third.address) == (200, "127.0.0.1")
            assert (inside.connections, len(receiver.requests)) == (0, 2)
    await egress.close()
