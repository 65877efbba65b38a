"""However an address of this machine or its network is written, no connection to it is opened."""

from collections.abc import AsyncIterator

import pytest

from support.certs import Authority
from support.receiver import Receiver
from switchbay.infra.egress import Egress

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
    ("①②⑦.0.0.1", _BLOCKED),
    # IPv6
    ("[::1]", _BLOCKED),
    ("[::]", _BLOCKED),
    ("[fe80::1]", _BLOCKED),
    ("[fc00::1]", _BLOCKED),
    ("[fd00:ec2::254]", _BLOCKED),
    # IPv4 in IPv6: mapped, compatible, NAT64, 6to4
    ("[::ffff:127.0.0.1]", _BLOCKED),
    ("[::ffff:7f00:1]", _BLOCKED),
    ("[::ffff:169.254.169.254]", _BLOCKED),
    ("[::127.0.0.1]", _BLOCKED),
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
    ("127.1", _ODD),
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
    ("127.0.0.1 public.example", _BAD),
]


@pytest.fixture
async def receiver(authority: Authority) -> AsyncIterator[Receiver]:
    """What must not be reached."""
    async with Receiver(authority) as running:
        yield running


@pytest.mark.parametrize(("host", "failures"), SSRF)
async def test_ssrf_table(authority: Authority, receiver: Receiver, host: str, failures: set[str]) -> None:
    egress = Egress((), authority.ca_file)
    outcome = await egress.post(
        f"https://{host}:{receiver.port}/", (), b"{}", connect_seconds=5, response_seconds=5, response_bytes=1000
    )
    await egress.close()
    assert outcome.failure in failures
    assert (outcome.status, receiver.connections) == (None, 0)
