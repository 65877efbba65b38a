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
    sa.Column("skill_id", sa.Text, nullable=False, server_default="-1"),
    sa.Column("opening", sa.Text, nullable=False),
    sa.Column("dialogs", sa.Text, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("close_reason", sa.Text),
    sa.Column("facts", sa.Text),
    sa.Index("ix_messaging_conversations_newest", "account_id", "started_at", "conversation_id"),
    sa.Index("ix_messaging_conversations_state", "account_id", "state", "started_at", "conversation_id"),
    # Those of which a dialog is open, surveys included: few beside all that there ever were.
    sa.Index(
        "ix_messaging_conversations_open",
        "account_id",
        "started_at",
        "conversation_id",
        sqlite_where=sa.text("stage = 'OPEN'"),
        postgresql_where=sa.text("stage = 'OPEN'"),
    ),
    # Those that are over, for their end to be kept no longer than an account wants.
    sa.Index(
        "ix_messaging_conversations_ended",
        "account_id",
        "ended_at",
        "conversation_id",
        sqlite_where=sa.text("stage = 'CLOSE'"),
        postgresql_where=sa.text("stage = 'CLOSE'"),
    ),
    sqlite_with_rowid=False,
)

# Who takes part, for "the conversations of this agent, of this consumer"; the truth is in the conversation's dialogs.
participants: Final = sa.Table(
    "messaging_participants",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("participant_id", sa.Text, primary_key=True),
    sa.Column("conversation_id", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Index("ix_messaging_participants_open", "account_id", "participant_id", "is_open"),
    sa.Index("ix_messaging_participants_conversation", "account_id", "conversation_id"),
    sqlite_with_rowid=False,
)

# What happened to a conversation besides its events, in order: who came and went, transfers, ratings.
moves: Final = sa.Table(
    "messaging_moves",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("conversation_id", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("actor_id", sa.Text, nullable=False),
    sa.Column("dialog_id", sa.Text, nullable=False),
    sa.Column("participant_id", sa.Text),
    sa.Column("role", sa.Text),
    sa.Column("before", sa.Text),
    sa.Column("after", sa.Text),
    sqlite_with_rowid=False,
)

# Conversations that wait for an agent. The weight is when the consumer should be answered: the smallest is next.
queue: Final = sa.Table(
    "messaging_queue",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("conversation_id", sa.Text, primary_key=True),
    sa.Column("skill_id", sa.Text, nullable=False),
    sa.Column("suggested_pid", sa.Text),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("weight", sa.BigInteger, nullable=False),
    sa.Index("ix_messaging_queue_weight", "account_id", "weight", "conversation_id"),
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

# Notes of what is to be found by its words, one for each batch and account, written with the events: ``spans`` is a
# JSON array of conversation, dialog, first and last sequence. ``turn`` is the time of the batch: the oldest is first.
search_due: Final = sa.Table(
    "messaging_search_due",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("turn", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("mark", sa.Text, primary_key=True),
    sa.Column("spans", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)


class _Vector(sa.types.UserDefinedType[str]):
    """PostgreSQL's ``tsvector``; SQLAlchemy's own type would load its dialect into every process."""

    cache_ok = True

    def get_col_spec(self, **_options: object) -> str:
        """The type's name."""
        return "TSVECTOR"


# Messages that can be found by their words. SQLite keeps the words beside it, in the FTS5 table messaging_search_words.
search_documents: Final = sa.Table(
    "messaging_search_documents",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("conversation_id", sa.Text, nullable=False),
    sa.Column("dialog_id", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("words", sa.Text().with_variant(_Vector(), "postgresql")),
    sa.Index("ix_messaging_search_documents_conversation", "account_id", "conversation_id"),
    sqlite_with_rowid=False,
)

# Requests to erase what is kept of a consumer. Whose data it is is forgotten when the work is done.
erasures: Final = sa.Table(
    "messaging_erasures",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("erasure_id", sa.Text, primary_key=True),
    sa.Column("consumer_id", sa.Text),
    sa.Column("pseudonym", sa.Text, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("cursor", sa.Text, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("conversations", sa.BigInteger, nullable=False),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("requested_at", sa.BigInteger, nullable=False),
    sa.Column("finished_at", sa.BigInteger),
    sqlite_with_rowid=False,
)
sa.Index(
    "uq_messaging_erasures_consumer",
    erasures.c.account_id,
    erasures.c.consumer_id,
    unique=True,
    sqlite_where=sa.text("consumer_id IS NOT NULL"),
    postgresql_where=sa.text("consumer_id IS NOT NULL"),
)
sa.Index(
    "ix_messaging_erasures_running",
    erasures.c.account_id,
    erasures.c.erasure_id,
    sqlite_where=sa.text("finished_at IS NULL"),
    postgresql_where=sa.text("finished_at IS NULL"),
)
