"""The first tables of the oauth room: signing keys and the keys of consumer identities."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "oauth_keys",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("kid", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("alg", sa.Text, nullable=False),
        sa.Column("private_key", sa.LargeBinary, nullable=False),
        sa.Column("public_jwk", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("state_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "kid", name="pk_oauth_keys"),
    )
    op.create_index(
        "uq_oauth_keys_active",
        "oauth_keys",
        ["account_id", "purpose"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_index("ix_oauth_keys_purpose_created_at", "oauth_keys", ["purpose", "created_at"])
    op.create_table(
        "oauth_consumer_identities",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("identity_key", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_oauth_consumer_identities"),
    )
