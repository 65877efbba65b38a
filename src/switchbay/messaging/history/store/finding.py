"""SQL that finds messages by their words, the newest first.

SQLite goes through the documents that have it all from the newest on, and stops when there are enough. PostgreSQL's
index of words knows no order, so what is common is looked for among the newest documents first; what is not found often
enough there is rare enough to be taken out of the index whole and sorted. Of a single word PostgreSQL knows how common
it is, and chooses better by itself.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.messaging.history.domain.words import Query
from switchbay.messaging.history.store.words import ACCOUNT_MARK

# The limit is inside: what is not shown is not read.
_FOUND: Final = """
SELECT s.place, e.conversation_id, e.dialog_id, e.sequence, e.originator_id, e.role, e.audience, e.event
FROM ({documents} LIMIT :most) s
JOIN messaging_events e ON e.account_id = :account_id AND e.conversation_id = s.conversation_id
 AND e.dialog_id = s.dialog_id AND e.sequence = s.sequence
ORDER BY s.place DESC
"""
_SQLITE: Final = """
 SELECT d.place, d.conversation_id, d.dialog_id, d.sequence FROM messaging_search_words w
 CROSS JOIN messaging_search_documents d ON d.account_id = :account_id AND d.place = w.rowid
 WHERE messaging_search_words MATCH :query AND w.rowid >= :since AND w.rowid < :before ORDER BY w.rowid DESC"""
_DOCUMENT: Final = " SELECT d.place, d.conversation_id, d.dialog_id, d.sequence"
_IN_TIME: Final = "d.account_id = :account_id AND d.place >= :since AND d.place < :before"
_MATCHES: Final = "d.words @@ CAST(:query AS tsquery)"
_NEWEST_FIRST: Final = "ORDER BY d.place DESC"
_POSTGRESQL: Final = {
    "among_the_newest": f"""{_DOCUMENT} FROM (
  SELECT * FROM messaging_search_documents d WHERE {_IN_TIME} {_NEWEST_FIRST} LIMIT :window) d
 WHERE {_MATCHES} {_NEWEST_FIRST}""",
    "of_a_word": f"{_DOCUMENT} FROM messaging_search_documents d WHERE {_IN_TIME} AND {_MATCHES} {_NEWEST_FIRST}",
    "by_the_index": f"""
 WITH d AS MATERIALIZED (SELECT * FROM messaging_search_documents d WHERE {_IN_TIME} AND {_MATCHES})
 {_DOCUMENT} FROM d {_NEWEST_FIRST}""",
}
_NUMBERS: Final = (
    sa.bindparam("since", type_=sa.BigInteger),
    sa.bindparam("before", type_=sa.BigInteger),
    sa.bindparam("most", type_=sa.Integer),
)
_LAST_NUMBER: Final = sa.bindparam("window", type_=sa.Integer)
_WINDOW: Final = 5_000
_FOUND_OFTEN: Final = 6
_PHRASE_FOUND_OFTEN: Final = 2  # the index does not know what follows what: taking a phrase out of it is dear
_on_sqlite: Final = sa.text(_FOUND.format(documents=_SQLITE))
_on_postgresql: Final = {
    name: sa.text(_FOUND.format(documents=documents)).bindparams(
        *_NUMBERS, *([_LAST_NUMBER] if "newest" in name else [])
    )
    for name, documents in _POSTGRESQL.items()
}
# A plan that is good for a rare word reads half the index for a common one: each search is planned by its words.
PLAN_ANEW: Final = sa.text("SET LOCAL plan_cache_mode = force_custom_plan")


async def search(tx: Tx, account_id: str, query: Query, *, since: int, before: int, most: int) -> Sequence[Row]:
    """The newest messages that have it all, at places from ``since`` on and before ``before``.

    Columns: place, conversation_id, dialog_id, sequence, originator_id, role, audience, event.
    """
    params: dict[str, Any] = {
        "account_id": account_id,
        "query": written(tx, account_id, query),
        "since": since,
        "before": before,
        "most": most,
    }
    if tx.engine == "sqlite":
        return await tx.fetch(_on_sqlite, params)
    await tx.execute(PLAN_ANEW)
    among_the_newest = _on_postgresql["among_the_newest"]
    found = await tx.fetch(among_the_newest, {**params, "window": _WINDOW})
    if len(found) >= most:
        return found
    if query.is_word:
        return await tx.fetch(_on_postgresql["of_a_word"], params)
    if len(found) >= (_PHRASE_FOUND_OFTEN if query.has_phrase else _FOUND_OFTEN):
        # as many documents as should have enough, if it was always said as often
        found = await tx.fetch(among_the_newest, {**params, "window": _WINDOW * most * 3 // (2 * len(found))})
        if len(found) >= most:
            return found
    return await tx.fetch(_on_postgresql["by_the_index"], params)


def written(tx: Tx, account_id: str, query: Query) -> str:
    """A query in the words of the engine."""
    begin = account_id + ACCOUNT_MARK
    found = []
    for term in query.terms:
        if tx.engine == "sqlite":
            words = " ".join(begin + word for word in term.words)
            found.append(f'"{words}"' + (" *" if term.is_prefix else ""))
        else:
            words = " <-> ".join(f"'{begin}{word}'" for word in term.words)
            found.append(f"({words}{':*' if term.is_prefix else ''})")
    return (" AND " if tx.engine == "sqlite" else " & ").join(found)


CONVERSATIONS_WITH: Final = {
    "sqlite": """messaging_conversations.conversation_id IN (
SELECT s.conversation_id FROM (
 SELECT rowid AS place FROM messaging_search_words
 WHERE messaging_search_words MATCH :query AND rowid >= :place_since ORDER BY rowid DESC LIMIT 10000) w
CROSS JOIN messaging_search_documents s ON s.account_id = :account_id AND s.place = w.place)""",
    "postgresql": """messaging_conversations.conversation_id IN (
SELECT s.conversation_id FROM (
 SELECT conversation_id FROM messaging_search_documents
 WHERE account_id = :account_id AND words @@ CAST(:query AS tsquery) AND place >= :place_since
 ORDER BY place DESC LIMIT 10000) s)""",
}
"""The condition that a conversation has a message with ``:query`` at a place from ``:place_since`` on."""
