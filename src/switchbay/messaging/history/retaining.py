"""Retention: conversations that are over are erased when they are older than the account keeps them.

A step deletes a few hundred rows of one account; open conversations are never touched. Any node may do it, and several
at once do no harm.
"""

from typing import Final, Protocol

from switchbay.accounts.public import Account
from switchbay.infra.db import Database, Tx
from switchbay.messaging.files.store import delete_files_of
from switchbay.messaging.history.erasing import DeleteFiles
from switchbay.messaging.history.store import purging

ROWS_A_STEP: Final = 500
_CONVERSATIONS_A_STEP: Final = 20
_DAY_MS: Final = 86_400_000


class AllAccounts(Protocol):
    """Who knows what accounts there are."""

    async def list_accounts(self) -> list[Account]:
        """All accounts."""
        ...


class Retaining:
    """Erases what accounts keep no longer."""

    def __init__(
        self, db: Database, accounts: AllAccounts, delete_files: DeleteFiles = delete_files_of, rows: int = ROWS_A_STEP
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._delete_files = delete_files
        self._rows = rows

    async def purge_once(self, now: int) -> int:
        """Take one step in each account that keeps its history for a time; return how many found something to do."""
        busy = 0
        for account in await self._accounts.list_accounts():
            if account.history_days:
                busy += await self._purge(account.account_id, now - account.history_days * _DAY_MS, now)
        return busy

    async def _purge(self, account_id: str, before: int, now: int) -> bool:
        async def step(tx: Tx) -> bool:
            left = self._rows
            for _ in range(_CONVERSATIONS_A_STEP):
                found = await purging.find_oldest(tx, account_id, before)
                if found is None:
                    return left < self._rows
                conversation_id, consumer_id = found
                deleted = await purging.delete_some(tx, account_id, conversation_id, left)
                left -= max(1, deleted)
                if left <= 0:
                    break
                await self._delete_files(tx, account_id, [conversation_id], now)
                await purging.delete_rest(tx, account_id, conversation_id, consumer_id, before)
            return True

        return await self._db.write(step)
