"""Names of client secrets, secrets that ended, and the instant before which nothing issued to an app counts."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("app_secrets", sa.Column("name", sa.Text, nullable=False, server_default=""))
    op.add_column("app_installations", sa.Column("not_before", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "app_ended_secrets",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("installation_id", sa.Text, nullable=False),
        sa.Column("secret_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("ended_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "installation_id", "secret_id", name=op.f("pk_app_ended_secrets")),
    )
    op.create_index(op.f("ix_app_ended_secrets_ended_at"), "app_ended_secrets", ["ended_at"])
