"""On SQLite, events and attempts lie in the order in which they came, and their keys in an index beside them.

Kept inside the key's own tree, each new row went to another page, and a page held few rows as branches hold whole ones.
PostgreSQL has always kept them so.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Make both tables anew and copy what is there."""
    if op.get_context().dialect.name != "sqlite":
        return
    _make_anew(
        "messaging_events",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("dialog_id", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("originator_id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("audience", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("client_properties", sa.Text),
        sa.Column("metadata", sa.Text),
        sa.Column("server_timestamp", sa.BigInteger, nullable=False),
        key=("account_id", "conversation_id", "dialog_id", "sequence"),
    )
    _make_anew(
        "webhook_attempts",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("delivery_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("connect_ms", sa.Integer),
        sa.Column("first_byte_ms", sa.Integer),
        sa.Column("total_ms", sa.Integer, nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("status", sa.Integer),
        sa.Column("failure", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("request", sa.Text),
        sa.Column("response_headers", sa.Text, nullable=False),
        sa.Column("response_body", sa.LargeBinary, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        key=("account_id", "delivery_id", "number"),
    )


def _make_anew(table: str, *columns: sa.Column[object], key: tuple[str, ...]) -> None:
    before = f"{table}_before"
    names = ", ".join(column.name for column in columns)
    op.rename_table(table, before)
    op.create_table(table, *columns, sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{table}")))
    op.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {before} ORDER BY {', '.join(key)}")  # noqa: S608
    op.drop_table(before)
