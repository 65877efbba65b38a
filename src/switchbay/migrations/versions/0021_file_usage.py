"""How much an account's files take, and how much they may."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add both, and count what is there."""
    op.add_column("accounts", sa.Column("file_total_bytes", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "messaging_file_usage",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_messaging_file_usage")),
    )
    # Files that are just going into the store have no size yet; it is not counted, and no use sinks below zero.
    op.execute(
        "INSERT INTO messaging_file_usage (account_id, bytes) "
        "SELECT account_id, SUM(size + preview_size) FROM messaging_files GROUP BY account_id"
    )
