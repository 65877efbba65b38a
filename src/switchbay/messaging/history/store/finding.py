"""SQL that finds messages by their words, the newest first.

Both engines stop at as many messages as are asked for. SQLite goes through the documents that have it all from the
newest on; PostgreSQL chooses, by how common the words are, between the index of words and going back in time.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.messaging.history.domain.words import Query
from switchbay.messaging.history.store.words import ACCOUNT_MARK

_FOUND: Final = """
SELECT s.place, e.conversation_id, e.dialog_id, e.sequence, e.originator_id, e.role, e.audience, e.event
FROM {source}
JOIN messaging_events e ON e.account_id = s.account_id AND e.conversation_id = s.conversation_id
 AND e.dialog_id = s.dialog_id AND e.sequence = s.sequence
WHERE s.account_id = :account_id AND {condition} ORDER BY {order} DESC LIMIT :most
"""
_SQLITE_SOURCE: Final = (
    "messaging_search_words w"
    " CROSS JOIN messaging_search_documents s ON s.account_id = :account_id AND s.place = w.rowid"
)
_SQLITE_MATCH: Final = "messaging_search_words MATCH :query AND w.rowid >= :since AND w.rowid < :before"
_POSTGRESQL_MATCH: Final = "s.words @@ CAST(:query AS tsquery) AND s.place >= :since AND s.place < :before"
_NUMBERS: Final = (
    sa.bindparam("since", type_=sa.BigInteger),
    sa.bindparam("before", type_=sa.BigInteger),
    sa.bindparam("most", type_=sa.Integer),
)
_search: Final = {
    "sqlite": sa.text(_FOUND.format(source=_SQLITE_SOURCE, condition=_SQLITE_MATCH, order="w.rowid")),
    "postgresql": sa.text(
        _FOUND.format(source="messaging_search_documents s", condition=_POSTGRESQL_MATCH, order="s.place")
    ).bindparams(*_NUMBERS),
}
# A plan that is good for a rare word reads half the index for a common one: each search is planned by its words.
PLAN_ANEW: Final = sa.text("SET LOCAL plan_cache_mode = force_custom_plan")


async def search(tx: Tx, account_id: str, query: Query, *, since: int, before: int, most: int) -> Sequence[Row]:
    """The newest messages that have it all, at places from ``since`` on and before ``before``.

    Columns: place, conversation_id, dialog_id, sequence, originator_id, role, audience, event.
    """
    if tx.engine == "postgresql":
        await tx.execute(PLAN_ANEW)
    params: dict[str, Any] = {
        "account_id": account_id,
        "query": written(tx, account_id, query),
        "since": since,
        "before": before,
        "most": most,
    }
    return await tx.fetch(_search[tx.engine], params)


def written(tx: Tx, account_id: str, query: Query) -> str:
    """A query in the words of the engine."""
    mark = ACCOUNT_MARK + account_id
    if tx.engine == "sqlite":
        terms = [f'"{" ".join(term.words)}"{" *" if term.is_prefix else ""}' for term in query.terms]
        return " AND ".join([f'"{mark}"', *terms])
    found = [f"'{mark}'"]
    for term in query.terms:
        words = [f"'{word}'" for word in term.words]
        if term.is_prefix:
            words[-1] += ":*"
        found.append("(" + " <-> ".join(words) + ")")
    return " & ".join(found)


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
