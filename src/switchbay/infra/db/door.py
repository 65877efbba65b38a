"""What a room sees of the database: ``Database`` to run works, ``Tx`` to run statements inside one."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import sqlalchemy as sa

Engine = Literal["sqlite", "postgresql"]
Value: TypeAlias = bool | int | float | str | bytes | None
Params: TypeAlias = Mapping[str, Value | Sequence[Value]]
Statement: TypeAlias = sa.Select[Any] | sa.CompoundSelect[Any] | sa.Insert | sa.Update | sa.Delete | sa.TextClause
T = TypeVar("T")


class Row(Protocol):
    """A row of a result: columns by name or by position, typed by the statement that asked for them."""

    def __getitem__(self, key: str | int, /) -> Any:  # noqa: ANN401 - the statement decides the type
        """The value of one column."""
        ...


class Tx(Protocol):
    """An open transaction."""

    @property
    def engine(self) -> Engine:
        """Which engine this is, for the few statements that must differ."""
        ...

    async def fetch(self, statement: Statement, params: Params | None = None) -> Sequence[Row]:
        """Run a statement and return all its rows."""
        ...

    async def fetch_one(self, statement: Statement, params: Params | None = None) -> Row | None:
        """Run a statement and return its first row, if any."""
        ...

    async def execute(self, statement: Statement, params: Params | None = None) -> int:
        """Run a statement and return the number of rows it changed."""
        ...

    async def insert(self, table: sa.Table, row: Mapping[str, Value]) -> None:
        """Insert one row. Raises ``UniqueViolation`` when its key is taken."""
        ...

    async def insert_many(
        self, table: sa.Table, rows: Sequence[Mapping[str, Value]], *, ignore_conflicts: bool = False
    ) -> int:
        """Insert rows that all have the same columns, in one statement; return how many went in."""
        ...

    async def update_many(
        self,
        table: sa.Table,
        rows: Sequence[Mapping[str, Value]],
        *,
        keys: Sequence[str],
        returning: Sequence[str] = (),
    ) -> Sequence[Row]:
        """Update many rows, each by its ``keys`` and with its own values for all other columns, in one statement.

        Put a fence into ``keys`` and ask for ``returning`` to learn which rows were still yours.
        """
        ...

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called on the event loop once this work is durable, and not at all if it fails."""
        ...


Work: TypeAlias = Callable[[Tx], Awaitable[T]]


class Database(Protocol):
    """A database that is open."""

    @property
    def engine(self) -> Engine:
        """Which engine this is."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Run a work that only reads, on a snapshot."""
        ...

    async def write(self, work: Work[T]) -> T:
        """Run a work and return its result once it is durable. Raises what the work raises; then nothing is stored."""
        ...

    def notify(self, channel: str) -> None:
        """Wake whoever listens, on every node; call it after the commit (``Tx.on_commit``).

        It neither waits nor fails, and many calls may become one. A notice can be lost, so look from time to time too.
        """
        ...

    def listen(self, channel: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback`` called on the event loop at each notice, or when one may have been missed.

        Returns the function that ends it.
        """
        ...

    async def close(self) -> None:
        """Finish what is under way and close every connection."""
        ...
