"""Attempts to log in, measured and counted in the database (``domain.throttle`` has the rules)."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from switchbay.accounts import errors
from switchbay.accounts.domain.people import Actor, checked_address
from switchbay.accounts.domain.throttle import (
    ANY,
    KNOWN_NETWORK_MS,
    NONE,
    SECOND_MS,
    Failures,
    Limits,
    Place,
    after_failure,
    forgiven,
    hash_name,
    network_of,
    places,
    wait_ms,
)
from switchbay.accounts.store import throttle as store
from switchbay.accounts.store.audit import record_audit
from switchbay.accounts.store.users import StoredUser
from switchbay.infra.db import Tx

_log = structlog.get_logger("accounts.login")
_SYSTEM = "login"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A proof of who somebody is that is being tried: whose, from where, and where its failure would be counted."""

    account_id: str
    key: str
    network: str
    address: str | None
    user_id: str | None
    places: tuple[Place, ...]


async def describe(
    tx: Tx, account_id: str, key: str, stored: StoredUser | None, address: str | None, now: int
) -> Attempt:
    """Tell what an attempt for the user name ``key`` is measured by; ``stored`` is that user, if there is one."""
    network = network_of(address)
    user_id = None if stored is None else stored.user.user_id
    known = user_id is not None and await store.is_known(tx, account_id, int(user_id), network, now - KNOWN_NETWORK_MS)
    measured = places(hash_name(key), network, network_is_known=known)
    return Attempt(account_id, key, network, checked_address(address), user_id, measured)


async def refuse_during_wait(tx: Tx, attempt: Attempt, now: int) -> None:
    """Raise ``login_throttled`` while a wait runs."""
    _refuse(await store.load_failures(tx, attempt.account_id, attempt.places), now)


async def hold(tx: Tx, attempt: Attempt, now: int) -> None:
    """The same, and let no other attempt at these places pass before this transaction has ended.

    What is checked and counted between ``hold`` and the commit cannot be outrun by guesses sent at once.
    """
    _refuse(await store.lock_failures(tx, attempt.account_id, attempt.places), now)


def _refuse(counts: Mapping[Place, Failures], now: int) -> None:
    wait = max(wait_ms(failures, now) for failures in counts.values())
    if wait:
        raise errors.login_throttled(-(-wait // SECOND_MS))


async def count_failure(tx: Tx, attempt: Attempt, limits: Limits, now: int) -> None:
    """Count one more failure, and record the wait that it begins."""
    before = await store.lock_failures(tx, attempt.account_id, attempt.places)
    after = {place: after_failure(failures, limits.free(place), limits, now) for place, failures in before.items()}
    await store.save_failures(tx, attempt.account_id, after)
    wait = max(wait_ms(failures, now) for failures in after.values()) // SECOND_MS
    if wait and attempt.user_id is not None:
        await record_audit(
            tx,
            account_id=attempt.account_id,
            actor=Actor("system", _SYSTEM, _SYSTEM, attempt.address),
            action="user.login_throttled",
            object_type="user",
            object_id=attempt.user_id,
            at=now,
            detail={"wait_seconds": wait},
        )
    tx.on_commit(
        lambda: _log.info("login failed", account_id=attempt.account_id, network=attempt.network, wait_seconds=wait)
    )


async def forgive(tx: Tx, attempt: Attempt) -> None:
    """Clear the counts of a success."""
    counts = await store.load_failures(tx, attempt.account_id, attempt.places)
    if all(failures == NONE for failures in counts.values()):
        return
    counts = await store.lock_failures(tx, attempt.account_id, attempt.places)
    own = counts[Place(hash_name(attempt.key), attempt.network)]
    cleared = {place: forgiven(failures, own) if place.name_hash == ANY else NONE for place, failures in counts.items()}
    await store.save_failures(tx, attempt.account_id, cleared)


async def succeed(tx: Tx, attempt: Attempt, now: int) -> None:
    """Clear the counts and remember the network, from which this user is not kept by strangers' failures any more."""
    await forgive(tx, attempt)
    if attempt.user_id is not None:
        await store.know(tx, attempt.account_id, int(attempt.user_id), attempt.network, now)
