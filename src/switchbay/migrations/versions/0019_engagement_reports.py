"""Counts of what became of offers, and who is in a conversation that began with one."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "engagement_counts",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("hour", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("engagement_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("shard", sa.BigInteger, autoincrement=False, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("offered", "displayed", "accepted", "closed", "timed_out", "conversations", "conversions")
        ),
        sa.Column("conversion_value", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id", "hour", "campaign_id", "engagement_id", "shard", name=op.f("pk_engagement_counts")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "engagement_subjects",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("campaign_id", sa.BigInteger, nullable=False),
        sa.Column("engagement_id", sa.BigInteger, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "subject", "conversation_id", name=op.f("pk_engagement_subjects")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_engagement_subjects_conversation", "engagement_subjects", ["account_id", "conversation_id"])
