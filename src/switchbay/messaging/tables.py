"""The tables of the messaging room.

A conversation is one row: its dialogs, with participants and counters, are a JSON document in it, so that a message
reads, locks and writes one row, and sequences cannot part from the state that they belong to. Events are keyed by
their sequence, so that the database itself refuses to give one out twice. JSON is stored as text with its escapes, so
that it may hold characters that PostgreSQL does not take in text.
"""

from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import metadata

conversations: Final = sa.Table(
    "messaging_conversations",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("conversation_id", sa.Text, primary_key=True),
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
    sa.Index("ix_messaging_conversations_newest", "account_id", "started_at", "conversation_id"),
    sa.Index("ix_messaging_conversations_state", "account_id", "state", "started_at", "conversation_id"),
    sqlite_with_rowid=False,
)

events: Final = sa.Table(
    "messaging_events",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("conversation_id", sa.Text, primary_key=True),
    sa.Column("dialog_id", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("originator_id", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("client_properties", sa.Text),
    sa.Column("metadata", sa.Text),
    sa.Column("server_timestamp", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

consumers: Final = sa.Table(
    "messaging_consumers",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("consumer_id", sa.Text, primary_key=True),
    sa.Column("profile", sa.Text, nullable=False),
    sa.Column("has_conversation", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
)

idempotency: Final = sa.Table(
    "messaging_idempotency",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("key_hash", sa.Text, primary_key=True),
    sa.Column("body_hash", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Index("ix_messaging_idempotency_created_at", "created_at"),
)
