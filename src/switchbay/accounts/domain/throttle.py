"""How failed logins slow the next ones down.

Failures are counted in three places: for a user name from one network, for a network whatever the user name, and for a
user name whatever the network. Each count lets some failures pass; from then on every failure begins a wait, and each
wait is twice the one before, up to an hour. An attempt that is refused during a wait counts nowhere, so waits end.

The third count is what stops guessing from thousands of networks; alone it would let anybody lock a user out. So it is
neither asked nor raised for a network from which that user has logged in during the last 30 days: a user who comes from
where they usually come is not touched by what strangers elsewhere do. It also begins later than the first, so that no
single network can set it off.

A success clears the counts it was measured by and takes this user's own failures off the network's count, no more: who
knows one password must not be able to wipe away their guesses at other people's.
"""

import hashlib
import ipaddress
from dataclasses import dataclass

SECOND_MS = 1_000
HOUR_MS = 3_600 * SECOND_MS
LONGEST_WAIT_MS = HOUR_MS
KNOWN_NETWORK_MS = 30 * 24 * HOUR_MS
FORGET_MS = 48 * HOUR_MS
ANY = ""
UNKNOWN_NETWORK = "unknown"
_EVERYWHERE_FACTOR = 10
_MOST_DOUBLINGS = 16
_MOST_HALVINGS = 62
_IPV6_NETWORK_BITS = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where failures are counted: ``ANY`` in one member means whatever it is."""

    name_hash: str
    network: str


@dataclass(frozen=True, slots=True)
class Failures:
    """A count of failed logins; times are epoch milliseconds."""

    count: int = 0
    last_at: int = 0
    wait_until: int = 0


NONE = Failures()


@dataclass(frozen=True, slots=True)
class Limits:
    """How many failures pass before the wait begins, and how long the first wait is."""

    per_user: int
    per_network: int
    first_wait_ms: int

    def free(self, place: Place) -> int:
        """How many failures pass at ``place``."""
        if place.name_hash == ANY:
            return self.per_network
        return self.per_user * (_EVERYWHERE_FACTOR if place.network == ANY else 1)


def network_of(address: str | None) -> str:
    """The network that an address is counted under: an IPv4 address, or the /64 of an IPv6 address.

    One IPv6 customer has at least a /64 to choose addresses from. What is not an address shares one count.
    """
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return UNKNOWN_NETWORK
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_NETWORK_BITS), strict=False))


def hash_name(login_key: str) -> str:
    """The form in which a tried user name is kept: people type passwords into that field."""
    return hashlib.sha256(login_key.encode("utf-8")).hexdigest()


def places(name_hash: str, network: str, *, network_is_known: bool) -> tuple[Place, ...]:
    """Where an attempt is measured and counted, always in the same order (rows are locked in it)."""
    usual = (Place(ANY, network), Place(name_hash, network))
    return usual if network_is_known else (*usual, Place(name_hash, ANY))


def wait_ms(failures: Failures, now: int) -> int:
    """How long to wait yet; never more than an hour, even if a clock was wrong when the wait was stored."""
    return max(0, min(failures.wait_until - now, LONGEST_WAIT_MS))


def after_failure(failures: Failures, free: int, limits: Limits, now: int) -> Failures:
    """Count one more failure; the ``free``-th begins a wait, each further one a wait twice as long."""
    count = _faded(failures, now) + 1
    if count < free:
        return Failures(count, now, 0)
    wait = min(limits.first_wait_ms << min(count - free, _MOST_DOUBLINGS), LONGEST_WAIT_MS)
    return Failures(count, now, now + wait)


def _faded(failures: Failures, now: int) -> int:
    """A count halves for each whole hour in which nothing failed and no wait ran."""
    quiet = now - max(failures.last_at, failures.wait_until)
    return failures.count >> min(max(0, quiet) // HOUR_MS, _MOST_HALVINGS)


def forgiven(network: Failures, own: Failures) -> Failures:
    """The network's count without what one user's failures added to it."""
    return Failures(max(0, network.count - own.count), network.last_at, network.wait_until)
