"""Consumers who come by themselves: who may sign up, the tokens they get, and what a token of theirs says."""

import math
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from switchbay.accounts.public import Account, network_of
from switchbay.infra.db import Database
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.rates import Rates
from switchbay.kit.secret import Secret
from switchbay.oauth.domain import CONSUMER_PURPOSES, ConsumerToken, KeyPurpose
from switchbay.oauth.errors import (
    consumer_token_invalid,
    consumer_token_missing,
    origin_not_allowed,
    sign_up_throttled,
    web_messaging_off,
)
from switchbay.oauth.protocol import visitor_token
from switchbay.oauth.protocol.rfc6750_bearer import LONGEST_TOKEN
from switchbay.oauth.protocol.rfc7515_signature import TokenRefused
from switchbay.oauth.service.keyring import KeyRing
from switchbay.oauth.store import sign_ups

_CONSUMER_ID_BYTES: Final = 32
_log = structlog.get_logger("oauth")


class WebAccounts(Protocol):
    """What this asks the accounts room."""

    async def get_account(self, account_id: str) -> Account:
        """The account with its settings; raises ``account_unknown``."""
        ...


class Tokens(Protocol):
    """What this asks of the service of application and consumer tokens."""

    async def verify_consumer_token(self, account_id: str, header: str | None) -> ConsumerToken:
        """Verify a token that an application got for its consumer."""
        ...


@dataclass(frozen=True, slots=True)
class Visitor:
    """A consumer who proved who they are by a token of their own. ``expires_at`` in epoch milliseconds."""

    account_id: str
    consumer_id: str
    expires_at: int


class Visitors:
    """Gives web identities, and verifies the tokens of consumers who come without an application."""

    def __init__(
        self,
        db: Database,
        keys: KeyRing,
        clock: Clock,
        randomness: Randomness,
        accounts: WebAccounts,
        tokens: Tokens,
        *,
        token_seconds: int,
        per_minute: int,
    ) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._randomness = randomness
        self._accounts = accounts
        self._tokens = tokens
        self._token_seconds = token_seconds
        self._rates: Rates[str] = Rates(clock, per_minute)
        self._gap_ms = max(1, sign_ups.MINUTE_MS // per_minute)

    async def admit_page(self, account_id: str, origin: str | None) -> None:
        """Whether pages of this origin may use the web messenger; None: it is no page of a browser that asks.

        Raises ``account_unknown``, ``web_messaging_off`` and ``origin_not_allowed``.
        """
        account = await self._accounts.get_account(account_id)
        if not account.web_origins:
            raise web_messaging_off()
        if origin is not None and not account.allows_origin(origin):
            raise origin_not_allowed()

    # Identities

    async def sign_up(self, account_id: str, previous: str | None, address: str | None) -> Secret:
        """A session token for the consumer of the ``previous`` one, or for a new consumer.

        Raises ``consumer_token_invalid`` and ``sign_up_throttled``.
        """
        await self._count(account_id, address)
        audience = visitor_token.session_audience(account_id)
        return await self._sign(account_id, await self._who(account_id, previous, audience), audience)

    async def identify(self, account_id: str, previous: str | None, address: str | None) -> Secret:
        """An identity token for the consumer of the ``previous`` one, or for a new consumer. Raises as ``sign_up``."""
        await self._count(account_id, address)
        audience = visitor_token.identity_audience(account_id)
        return await self._sign(account_id, await self._who(account_id, previous, audience), audience)

    async def exchange(self, account_id: str, identity: str, address: str | None) -> Secret:
        """A session token for the consumer whom an identity token shows. Raises as ``sign_up``."""
        await self._count(account_id, address)
        payload = await self._open(account_id, identity)
        try:
            claims = visitor_token.judge_claims(
                payload, visitor_token.identity_audience(account_id), self._clock.now_ms()
            )
        except TokenRefused as refused:
            raise _refused(refused) from refused
        return await self._sign(account_id, claims.sub, visitor_token.session_audience(account_id))

    async def _count(self, account_id: str, address: str | None) -> None:
        """Count a sign-up of a network: on this node, and on all nodes together where there may be others."""
        network = network_of(address)
        wait = self._rates.take(network)
        if wait:
            raise sign_up_throttled(wait)
        if self._db.engine == "sqlite":
            return
        now, gap = self._clock.now_ms(), self._gap_ms
        wait_ms = await self._db.write(lambda tx: sign_ups.take_sign_up(tx, account_id, network, gap=gap, now=now))
        if wait_ms:
            raise sign_up_throttled(math.ceil(wait_ms / 1_000))

    async def _who(self, account_id: str, previous: str | None, audience: str) -> str:
        if previous is None:
            return self._randomness.token(_CONSUMER_ID_BYTES)
        payload = await self._open(account_id, previous)
        try:
            return visitor_token.judge_for_renewal(payload, audience, self._clock.now_ms()).sub
        except TokenRefused as refused:
            raise _refused(refused) from refused

    async def _sign(self, account_id: str, consumer_id: str, audience: str) -> Secret:
        is_session = audience == visitor_token.session_audience(account_id)
        seconds = self._token_seconds if is_session else visitor_token.IDENTITY_SECONDS
        claims = visitor_token.make_claims(consumer_id, audience, self._clock.now_ms(), seconds)
        return Secret(await self._keys.sign(account_id, KeyPurpose.CONSUMER, claims))

    # Verifying

    async def verify(self, account_id: str, token: str) -> Visitor:
        """The consumer whose token this is: a session token, or one that an application got for its consumer.

        Raises ``consumer_token_missing`` and ``consumer_token_invalid``.
        """
        if not token:
            raise consumer_token_missing()
        payload = await self._open(account_id, token)
        try:
            claims = visitor_token.judge_claims(
                payload, visitor_token.session_audience(account_id), self._clock.now_ms()
            )
        except TokenRefused:
            consumer = await self._tokens.verify_consumer_token(account_id, token)
            return Visitor(account_id, consumer.consumer_id, consumer.expires_at)
        return Visitor(account_id, claims.sub, claims.exp * 1000)

    async def _open(self, account_id: str, token: str) -> bytes:
        if len(token) > LONGEST_TOKEN or not token.isascii():
            raise consumer_token_invalid()
        try:
            return await self._keys.open(account_id, token, CONSUMER_PURPOSES)
        except TokenRefused as refused:
            raise _refused(refused) from refused


def _refused(refused: TokenRefused) -> Exception:
    _log.info("consumer token refused", reason=str(refused))
    return consumer_token_invalid()
