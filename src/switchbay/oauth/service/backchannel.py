"""Ends what was issued in a session when the session ends, and tells the apps (OpenID Connect Back-Channel Logout 1.0).

What is to be told commits with the end of the session: a logout that is rolled back is never told, and one that is
durable is told at least once, whichever node dies. A row is claimed by moving its due time ahead, and deleted once the
app has answered.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol
from urllib.parse import urlencode

import structlog

from switchbay.accounts.public import EndedSession, EndReason
from switchbay.apps.public import Client
from switchbay.infra.db import Database, Tx
from switchbay.infra.egress import Egress
from switchbay.infra.machine import Clock, Randomness
from switchbay.kit.errors import AppError
from switchbay.oauth.domain import Algorithm, KeyPurpose
from switchbay.oauth.protocol import oidc_backchannel_logout as protocol
from switchbay.oauth.service.keyring import KeyRing
from switchbay.oauth.service.minting import PolicyBook, issuer_of
from switchbay.oauth.store import logouts as store
from switchbay.oauth.store.grants import revoke_grants
from switchbay.oauth.store.logouts import Logout

POLL_SECONDS: Final = 30.0
"""How often due logouts are looked for; the end of a session on this node wakes the step at once."""
MOST_AT_ONCE: Final = 20
_LEASE_MS: Final = 60_000
_CONNECT_SECONDS: Final = 5.0
_RESPONSE_SECONDS: Final = 10.0
_RESPONSE_BYTES: Final = 4_096
_JTI_BYTES: Final = 16
_HEADERS: Final = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "*/*"))
_log = structlog.get_logger("oauth.logout")


class Directory(Protocol):
    """What this needs of the apps room."""

    async def find_client(self, account_id: str, client_id: str) -> Client | None:
        """The app as it is now, if it is installed."""
        ...


async def end_what_was_issued(
    tx: Tx,
    account_id: str,
    ended: Sequence[EndedSession],
    reason: EndReason,
    randomness: Randomness,
    now: int,
) -> int:
    """Revoke what was issued in sessions, and queue what their apps are to be told; return how many tellings."""
    queued: list[Logout] = []
    for session in ended:
        clients = await store.list_clients_of_session(tx, account_id, session.session_id)
        await revoke_grants(
            tx,
            account_id,
            at=now,
            reason=f"session_{reason}",
            session_id=session.session_id,
            keep_offline=reason == "logout",
        )
        queued += [
            Logout(
                account_id,
                randomness.sortable_id("bcl", now),
                client_id,
                session.user_id,
                session.session_id,
                failures=0,
                due_at=now,
                created_at=now,
            )
            for client_id in clients
        ]
    await store.insert_logouts(tx, queued)
    return len(queued)


class Backchannel:
    """Listens to the ends of sessions, and tells the apps."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        apps: Directory,
        keys: KeyRing,
        policies: PolicyBook,
        egress: Egress,
        *,
        origin: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._apps = apps
        self._keys = keys
        self._policies = policies
        self._egress = egress
        self._origin = origin
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    async def sessions_ended(self, tx: Tx, account_id: str, ended: Sequence[EndedSession], reason: EndReason) -> None:
        """Revoke what was issued in the sessions, and queue what their apps are to be told.

        After a plain logout an app that was allowed to work without its user (the scope offline_access) goes on.
        """
        if await end_what_was_issued(tx, account_id, ended, reason, self._randomness, self._clock.now_ms()):
            tx.on_commit(self._wake.set)

    # Telling

    async def tell_once(self, now: int) -> int:
        """Tell the apps what is due; return how many rows were taken."""
        taken = await self._db.write(lambda tx: store.take(tx, now, now + _LEASE_MS, MOST_AT_ONCE))
        await asyncio.gather(*(self._tell(logout, now) for logout in taken))
        return len(taken)

    async def _tell(self, logout: Logout, now: int) -> None:
        try:
            failure = await self._send(logout, now)
        except AppError as error:
            failure = error.code
        except Exception:  # noqa: BLE001 - one app that cannot be told must not keep the others from it
            _log.exception("a logout could not be told", account_id=logout.account_id, client_id=logout.client_id)
            failure = "internal_error"
        if failure is None:
            await self._db.write(partial(store.delete, logout=logout))
            return
        failures = logout.failures + 1
        next_at = protocol.next_try(failures, now)
        _log.warning(
            "an app was not told of a logout" if next_at else "an app was not told of a logout, and will not be",
            account_id=logout.account_id,
            client_id=logout.client_id,
            failure=failure,
            failures=failures,
        )
        if next_at is None:
            await self._db.write(partial(store.delete, logout=logout))
        else:
            await self._db.write(partial(store.put_off, logout=logout, failures=failures, next_at=next_at))

    async def _send(self, logout: Logout, now: int) -> str | None:
        """What went wrong, in a word; None when the app has been told, or does not want to be."""
        client = await self._apps.find_client(logout.account_id, logout.client_id)
        if client is None or not client.enabled or client.backchannel_logout_uri is None:
            return None
        claims = protocol.make_claims(
            issuer=issuer_of(self._origin, logout.account_id),
            client_id=client.client_id,
            user_id=logout.user_id,
            session_id=logout.session_id,
            jti=self._randomness.token(_JTI_BYTES),
            iat=now // 1000,
        )
        token = await self._keys.sign(
            logout.account_id, KeyPurpose.OIDC, claims, alg=await self._algorithm(client), typ=protocol.TYPE
        )
        outcome = await self._egress.post(
            client.backchannel_logout_uri,
            _HEADERS,
            urlencode({"logout_token": token}).encode("ascii"),
            connect_seconds=_CONNECT_SECONDS,
            response_seconds=_RESPONSE_SECONDS,
            response_bytes=_RESPONSE_BYTES,
        )
        if outcome.failure is None and protocol.is_accepted(outcome.status):
            return None
        return outcome.failure or f"status_{outcome.status}"

    async def _algorithm(self, client: Client) -> Algorithm:
        """The one of the app's ID tokens (§2.4)."""
        if client.id_token_signed_response_alg in set(Algorithm):
            return Algorithm(client.id_token_signed_response_alg)
        return (await self._policies.get(client.account_id)).token_algorithm

    # The loop

    async def start(self) -> None:
        """Start telling."""
        self._loop = asyncio.create_task(self._run(), name="oauth-logouts")

    async def stop(self) -> None:
        """Stop; what was not told waits for another node or the next start."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
            self._loop = None

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                while await self.tell_once(self._clock.now_ms()) == MOST_AT_ONCE:
                    pass
            except AppError as error:
                _log.warning("telling logouts failed and is tried again", code=error.code)
            except Exception:  # noqa: BLE001 - a loop that ends is worse than one that says what went wrong
                _log.exception("telling logouts failed")
            try:
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            except TimeoutError:
                continue
