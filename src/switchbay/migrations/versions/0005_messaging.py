"""The first tables of the messaging room."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables."""
    _conversations()
    _events()
    _consumers()
    _idempotency()


def _conversations() -> None:
    op.create_table(
        "messaging_conversations",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("installation_id", sa.Text, nullable=False),
        sa.Column("consumer_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("ttr_type", sa.Text, nullable=False),
        sa.Column("ttr_seconds", sa.BigInteger, nullable=False),
        sa.Column("effective_ttr", sa.BigInteger, nullable=False),
        sa.Column("opening", sa.Text, nullable=False),
        sa.Column("dialogs", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("close_reason", sa.Text),
        sa.PrimaryKeyConstraint("account_id", "conversation_id", name="pk_messaging_conversations"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_messaging_conversations_newest", "messaging_conversations", ["account_id", "started_at", "conversation_id"]
    )
    op.create_index(
        "ix_messaging_conversations_state",
        "messaging_conversations",
        ["account_id", "state", "started_at", "conversation_id"],
    )


def _events() -> None:
    op.create_table(
        "messaging_events",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("dialog_id", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("originator_id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("audience", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("client_properties", sa.Text),
        sa.Column("metadata", sa.Text),
        sa.Column("server_timestamp", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "conversation_id", "dialog_id", "sequence", name="pk_messaging_events"),
        sqlite_with_rowid=False,
    )


def _consumers() -> None:
    op.create_table(
        "messaging_consumers",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("consumer_id", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("has_conversation", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "consumer_id", name="pk_messaging_consumers"),
    )


def _idempotency() -> None:
    op.create_table(
        "messaging_idempotency",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("key_hash", sa.Text, nullable=False),
        sa.Column("body_hash", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "key_hash", name="pk_messaging_idempotency"),
    )
    op.create_index("ix_messaging_idempotency_created_at", "messaging_idempotency", ["created_at"])
