"""The one door to the database: the same statements on embedded SQLite and on PostgreSQL.

A unit of work is a coroutine function that takes a ``Tx``. On PostgreSQL it runs on the event loop, over a pooled
connection, in a transaction of its own. On SQLite it runs on the one writer thread, in a savepoint of a transaction
that it shares with whatever else arrived meanwhile (group commit); there every ``await`` on the ``Tx`` answers at once,
and awaiting anything else fails: no outside call inside a transaction.

A work may run again after a serialization failure, so it must have no effect but through its ``Tx``; what is to happen
after the commit is given to ``Tx.on_commit``.
"""

from switchbay.infra.db.door import Database, Params, Row, Tx, Work
from switchbay.infra.db.errors import DatabaseUnavailable, UniqueViolation
from switchbay.infra.db.open import open_database
from switchbay.infra.db.schema import RANGE_KEY, metadata

__all__ = [
    "RANGE_KEY",
    "Database",
    "DatabaseUnavailable",
    "Params",
    "Row",
    "Tx",
    "UniqueViolation",
    "Work",
    "metadata",
    "open_database",
]
