"""Standard Webhooks: whether an account's webhooks carry its headers, and the keys that sign them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns and the tables."""
    _add_standard_webhooks()


def _add_standard_webhooks() -> None:
    op.add_column("accounts", sa.Column("standard_webhooks", sa.Text, nullable=False, server_default="off"))
    op.create_table(
        "webhook_signing_keys",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("private_key", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("account_id", "key_id", name=op.f("pk_webhook_signing_keys")),
    )
    # One that signs without an end: two nodes that make an account's first key at once make one.
    op.create_index(
        "uq_webhook_signing_keys_current",
        "webhook_signing_keys",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("ends_at IS NULL"),
        postgresql_where=sa.text("ends_at IS NULL"),
    )
