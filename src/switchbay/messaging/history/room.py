"""History with its workers: the indexer, retention, erasures."""

from collections.abc import AsyncIterator
from typing import Final, Protocol

from switchbay.accounts.public import Account, Actor, record_audit
from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.upkeep import Upkeep
from switchbay.kit.jsonvalue import JsonValue
from switchbay.messaging.files.store import delete_files_of
from switchbay.messaging.history.erasing import Conversations, DeleteFiles, Erasing
from switchbay.messaging.history.exporting import Exporting
from switchbay.messaging.history.indexing import MESSAGES_A_STEP, Indexer
from switchbay.messaging.history.retaining import Retaining
from switchbay.messaging.history.service import AgentStates, History, People

_INDEX_IDLE_SECONDS: Final = 1.0
_ERASE_IDLE_SECONDS: Final = 5.0
_PURGE_IDLE_SECONDS: Final = 60.0


class AccountsRoom(People, Protocol):
    """What history needs of the accounts room."""

    async def list_accounts(self) -> list[Account]:
        """All accounts."""
        ...


class HistoryRoom:
    """Everything of history on one node."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        randomness: Randomness,
        accounts: AccountsRoom,
        messaging: Conversations,
        states: AgentStates,
        delete_files: DeleteFiles = delete_files_of,
    ) -> None:
        self._db = db
        self._clock = clock
        self.history = History(db, clock, accounts, states)
        self.exporting = Exporting(db, accounts)
        self.indexer = Indexer(db)
        self.retaining = Retaining(db, accounts, delete_files)
        self.erasing = Erasing(db, clock, randomness, messaging, delete_files)
        self._upkeep = Upkeep(clock, "history")

    async def start(self) -> None:
        """Begin the background work."""
        self._upkeep.begin("history-index", self._index, _INDEX_IDLE_SECONDS)
        self._upkeep.begin("history-erase", self.erasing.erase_once, _ERASE_IDLE_SECONDS)
        self._upkeep.begin("history-purge", self._purge, _PURGE_IDLE_SECONDS)

    async def stop(self) -> None:
        """End it; a step under way is done or undone, never half."""
        await self._upkeep.end()

    async def export(
        self, account_id: str, actor: Actor, *, since: int, until: int | None, after: tuple[int, str] | None
    ) -> AsyncIterator[bytes]:
        """Begin an export, which the audit log tells of. ``until`` None is now."""
        now = self._clock.now_ms()
        end = now if until is None else until
        detail: dict[str, JsonValue] = {"from": since, "to": end, "is_resumed": after is not None}

        async def work(tx: Tx) -> None:
            await record_audit(
                tx,
                account_id=account_id,
                actor=actor,
                action="history.export",
                object_type="account",
                object_id=account_id,
                at=now,
                detail=detail,
            )

        await self._db.write(work)
        return self.exporting.lines(account_id, since=since, until=end, after=after)

    async def _index(self) -> bool:
        return await self.indexer.index_once() >= MESSAGES_A_STEP

    async def _purge(self) -> bool:
        return await self.retaining.purge_once(self._clock.now_ms()) > 0
