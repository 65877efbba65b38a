"""SQL of the index of words: FTS5 on SQLite, a ``tsvector`` with a GIN index on PostgreSQL.

Words are cut out of texts by ``domain.words``; the engines only keep and find them. A document is a message; its
``place`` is the time of the message, in milliseconds, with twenty bits below that tell messages of one millisecond
apart: in the order of places the newest come first, and places are unique across accounts, because FTS5 knows documents
by one number. Each word begins with the account's id, so that a search reads what is the account's alone.

Whoever adds or takes away documents on PostgreSQL holds a lock until the end of the transaction, so that what is being
erased is not being indexed meanwhile. On SQLite there is one writer.
"""

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import Params, Tx
from switchbay.infra.db.door import Engine, Statement, Value
from switchbay.kit.record import Record
from switchbay.messaging.tables import search_documents

_ADVISORY_LOCK: Final = 7_305_243  # arbitrary and ours
_PLACE_BITS: Final = 20
ACCOUNT_MARK: Final = "="
"""Between the account's id and a word."""

# Only SQLite has it; the migration makes it.
_fts: Final = sa.Table(
    "messaging_search_words", sa.MetaData(), sa.Column("rowid", sa.BigInteger), sa.Column("words", sa.Text)
)


class Document(Record, frozen=True):
    """A message to be found: where it is, when it was said (epoch milliseconds), its words in order."""

    account_id: str
    conversation_id: str
    dialog_id: str
    sequence: int
    at: int
    words: Sequence[str]


def first_place(at: int) -> int:
    """The first place of a millisecond."""
    return at << _PLACE_BITS


def time_of(place: int) -> int:
    """The millisecond of a place."""
    return place >> _PLACE_BITS


# Locking

_try_lock: Final = sa.text(f"SELECT pg_try_advisory_xact_lock({_ADVISORY_LOCK})")
_lock: Final = sa.text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")


async def try_to_hold(tx: Tx) -> bool:
    """Hold the index until the end of the transaction, unless somebody else does."""
    if tx.engine == "sqlite":
        return True
    row = await tx.fetch_one(_try_lock)
    return row is not None and bool(row[0])


async def hold(tx: Tx) -> None:
    """Wait until nobody else changes the index, and hold it until the end of the transaction."""
    if tx.engine == "postgresql":
        await tx.fetch(_lock)


_taken: Final[Mapping[Engine, Statement]] = {
    "sqlite": sa.text("SELECT rowid FROM messaging_search_words WHERE rowid IN :places").bindparams(
        sa.bindparam("places", expanding=True)
    ),
    "postgresql": sa.select(search_documents.c.place).where(
        search_documents.c.place.in_(sa.bindparam("places", expanding=True)),
        search_documents.c.account_id.in_(sa.bindparam("accounts", expanding=True)),
    ),
}


async def add_documents(tx: Tx, documents: Collection[Document]) -> None:
    """Have messages found from now on. Hold the index first."""
    if not documents:
        return
    by_place = await _placed(tx, documents)
    is_sqlite = tx.engine == "sqlite"
    rows: list[dict[str, Value]] = [
        {
            "account_id": one.account_id,
            "place": place,
            "conversation_id": one.conversation_id,
            "dialog_id": one.dialog_id,
            "sequence": one.sequence,
            "words": None if is_sqlite else _vector(one),
        }
        for place, one in by_place
    ]
    await tx.insert_many(search_documents, rows)
    if is_sqlite:
        marked: list[dict[str, Value]] = [
            {"rowid": place, "words": " ".join(_of_account(one))} for place, one in by_place
        ]
        await tx.insert_many(_fts, marked)


async def _placed(tx: Tx, documents: Collection[Document]) -> list[tuple[int, Document]]:
    """A free place for each document, in the order of places, which is the order that FTS5 takes them fastest in."""
    waiting = sorted(((_place(one), one) for one in documents), key=lambda pair: pair[0])
    accounts = sorted({one.account_id for one in documents})
    placed: dict[int, Document] = {}
    while waiting:
        params: Params = {"places": [place for place, _ in waiting], "accounts": accounts}
        taken = {row[0] for row in await tx.fetch(_taken[tx.engine], params)}
        later = []
        for place, one in waiting:
            if place in taken or place in placed:
                later.append((place + 1, one))
            else:
                placed[place] = one
        waiting = later
    return sorted(placed.items(), key=lambda pair: pair[0])


def _place(one: Document) -> int:
    mark = zlib.crc32(f"{one.account_id} {one.dialog_id} {one.sequence}".encode())
    return first_place(one.at) | (mark & ((1 << _PLACE_BITS) - 1))


def _vector(one: Document) -> str:
    """The document as PostgreSQL reads a ``tsvector``: words are letters, digits and marks, so that none needs more."""
    return " ".join(f"'{word}':{place}" for place, word in enumerate(_of_account(one), start=1))


def _of_account(one: Document) -> Iterator[str]:
    return (f"{one.account_id}{ACCOUNT_MARK}{word}" for word in one.words)


_of_conversation: Final = (
    sa.select(search_documents.c.place)
    .where(
        search_documents.c.account_id == sa.bindparam("account_id"),
        search_documents.c.conversation_id == sa.bindparam("conversation_id"),
    )
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_drop_words: Final = sa.text("DELETE FROM messaging_search_words WHERE rowid IN :places").bindparams(
    sa.bindparam("places", expanding=True)
)
_drop_documents: Final = sa.delete(search_documents).where(
    search_documents.c.account_id == sa.bindparam("account_id"),
    search_documents.c.place.in_(sa.bindparam("places", expanding=True)),
)


async def drop_documents(tx: Tx, account_id: str, conversation_id: str, most: int) -> int:
    """Have up to ``most`` messages of a conversation found no more; return how many there were.

    The index is held from then on: what is to be indexed still is so after the transaction, as it then is.
    """
    await hold(tx)
    params = {"account_id": account_id, "conversation_id": conversation_id}
    places = [row[0] for row in await tx.fetch(_of_conversation, {**params, "most": most})]
    if places:
        if tx.engine == "sqlite":
            await tx.execute(_drop_words, {"places": places})
        await tx.execute(_drop_documents, {"account_id": account_id, "places": places})
    return len(places)
