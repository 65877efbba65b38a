"""Notes of what is to be found by its words; the history picks them up behind the batch."""

from collections.abc import Mapping
from typing import Final

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.messaging.tables import search_due

_NAMES: Final = ("account_id", "conversation_id", "dialog_id", "sequence", "until")


async def insert_due(tx: Tx, spans: Mapping[tuple[str, str, str], tuple[int, int]]) -> None:
    """Note, for dialogs by account, conversation and dialog, the first and the last sequence that somebody said."""
    rows: list[dict[str, Value]] = [dict(zip(_NAMES, (*dialog, *span), strict=True)) for dialog, span in spans.items()]
    await tx.insert_many(search_due, rows)
