"""Campaigns, engagements and the items that they are made of."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Make the tables of the configuration."""
    op.create_table(
        "engagement_configurations",
        sa.Column("account_id", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("last_id", sa.BigInteger, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
    )
    op.create_table(
        "engagement_objects",
        sa.Column("account_id", sa.Text, primary_key=True),
        sa.Column("object_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_engagement_objects_type", "engagement_objects", ["account_id", "type", "object_id"])
    op.create_table(
        "engagement_references",
        sa.Column("account_id", sa.Text, primary_key=True),
        sa.Column("used_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
    )
    op.create_index("ix_engagement_references_user", "engagement_references", ["account_id", "user_id"])
