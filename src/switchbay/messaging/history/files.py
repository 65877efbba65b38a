"""What history needs of those who keep files."""

from collections.abc import Collection
from typing import Protocol

from switchbay.infra.db import Tx


class FilesEraser(Protocol):
    """Who keeps the files of conversations."""

    async def delete_files_of(self, tx: Tx, account_id: str, conversation_ids: Collection[str]) -> None:
        """Have all files of these conversations deleted once the transaction commits; again changes nothing."""
        ...


class NoFiles:
    """No files are kept."""

    async def delete_files_of(self, tx: Tx, account_id: str, conversation_ids: Collection[str]) -> None:
        """Nothing is to be done."""
