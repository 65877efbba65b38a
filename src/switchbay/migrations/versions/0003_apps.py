"""The first tables of the apps room."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "app_collections",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_app_collections"),
    )
    op.create_table(
        "app_installations",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("installation_id", sa.Text, nullable=False),
        sa.Column("live_name", sa.Text, nullable=True),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("deleted_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "installation_id", name="pk_app_installations"),
        sa.UniqueConstraint("account_id", "live_name", name="uq_app_installations_account_id_live_name"),
    )
    op.create_table(
        "app_secrets",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("installation_id", sa.Text, nullable=False),
        sa.Column("secret_id", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("signs", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("not_after", sa.BigInteger, nullable=True),
        sa.Column("last_used_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "installation_id", "secret_id", name="pk_app_secrets"),
    )
    op.create_index("ix_app_secrets_not_after", "app_secrets", ["not_after"])
    op.create_table(
        "app_logos",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("installation_id", sa.Text, nullable=False),
        sa.Column("logo_uri", sa.Text, nullable=False),
        sa.Column("findings", sa.Text, nullable=True),
        sa.Column("width", sa.Integer, nullable=True),
        sa.Column("height", sa.Integer, nullable=True),
        sa.Column("checked_at", sa.BigInteger, nullable=True),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("image", sa.LargeBinary, nullable=True),
        sa.Column("etag", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "installation_id", name="pk_app_logos"),
    )
    op.create_index("ix_app_logos_due_at", "app_logos", ["due_at"])
