"""The indexer: follows behind the batches and lets messages be found by their words.

What was said is noted in the batch's own transaction, in one row; a step takes notes out of the table and adds their
messages to the index, in one transaction. So nothing is lost when a node dies, and nothing is found twice.
Steps are short, and between them the indexer rests three times as long as the step took: while a node is at its limit
the index falls behind, and catches up afterwards.
"""

from typing import Final

from msgspec import structs

from switchbay.infra.db import Database, Tx
from switchbay.messaging.history.domain.words import spoken_text, words_of
from switchbay.messaging.history.store import due as notes
from switchbay.messaging.history.store import words as index
from switchbay.messaging.history.store.words import Document
from switchbay.messaging.store import Said

MESSAGES_A_STEP: Final = 64


class Indexer:
    """Goes round the accounts, so that a busy one does not hold up the others; within one the oldest comes first."""

    def __init__(self, db: Database, most: int = MESSAGES_A_STEP) -> None:
        self._db = db
        self._most = most
        self._after = ""

    async def index_once(self) -> int:
        """Look at up to 64 events and add what they say; return how many. On many nodes one works at a time."""
        seen, self._after = await self._db.write(self._step)
        return seen

    async def _step(self, tx: Tx) -> tuple[int, str]:
        if not await index.try_to_hold(tx):
            return 0, self._after
        seen, account_id, is_round = 0, self._after, False
        documents: list[Document] = []
        while seen < self._most:
            following = await notes.next_account(tx, account_id)
            if following is not None:
                account_id = following
                seen += await self._read(tx, account_id, self._most - seen, documents)
            elif is_round or not account_id:
                break
            else:
                account_id, is_round = "", True
        await index.add_documents(tx, documents)
        return seen, account_id

    async def _read(self, tx: Tx, account_id: str, most: int, documents: list[Document]) -> int:
        """Read up to ``most`` events that the next note of an account is of; put the rest of the note back."""
        note = await notes.take_due(tx, account_id)
        if note is None:
            return 0
        seen = 0
        rest: list[Said] = []
        for said in note.said:
            if seen >= most:
                rest.append(said)
                continue
            conversation_id, dialog_id, _, until = said
            events = await notes.read_said(tx, account_id, said, most - seen)
            seen += max(1, len(events))  # it costs something, also when the events are gone
            documents += [
                Document(account_id, conversation_id, dialog_id, sequence, at, words)
                for sequence, event, at in events
                if (words := words_of(spoken_text(event)))
            ]
            if seen >= most and events and events[-1][0] < until:
                rest.append((conversation_id, dialog_id, events[-1][0] + 1, until))
        if rest:
            await notes.put_back(tx, structs.replace(note, said=rest))
        return seen
