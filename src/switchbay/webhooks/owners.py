"""Owners (installed apps) of this room: storing their endpoints and secrets, and knowing them when something is sent.

Secrets and custom headers lie sealed in the database. ``set_owner`` and ``remove_owner`` run inside the transaction of
whoever changes the app. What is pending when an app is disabled is held, lane by lane as their turns come, until it is
enabled again; what is pending when it is removed is cancelled in that same transaction.
"""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from switchbay.infra.db import Database, Tx
from switchbay.infra.egress import BadUrl, parse_target
from switchbay.infra.machine import Clock
from switchbay.infra.memory import RecentCache
from switchbay.infra.vault import Vault
from switchbay.webhooks import errors
from switchbay.webhooks.domain import (
    MAX_RETRIES,
    Endpoint,
    GateState,
    Ordering,
    Owner,
    Reason,
    canonical_event_key,
    header_fault,
    is_sent,
)
from switchbay.webhooks.request_head import shown_head
from switchbay.webhooks.store import client_certificates, lanes
from switchbay.webhooks.store import owners as store
from switchbay.webhooks.store.health import forget_conditions

_CACHE_SECONDS = 2.0
_CACHE_SIZE = 2_000

_headers_decoder = msgspec.json.Decoder(list[tuple[str, str]])
_hearing: "weakref.WeakSet[HearsChanges]" = weakref.WeakSet()


class HearsChanges(Protocol):
    """Who remembers owners, here or in another process of this node."""

    def drop(self, account_id: str, owner_id: str, /) -> None:
        """Forget what is known of an owner."""
        ...


def hear_changes(listener: HearsChanges) -> None:
    """Tell ``listener`` of every owner that is changed in this process, as long as it lives."""
    _hearing.add(listener)


async def set_owner(tx: Tx, vault: Vault, owner: Owner, now: int) -> None:
    """Store an owner as it is now, in the caller's transaction.

    Raises ``webhook_header_refused`` and ``webhook_endpoint_refused``.
    """
    await store.put_owner(tx, _seal(vault, owner), now)
    tx.on_commit(owner_changed(owner.account_id, owner.owner_id))


async def remove_owner(tx: Tx, account_id: str, owner_id: str, now: int) -> None:
    """Forget an owner, in the caller's transaction; its pending deliveries are cancelled."""
    await forget_conditions(tx, account_id, owner_id)
    await store.delete_owner(tx, account_id, owner_id)
    await store.cancel_pending(tx, account_id, owner_id, Reason.APP_REMOVED, now)
    await lanes.release_held(tx, account_id, owner_id, now)
    tx.on_commit(owner_changed(account_id, owner_id))


def owner_changed(account_id: str, owner_id: str) -> Callable[[], None]:
    """What is to be done when a change of an owner has been committed: what this node remembers of it goes."""

    def drop() -> None:
        for listener in tuple(_hearing):
            listener.drop(account_id, owner_id)

    return drop


@dataclass(frozen=True, slots=True)
class Health:
    """How deliveries to an owner go. ``next_attempt_at`` is set while its gate is closed; ``disabled`` are the
    events whose webhooks are called no more, each with the time (epoch milliseconds) and the reason; ``certificates``
    are the events (or ``default``) whose endpoints are shown a client certificate, each with its end.
    """

    state: GateState
    since: int
    next_attempt_at: int | None
    disabled: tuple[tuple[str, int, Reason], ...]
    certificates: tuple[tuple[str, int], ...] = ()


async def find_health(tx: Tx, account_id: str, owner_id: str) -> Health | None:
    """How deliveries to an owner go, or None if it is unknown."""
    row = await store.find_owner(tx, account_id, owner_id)
    if row is None:
        return None
    disabled = (
        (each.event_key, each.disabled_at, reason)
        for each in row.endpoints
        if each.disabled_at is not None and (reason := _why_disabled(each)) is not None
    )
    state = GateState(row.gate)
    return Health(
        state,
        row.gate_since,
        row.gate_next if state is GateState.FAILED else None,
        tuple(sorted(disabled)),
        tuple(
            (each.event_key, each.not_after) for each in await client_certificates.of_owner(tx, account_id, owner_id)
        ),
    )


# Sealing


def _context(account_id: str, owner_id: str, what: str) -> str:
    return f"webhook_owners/{account_id}/{owner_id}/{what}"


