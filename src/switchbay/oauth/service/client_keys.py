"""The keys that clients sign their assertions with: registered as ``jwks``, or fetched from their ``jwks_uri``.

A fetched set is kept for ten minutes at most. A key id that it lacks has it fetched again, because that is how clients
change keys, but nobody can make this server fetch one address more than once a minute, nor wait for a dead one again
and again: a failure is remembered for as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from switchbay.apps.public import Client
from switchbay.infra.egress import Egress
from switchbay.infra.machine import Clock
from switchbay.infra.memory import BoundedCache, SingleFlight
from switchbay.infra.web import JSON, decode_json
from switchbay.kit.errors import AppError
from switchbay.kit.jsonvalue import JsonValue
from switchbay.oauth.protocol.rfc7517_client_keys import ClientKey, read_client_keys
from switchbay.oauth.protocol.rfc7523_client_assertion import Assertion, choose_keys

KEPT_SECONDS: Final = 600
AGAIN_SECONDS: Final = 60
LARGEST_SET: Final = 65_536
_CONNECT_SECONDS: Final = 2.5
_RESPONSE_SECONDS: Final = 2.5
_MOST_KEPT: Final = 2_000
_OK: Final = 200
_log = structlog.get_logger("oauth")


class KeysUnavailable(Exception):
    """A client's key set cannot be had at the moment; the text is a stable word for the log of its developer."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    """What is known of a key set. Times are on the monotonic clock, in seconds.

    ``keys`` are those of the last fetch that brought some, until ``until``; ``failure`` is the word of the last fetch,
    which was at ``at``, if it brought none.
    """

    at: float
    until: float
    keys: tuple[ClientKey, ...]
    failure: str | None


@dataclass(frozen=True, slots=True)
class _Registered:
    document: JsonValue
    keys: tuple[ClientKey, ...]


class ClientKeys:
    """The keys of all clients, through small caches."""

    def __init__(self, clock: Clock, egress: Egress) -> None:
        self._clock = clock
        self._egress = egress
        self._registered: BoundedCache[tuple[str, str], _Registered] = BoundedCache(_MOST_KEPT)
        self._fetched: BoundedCache[str, _Fetched] = BoundedCache(_MOST_KEPT)
        self._fetching: SingleFlight[str, _Fetched] = SingleFlight()

    async def find(self, client: Client, assertion: Assertion) -> tuple[ClientKey, ...]:
        """The client's keys that may have signed this assertion; none when it has no such key.

        Raises ``KeysUnavailable``.
        """
        if client.jwks_uri is None:
            return tuple(choose_keys(assertion, self._read_registered(client)))
        fetched = self._fetched.get(client.jwks_uri)
        chosen = self._choose(assertion, fetched)
        if not chosen and (fetched is None or self._clock.monotonic() - fetched.at >= AGAIN_SECONDS):
            uri = client.jwks_uri
            fetched = await self._fetching.run(uri, lambda: self._fetch(uri))
            chosen = self._choose(assertion, fetched)
        if not chosen and fetched is not None and fetched.failure is not None:
            raise KeysUnavailable(fetched.failure)
        return tuple(chosen)

    def _choose(self, assertion: Assertion, fetched: _Fetched | None) -> Sequence[ClientKey]:
        if fetched is None or self._clock.monotonic() >= fetched.until:
            return ()
        return choose_keys(assertion, fetched.keys)

    def _read_registered(self, client: Client) -> tuple[ClientKey, ...]:
        place = (client.account_id, client.client_id)
        known = self._registered.get(place)
        if known is None or (known.document is not client.jwks and known.document != client.jwks):
            known = _Registered(client.jwks, read_client_keys(client.jwks))
            self._registered.put(place, known)
        return known.keys

    async def _fetch(self, uri: str) -> _Fetched:
        at = self._clock.monotonic()
        outcome = await self._egress.get(
            uri,
            [("Accept", JSON)],
            connect_seconds=_CONNECT_SECONDS,
            response_seconds=_RESPONSE_SECONDS,
            response_bytes=LARGEST_SET,
        )
        keys: tuple[ClientKey, ...] = ()
        failure = outcome.failure
        if failure is None and outcome.status != _OK:
            failure = f"status_{outcome.status}"
        if failure is None and outcome.truncated:
            failure = "too_large"
        if failure is None:
            try:
                keys = read_client_keys(decode_json(outcome.body))
            except AppError:
                failure = "not_json"
        if failure is not None:
            _log.info("key set of a client not fetched", uri=uri, failure=failure)
        before = self._fetched.get(uri)
        if failure is not None and before is not None:  # one failure takes no keys away that may still be used
            fetched = replace(before, at=at, failure=failure)
        else:
            fetched = _Fetched(at, at + KEPT_SECONDS, keys, failure)
        self._fetched.put(uri, fetched)
        return fetched
