"""What is fetched from other OpenID providers: their documents, their keys, the tokens of a login, userinfo.

Documents and keys are kept for ten minutes. A key id that is not among the keys has them fetched again, because that is
how providers change keys, but no address is asked more than once in half a minute for it, and a failure is remembered
for ten seconds, so that a provider that is away costs nobody more than its first wait.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from switchbay.infra.egress import Egress, Outcome
from switchbay.infra.machine import Clock
from switchbay.infra.memory import BoundedCache, SingleFlight
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.secret import Secret
from switchbay.oauth.protocol.oidc_upstream import (
    Provider,
    SignedToken,
    UpstreamTrouble,
    choose_keys,
    discovery_url,
    read_object,
    read_provider,
    read_tokens,
    read_userinfo,
)
from switchbay.oauth.protocol.rfc7517_client_keys import ClientKey, read_client_keys

KEPT_SECONDS: Final = 600.0
AGAIN_SECONDS: Final = 30.0
FAILED_SECONDS: Final = 10.0
LARGEST_ANSWER: Final = 262_144
MOST_UNDER_WAY: Final = 50
"""Logins at other providers that this node finishes at once; each may wait for seconds on somebody else's server."""
_CONNECT_SECONDS: Final = 4.0
_RESPONSE_SECONDS: Final = 6.0
_MOST_KEPT: Final = 1_000
_OK: Final = 200
_JSON_WANTED: Final = [("Accept", "application/json")]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    """What a fetch brought, or its trouble. ``at`` is on the monotonic clock, in seconds."""

    at: float
    value: T | None
    trouble: UpstreamTrouble | None


class _Shelf(Generic[T]):
    """Documents by their address, fetched when needed."""

    def __init__(self, clock: Clock, fetch: Callable[[str], Awaitable[T]]) -> None:
        self._clock = clock
        self._fetch = fetch
        self._kept: BoundedCache[str, _Kept[T]] = BoundedCache(_MOST_KEPT)
        self._fetching: SingleFlight[str, _Kept[T]] = SingleFlight()

    async def get(self, address: str, *, seconds: float = KEPT_SECONDS) -> T:
        """What was fetched at most so long ago, or is fetched now. Raises ``UpstreamTrouble``."""
        kept = self._kept.get(address)
        if kept is not None:
            age = self._clock.monotonic() - kept.at
            if age >= (seconds if kept.trouble is None else FAILED_SECONDS):
                kept = None
        if kept is None:
            kept = await self._fetching.run(address, lambda: self._load(address))
        if kept.value is None:
            raise kept.trouble or AssertionError("a fetch brings a value or its trouble")
        return kept.value

    def _load(self, address: str) -> Coroutine[None, None, _Kept[T]]:
        async def load() -> _Kept[T]:
            at = self._clock.monotonic()
            kept: _Kept[T]
            try:
                kept = _Kept(at, await self._fetch(address), None)
            except UpstreamTrouble as trouble:
                kept = _Kept(at, None, trouble)
            self._kept.put(address, kept)
            return kept

        return load()


class Providers:
    """Asks other providers, through the one door for outbound calls."""

    def __init__(self, clock: Clock, egress: Egress, *, response_seconds: float = _RESPONSE_SECONDS) -> None:
        self._egress = egress
        self._response_seconds = response_seconds
        self._documents: _Shelf[Provider] = _Shelf(clock, self._fetch_document)
        self._key_sets: _Shelf[tuple[ClientKey, ...]] = _Shelf(clock, self._fetch_keys)
        self._under_way = 0

    async def find(self, issuer: str) -> Provider:
        """The provider behind an issuer."""
        return await self._documents.get(issuer)

    async def keys_of(self, provider: Provider) -> Sequence[ClientKey]:
        """The provider's keys that are of any use here."""
        return await self._key_sets.get(provider.jwks_uri)

    async def keys_for(self, provider: Provider, token: SignedToken) -> Sequence[ClientKey]:
        """The provider's keys that may have signed a token; none when it has no such key."""
        chosen = choose_keys(token, await self._key_sets.get(provider.jwks_uri))
        if not chosen:
            chosen = choose_keys(token, await self._key_sets.get(provider.jwks_uri, seconds=AGAIN_SECONDS))
        return chosen

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Finish a login while not too many others do. Raises ``UpstreamTrouble``."""
        if self._under_way >= MOST_UNDER_WAY:
            message = "Many people are logging in at this moment. Try again in a minute."
            raise UpstreamTrouble("upstream_busy", 503, message)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def redeem(
        self, provider: Provider, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[str, Secret | None]:
        """Exchange a code: the ID token, and the access token if there is one."""
        outcome = await self._egress.post(
            provider.token_endpoint,
            headers,
            body,
            connect_seconds=_CONNECT_SECONDS,
            response_seconds=self._response_seconds,
            response_bytes=LARGEST_ANSWER,
        )
        return read_tokens(*_whole(outcome, "token"))

    async def userinfo(self, endpoint: str, token: Secret, subject: str) -> dict[str, JsonValue]:
        """What the provider tells of a user besides the ID token."""
        return read_userinfo(await self._get(endpoint, "userinfo", token), subject)

    async def _fetch_document(self, issuer: str) -> Provider:
        return read_provider(await self._get(discovery_url(issuer), "discovery"), issuer)

    async def _fetch_keys(self, address: str) -> tuple[ClientKey, ...]:
        members = read_object(await self._get(address, "keys"), "keys").get("keys")
        return read_client_keys({"keys": members if isinstance(members, list) else []})

    async def _get(self, url: str, what: str, token: Secret | None = None) -> bytes:
        bearer = [] if token is None else [("Authorization", f"Bearer {token.reveal()}")]
        outcome = await self._egress.get(
            url,
            [*_JSON_WANTED, *bearer],
            connect_seconds=_CONNECT_SECONDS,
            response_seconds=self._response_seconds,
            response_bytes=LARGEST_ANSWER,
        )
        status, body = _whole(outcome, what)
        if status != _OK:
            raise _unreachable(what, f"status_{status}")
        return body


def _whole(outcome: Outcome, what: str) -> tuple[int, bytes]:
    """Status and body of an answer that arrived as a whole. No redirect was followed: 3xx is a status like others."""
    if outcome.failure is not None or outcome.status is None:
        raise _unreachable(what, outcome.failure or "no_status", outcome.detail or "")
    if outcome.truncated:
        raise _unreachable(what, "too_large")
    return outcome.status, outcome.body


def _unreachable(what: str, failure: str, detail: str = "") -> UpstreamTrouble:
    message = "The company's login service cannot be reached at the moment. Try again in a minute."
    return UpstreamTrouble("upstream_unreachable", 502, message, call=what, failure=failure, reason=detail)
