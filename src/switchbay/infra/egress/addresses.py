"""Which addresses may be called: public ones, and those that the operator has allowed.

Of IPv4 all is public but the networks of the IANA special-purpose address registry (RFC 6890) that are not globally
reachable, and multicast. Of IPv6 only what IANA gives out, ``2000::/3``, without such networks. IPv6 addresses that
carry an IPv4 address (mapped, NAT64, 6to4) are judged by that one.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from switchbay.kit.errors import AppError, Kind

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_GIVEN_OUT = IPv6Network("2000::/3")
_BLOCKED = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, withdrawn
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # protocol assignments, Teredo, ORCHID
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


def parse_networks(words: Iterable[str]) -> tuple[Network, ...]:
    """Read networks in CIDR form."""
    networks = []
    for word in words:
        try:
            networks.append(ip_network(word))
        except ValueError as error:
            raise AppError(
                Kind.INVALID, "egress_allow_malformed", "An allowed network is not in CIDR form.", {"given": word}
            ) from error
    return tuple(networks)


def plain(text: str) -> Address:
    """Parse an address; an IPv4 address mapped into IPv6 becomes that IPv4 address, a zone index goes."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _embedded(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.sixtofour


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GIVEN_OUT:
        return False
    return not any(address in network for network in _BLOCKED)


class AddressGuard:
    """Tells whether an address may be called."""

    def __init__(self, allowed: Iterable[Network] = (), *, loopback: bool = False) -> None:
        self._allowed = (*allowed, *(_LOOPBACK if loopback else ()))
        self.permits = lru_cache(maxsize=4096)(self._permits)

    def is_allowed(self, text: str) -> bool:
        """Tell whether an address, public or not, is in a network that the operator has allowed."""
        address = plain(text)
        embedded = _embedded(address)
        return any(address in network for network in self._allowed) or (
            embedded is not None and self.is_allowed(str(embedded))
        )

    def _permits(self, text: str) -> bool:
        if self.is_allowed(text):
            return True
        address = plain(text)
        return _is_public(_embedded(address) or address)


def is_loopback(text: str) -> bool:
    """Tell whether an address is this machine's own."""
    return plain(text).is_loopback