def _seal(vault: Vault, owner: Owner) -> store.OwnerRow:
    account_id, owner_id = owner.account_id, owner.owner_id
    endpoints: dict[str, store.EndpointRow] = {}
    for endpoint in owner.endpoints:
        key = canonical_event_key(endpoint.event_key)
        if key in endpoints and endpoint.event_key != key:
            continue  # both names of one event are given: the proper one counts
        _check(endpoint)
        headers = msgspec.json.encode(list(endpoint.headers))
        endpoints[key] = store.EndpointRow(
            key,
            endpoint.url,
            vault.seal(headers, _context(account_id, owner_id, f"headers/{key}")),
            max(0, min(endpoint.max_retries, MAX_RETRIES)),
            endpoint.is_exempt,
        )
    other = owner.other_secret
    return store.OwnerRow(
        account_id,
        owner_id,
        owner.client_id,
        owner.enabled,
        owner.retention_time,
        vault.seal(owner.signing_secret, _context(account_id, owner_id, "signing_secret")),
        None if other is None else vault.seal(other, _context(account_id, owner_id, "other_secret")),
        tuple(endpoints.values()),
        hears_all=owner.hears_all,
        ordering=owner.ordering.value,
    )


def _check(endpoint: Endpoint) -> None:
    try:
        parse_target(endpoint.url)
    except BadUrl as error:
        raise errors.endpoint_refused(endpoint.event_key, str(error)) from error
    for name, value in endpoint.headers:
        fault = header_fault(name, value)
        if fault is not None:
            raise errors.header_refused(name, fault)


# Knowing owners at send time


@dataclass(frozen=True, slots=True)
class SendEndpoint:
    """An endpoint ready for sending: the headers are those that are really sent.

    ``disabled`` says why it is called no more, if it is not, ``certificate_id`` which client certificate it is shown.
    ``shown`` is what the log keeps of each request's head: nothing of the headers' values.
    """

    url: str
    origin: tuple[str, str, int]
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    max_retries: int
    is_exempt: bool = False
    disabled: Reason | None = None
    certificate_id: str | None = None
    shown: str = ""


@dataclass(frozen=True, slots=True)
class SendOwner:
    """An owner ready for sending. ``retention_ms`` is 0 for none; ``is_held`` says that its gate is closed.

    ``rate_limit`` is how many requests a second each of its endpoints may get from a node, None for any number.
    ``is_best_effort`` says that later events need not wait for one that is tried again.
    """

    client_id: str
    enabled: bool
    endpoints: dict[str, SendEndpoint]
    signing_secret: bytes = field(repr=False)
    other_secret: bytes | None = field(repr=False)
    retention_ms: int = 0
    is_held: bool = False
    rate_limit: int | None = None
    is_best_effort: bool = False


def _open(vault: Vault, row: store.OwnerRow) -> SendOwner:
    def plain(sealed: bytes, what: str) -> bytes:
        return vault.open_bytes(sealed, _context(row.account_id, row.owner_id, what))

    def endpoint(each: store.EndpointRow) -> SendEndpoint:
        headers = _headers_decoder.decode(plain(each.headers, f"headers/{each.event_key}"))
        sent = tuple((name, value) for name, value in headers if is_sent(name))
        return SendEndpoint(
            each.url,
            parse_target(each.url).origin,
            sent,
            each.max_retries,
            each.is_exempt,
            _why_disabled(each),
            each.certificate_id,
            shown_head(each.url, row.account_id, row.client_id, [name for name, _ in sent]),
        )

    return SendOwner(
        row.client_id,
        row.enabled,
        {each.event_key: endpoint(each) for each in row.endpoints},
        plain(row.signing_secret, "signing_secret"),
        None if row.other_secret is None else plain(row.other_secret, "other_secret"),
        row.retention_time * 1000,
        row.gate == GateState.FAILED,
        row.rate_limit,
        row.ordering == Ordering.BEST_EFFORT and not row.retention_time,
    )


def _why_disabled(row: store.EndpointRow) -> Reason | None:
    if row.disabled_at is None:
        return None
    return Reason.ENDPOINT_GONE if row.disabled_reason is None else Reason.ENDPOINT_DISABLED


class OwnerCache:
    """Owners as they are now, at most two seconds ago. Changes made on this node are seen at once."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._recent: RecentCache[tuple[str, str], SendOwner] = RecentCache(
            self._read, clock, seconds=_CACHE_SECONDS, most=_CACHE_SIZE
        )
        hear_changes(self)

    def known(self, account_id: str, owner_id: str) -> SendOwner | None:
        """The owner, if it is remembered."""
        return self._recent.known((account_id, owner_id))

    async def find(self, account_id: str, owner_id: str) -> SendOwner | None:
        """The owner, or None if it was removed. Raises ``DatabaseUnavailable`` and ``secret_unreadable``."""
        return await self._recent.find((account_id, owner_id))

    async def _read(self, key: tuple[str, str]) -> SendOwner | None:
        row = await self._db.read(lambda tx: store.find_owner(tx, *key))
        return None if row is None else _open(self._vault, row)

    def drop(self, account_id: str, owner_id: str) -> None:
        """Forget what is known of an owner."""
        self._recent.drop((account_id, owner_id))
