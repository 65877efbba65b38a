"""What nodes leave for each other about conversations, for the sockets that they have open."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the table; it begins empty."""
    op.create_table(
        "messaging_feed",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("node_id", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "node_id", "number", name=op.f("pk_messaging_feed")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_messaging_feed_node", "messaging_feed", ["node_id", "number"])
    op.create_index("ix_messaging_feed_at", "messaging_feed", ["at"])
