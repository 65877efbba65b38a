"""Files of conversations."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "messaging_files",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("file_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("uploader_id", sa.Text, nullable=False),
        sa.Column("is_by_consumer", sa.Boolean, nullable=False),
        sa.Column("installation_id", sa.Text),
        sa.Column("conversation_id", sa.Text),
        sa.Column("is_private", sa.Boolean, nullable=False),
        sa.Column("declared_size", sa.BigInteger, nullable=False),
        sa.Column("file_type", sa.Text),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("preview_size", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("purge_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("account_id", "file_id", name=op.f("pk_messaging_files")),
    )
    op.create_index(
        "ix_messaging_files_purge_at",
        "messaging_files",
        ["purge_at"],
        sqlite_where=sa.text("purge_at IS NOT NULL"),
        postgresql_where=sa.text("purge_at IS NOT NULL"),
    )
    op.create_index(
        "ix_messaging_files_conversation",
        "messaging_files",
        ["account_id", "conversation_id"],
        sqlite_where=sa.text("conversation_id IS NOT NULL"),
        postgresql_where=sa.text("conversation_id IS NOT NULL"),
    )
