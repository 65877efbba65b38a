"""The developer log: why the token and authorize endpoints refused an app, for the administrators of its account.

The caller of a refused request learns only what the standard allows; the exact reason is noted here. Noting is cheap
and never fails: it goes to a bounded memory, which a worker writes to the database each second. A flood of refusals of
one app pushes out only older ones of the same app.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.kit.errors import AppError
from switchbay.manifest.public import mask_user_info
from switchbay.oauth.store import refusals
from switchbay.oauth.store.refusals import MOST_KEPT, Refusal

FLUSH_SECONDS: Final = 1.0
MOST_HELD: Final = 2_000
"""How many refusals are held until they are written: of each app at most as many as are kept, of all apps together
this many. Beyond, the oldest one goes of the app that has the most."""
MOST_CHARACTERS: Final = 300
"""Longer texts of a detail are cut."""
KEPT_DAYS: Final = 30
_DAY_MS: Final = 86_400_000
_SWEEP_MS: Final = 3_600_000
_MOST_DETAILS: Final = 12
_MOST_WORD: Final = 64
SECRET_NAMES: Final = frozenset(
    {
        "access_token",
        "assertion",
        "authorization",
        "client_assertion",
        "client_secret",
        "code",
        "code_verifier",
        "id_token",
        "id_token_hint",
        "password",
        "refresh_token",
        "token",
    }
)
"""Parameters whose value is never written, whoever hands it over."""

_log = structlog.get_logger("oauth")


class RefusalLog:
    """The refusals of one node on their way to the database, and those that are stored."""

    def __init__(self, db: Database, clock: Clock, randomness: Randomness) -> None:
        self._db = db
        self._clock = clock
        self._randomness = randomness
        self._held: dict[tuple[str, str], deque[Refusal]] = {}
        self._count = 0
        self._dropped = 0
        self._swept_at = 0
        self._loop: asyncio.Task[None] | None = None

    @property
    def held(self) -> int:
        """How many refusals wait to be written."""
        return self._count

    @property
    def dropped(self) -> int:
        """How many were dropped, since the node started, because more came than can be held."""
        return self._dropped

    def note(
        self,
        account_id: str,
        client_id: str,
        endpoint: str,
        error: str,
        reason: str,
        detail: Mapping[str, str],
        address: str | None,
    ) -> None:
        """Note that a request of an installed app was refused. Call it only for apps that exist.

        ``endpoint`` is a word such as ``token`` or ``authorize``, ``error`` the code that the caller got, ``reason``
        the stable word for what was really wrong; ``detail`` says what was expected and what came, never a secret.
        """
        now = self._clock.now_ms()
        self._hold(
            Refusal(
                account_id=account_id,
                client_id=client_id,
                refusal_id=self._randomness.sortable_id("ref", now),
                at=now,
                endpoint=_clean(endpoint)[:_MOST_WORD],
                error=_clean(error)[:_MOST_WORD],
                reason=_clean(reason)[:_MOST_WORD],
                detail=tuple((_clean(name)[:_MOST_WORD], _shown(name, text)) for name, text in _first(detail)),
                address=None if address is None else _clean(address)[:_MOST_WORD],
            )
        )

    def _hold(self, refusal: Refusal) -> None:
        theirs = self._held.setdefault((refusal.account_id, refusal.client_id), deque())
        theirs.append(refusal)
        self._count += 1
        if len(theirs) > MOST_KEPT:
            self._drop_oldest(theirs)
        elif self._count > MOST_HELD:
            self._drop_oldest(max(self._held.values(), key=len))

    def _drop_oldest(self, theirs: deque[Refusal]) -> None:
        theirs.popleft()
        self._count -= 1
        self._dropped += 1

    async def list_refusals(self, account_id: str, client_id: str) -> Sequence[Refusal]:
        """The last hundred refusals of an app, the newest first; those of the last second may be missing."""

        async def work(tx: Tx) -> list[Refusal]:
            return await refusals.list_of_client(tx, account_id, client_id)

        return await self._db.read(work)

    async def flush_once(self) -> int:
        """Write what is held, in one transaction; return how many. What cannot be written is held again."""
        new = [refusal for theirs in self._held.values() for refusal in theirs]
        self._held, self._count = {}, 0
        if not new:
            return 0

        async def work(tx: Tx) -> None:
            await refusals.insert(tx, new)

        try:
            await self._db.write(work)
        except BaseException:
            self._hold_again(new)
            raise
        return len(new)

    def _hold_again(self, earlier: Sequence[Refusal]) -> None:
        """Put refusals back before those that were noted meanwhile, within the same bounds."""
        later = [refusal for theirs in self._held.values() for refusal in theirs]
        self._held, self._count = {}, 0
        for refusal in (*earlier, *later):
            self._hold(refusal)

    async def sweep_once(self, now: int) -> int:
        """Forget what is older than thirty days, also of apps that are gone; return how many."""

        async def work(tx: Tx) -> int:
            return await refusals.drop_old(tx, now - KEPT_DAYS * _DAY_MS)

        return await self._db.write(work)

    async def start(self) -> None:
        """Start writing each second."""
        self._loop = asyncio.create_task(self._run(), name="oauth-refusals")

    async def stop(self) -> None:
        """Stop, after writing what is held."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
            self._loop = None
        try:
            await self.flush_once()
        except AppError as error:
            _log.warning("refusals were not written to the developer log", code=error.code, count=self.held)

    async def _run(self) -> None:
        told = 0
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush_once()
                now = self._clock.now_ms()
                if now - self._swept_at >= _SWEEP_MS:
                    self._swept_at = now
                    await self.sweep_once(now)
            except AppError as error:
                _log.warning("the developer log was not written and is tried again", code=error.code)
            except Exception:  # noqa: BLE001 - a loop that ends is worse than one that says what went wrong
                _log.exception("the developer log was not written")
            if self._dropped > told:
                _log.warning("refusals were dropped from the developer log", count=self._dropped - told)
                told = self._dropped


def _first(detail: Mapping[str, str]) -> list[tuple[str, str]]:
    return list(detail.items())[:_MOST_DETAILS]


def _shown(name: str, text: str) -> str:
    """A text as it may be kept: no secret, no half characters, no password of an address, not too long."""
    if name.casefold() in SECRET_NAMES:
        return "***"
    shown = mask_user_info(_clean(text[: 2 * MOST_CHARACTERS]))
    return shown if len(shown) <= MOST_CHARACTERS else shown[: MOST_CHARACTERS - 1] + "…"


def _clean(text: str) -> str:
    """The text with control characters and halves of characters replaced, so that it can be stored and shown."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
