"""Which addresses may be called."""

import pytest

from switchbay.infra.egress.addresses import AddressGuard, parse_networks
from switchbay.kit.errors import AppError

BLOCKED = [
    "0.0.0.0",  # noqa: S104 - nothing is bound: it must be refused
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.9.9.9",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", BLOCKED)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert AddressGuard().permits(address) is False


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "100.128.0.1", "172.32.0.1", "198.20.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"],
)
def test_a_public_address_is_permitted(address: str) -> None:
    assert AddressGuard().permits(address) is True


def test_an_allowed_network_is_permitted_and_nothing_beside_it() -> None:
    guard = AddressGuard(parse_networks(["10.20.0.0/16", "fd12::/16"]))
    permitted = [guard.permits(each) for each in ("10.20.3.4", "::ffff:10.20.3.4", "64:ff9b::a14:304", "fd12::1")]
    assert permitted == [True, True, True, True]
    assert [guard.permits(each) for each in ("10.21.0.1", "127.0.0.1", "fd13::1")] == [False, False, False]


def test_development_mode_permits_this_machine_only() -> None:
    guard = AddressGuard(loopback=True)
    assert [guard.permits(each) for each in ("127.0.0.1", "::1", "::ffff:127.0.0.1")] == [True, True, True]
    assert [guard.permits(each) for each in ("10.0.0.1", "169.254.169.254")] == [False, False]


@pytest.mark.parametrize("word", ["10.0.0.1/8", "example.com", "10.0.0.0/33", ""])
def test_a_malformed_network_is_refused(word: str) -> None:
    with pytest.raises(AppError) as caught:
        parse_networks([word])
    assert caught.value.code == "egress_allow_malformed"
