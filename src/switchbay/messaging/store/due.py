"""Notes of what is to be found by its words; the history picks them up behind the batch.

A batch writes one row for each of its accounts, however many conversations it is about: what is said must not wait for
what can be found.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.messaging.tables import search_due

_encode: Final = msgspec.json.Encoder().encode
Said = tuple[str, str, int, int]
"""A conversation, a dialog of it, the first and the last sequence that somebody said there."""


def due_row(account_id: str, turn: int, said: Sequence[Said]) -> dict[str, Value]:
    """The row of a note; no other note begins with the same event, so that it is known by that."""
    conversation_id, dialog_id, first, _ = said[0]
    mark = f"{conversation_id} {dialog_id} {first}"
    return {"account_id": account_id, "turn": turn, "mark": mark, "spans": _encode(said).decode()}


async def insert_due(tx: Tx, spans: Mapping[tuple[str, str, str], tuple[int, int]], now: int) -> None:
    """Note, for dialogs by account, conversation and dialog, the first and the last sequence that somebody said."""
    by_account: dict[str, list[Said]] = {}
    for (account_id, conversation_id, dialog_id), (first, last) in spans.items():
        by_account.setdefault(account_id, []).append((conversation_id, dialog_id, first, last))
    await tx.insert_many(search_due, [due_row(account_id, now, said) for account_id, said in by_account.items()])
