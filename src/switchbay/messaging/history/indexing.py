"""The indexer: follows behind the batches and lets messages be found by their words.

What was said is noted in the batch's own transaction, one row per dialog; a step takes some notes out of the table and
adds their messages to the index, in one transaction. So nothing is lost when a node dies, and nothing is found twice.
Steps are short, and between them the indexer rests three times as long as the step took: while a node is at its limit
the index falls behind, and catches up afterwards.
"""

from typing import Final

from switchbay.infra.db import Database, Tx
from switchbay.messaging.history.domain.words import spoken_text, words_of
from switchbay.messaging.history.store import due as notes
from switchbay.messaging.history.store import words as index
from switchbay.messaging.history.store.due import Due
from switchbay.messaging.history.store.words import Document

MESSAGES_A_STEP: Final = 64
_Key = tuple[str, str, str, int]
_FIRST: Final[_Key] = ("", "", "", -1)


class Indexer:
    """Goes round the notes in the order of their keys, so that a busy conversation does not hold up the others."""

    def __init__(self, db: Database, most: int = MESSAGES_A_STEP) -> None:
        self._db = db
        self._most = most
        self._after = _FIRST

    async def index_once(self) -> int:
        """Look at up to 64 events and add what they say; return how many. On many nodes one works at a time."""
        seen, self._after = await self._db.write(self._step)
        if not seen and self._after != _FIRST:
            self._after = _FIRST
            seen, self._after = await self._db.write(self._step)
        return seen

    async def _step(self, tx: Tx) -> tuple[int, _Key]:
        if not await index.try_to_hold(tx):
            return 0, _FIRST
        due = await notes.take_due(tx, self._after, self._most)
        seen, after = 0, self._after
        documents: list[Document] = []
        rest: list[Due] = []
        for one in due:
            if seen >= self._most:
                rest.append(one)
                continue
            events = await notes.read_due(tx, one, self._most - seen)
            seen, after = seen + max(1, len(events)), one.key
            documents += [
                Document(one.account_id, one.conversation_id, one.dialog_id, sequence, at, words)
                for sequence, event, at in events
                if (words := words_of(spoken_text(event)))
            ]
            if events and seen >= self._most and events[-1][0] < one.until:
                rest.append(Due(one.account_id, one.conversation_id, one.dialog_id, events[-1][0] + 1, one.until))
        await notes.put_back(tx, rest)
        await index.add_documents(tx, documents)
        return seen, after
