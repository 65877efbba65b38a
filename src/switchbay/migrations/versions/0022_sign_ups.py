"""How often consumers sign up from a network, for nodes that share a database."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "oauth_sign_ups",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("free_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "network", name=op.f("pk_oauth_sign_ups")),
    )
    op.create_index(op.f("ix_oauth_sign_ups_free_at"), "oauth_sign_ups", ["free_at"])
