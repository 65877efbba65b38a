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
    # Whether they are the assigned agent of an open main dialog: what counts as an agent's load.
    sa.Column("is_assigned", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Index(
        "ix_messaging_participants_assigned",
        "account_id",
        "participant_id",
        "conversation_id",
        sqlite_where=sa.text("is_assigned"),
        postgresql_where=sa.text("is_assigned"),
    ),
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
# ``rings_at`` is the agent of the ring that waits, so that what rings at nobody is found without a look at the rings.
queue: Final = sa.Table(
    "messaging_queue",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("conversation_id", sa.Text, primary_key=True),
    sa.Column("skill_id", sa.Text, nullable=False),
    sa.Column("suggested_pid", sa.Text),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("weight", sa.BigInteger, nullable=False),
    sa.Column("rings_at", sa.Text),
    sa.Index("ix_messaging_queue_weight", "account_id", "weight", "conversation_id"),
    sa.Index(
        "ix_messaging_queue_unrung",
        "account_id",
        "weight",
        "conversation_id",
        sqlite_where=sa.text("rings_at IS NULL AND suggested_pid IS NULL"),
        postgresql_where=sa.text("rings_at IS NULL AND suggested_pid IS NULL"),
    ),
    sa.Index(
        "ix_messaging_queue_suggested",
        "account_id",
        "weight",
        "conversation_id",
        sqlite_where=sa.text("suggested_pid IS NOT NULL"),
        postgresql_where=sa.text("suggested_pid IS NOT NULL"),
    ),
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

# One row for an account: whoever changes agents or rings of it holds this row meanwhile. It counts the skills too.
routers: Final = sa.Table(
    "messaging_routers",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("last_skill", sa.BigInteger, nullable=False),
)

skills: Final = sa.Table(
    "messaging_skills",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("skill_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_key", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("account_id", "name_key"),
)

# Agents who have had a socket, or for whom something was set. Without a socket they count as gone from ``leaves_at``.
agents: Final = sa.Table(
    "messaging_agents",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("user_pid", sa.Text, primary_key=True),
    sa.Column("availability", sa.Text, nullable=False),
    sa.Column("channels", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Column("capacity", sa.Integer),
    sa.Column("is_connected", sa.Boolean, nullable=False),
    sa.Column("leaves_at", sa.BigInteger),
    sa.Column("rung_at", sa.BigInteger, nullable=False),
    sa.Index(
        "ix_messaging_agents_leaves",
        "leaves_at",
        sqlite_where=sa.text("leaves_at IS NOT NULL"),
        postgresql_where=sa.text("leaves_at IS NOT NULL"),
    ),
    sa.Index(
        "ix_messaging_agents_online",
        "account_id",
        sqlite_where=sa.text("availability = 'ONLINE'"),
        postgresql_where=sa.text("availability = 'ONLINE'"),
    ),
    sqlite_with_rowid=False,
)

agent_skills: Final = sa.Table(
    "messaging_agent_skills",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("user_pid", sa.Text, primary_key=True),
    sa.Column("skill_id", sa.Text, primary_key=True),
    sa.Index("ix_messaging_agent_skills_skill", "account_id", "skill_id"),
    sqlite_with_rowid=False,
)

# The nodes that have sockets of an account's agents, with the time until which each is believed to live.
presence_nodes: Final = sa.Table(
    "messaging_presence_nodes",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("node_id", sa.Text, primary_key=True),
    sa.Column("lease_until", sa.BigInteger, nullable=False),
    sa.Index("ix_messaging_presence_nodes_lease", "lease_until"),
    sqlite_with_rowid=False,
)

# Which node has at least one socket of an agent.
presence: Final = sa.Table(
    "messaging_presence",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("user_pid", sa.Text, primary_key=True),
    sa.Column("node_id", sa.Text, primary_key=True),
    sa.Index("ix_messaging_presence_node", "account_id", "node_id"),
    sqlite_with_rowid=False,
)

# Offers of waiting conversations to agents. The unique index is the rule that a conversation rings at one at a time.
rings: Final = sa.Table(
    "messaging_rings",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("ring_id", sa.Text, primary_key=True),
    sa.Column("task_id", sa.Text, nullable=False),
    sa.Column("conversation_id", sa.Text, nullable=False),
    sa.Column("consumer_id", sa.Text, nullable=False),
    sa.Column("skill_id", sa.Text, nullable=False),
    sa.Column("user_pid", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("is_suggestion", sa.Boolean, nullable=False),
    sa.Column("weight", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Index(
        "ux_messaging_rings_waiting",
        "account_id",
        "conversation_id",
        unique=True,
        sqlite_where=sa.text("state = 'WAITING'"),
        postgresql_where=sa.text("state = 'WAITING'"),
    ),
    sa.Index(
        "ix_messaging_rings_agent",
        "account_id",
        "user_pid",
        sqlite_where=sa.text("state = 'WAITING'"),
        postgresql_where=sa.text("state = 'WAITING'"),
    ),
    sa.Index(
        "ix_messaging_rings_expiry",
        "expires_at",
        sqlite_where=sa.text("state = 'WAITING'"),
        postgresql_where=sa.text("state = 'WAITING'"),
    ),
    sa.Index("ix_messaging_rings_ended", "ended_at"),
    sqlite_with_rowid=False,
)

# Files. What is due at purge_at is looked at then: given up, removed, or (NULL) kept as long as its conversation.
# How many bytes an account's files have, previews included, from the moment they go into the store.
file_usage: Final = sa.Table(
    "messaging_file_usage",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("bytes", sa.BigInteger, nullable=False),
)

files: Final = sa.Table(
    "messaging_files",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("file_id", sa.Text, primary_key=True),
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
    sa.Index(
        "ix_messaging_files_purge_at",
        "purge_at",
        sqlite_where=sa.text("purge_at IS NOT NULL"),
        postgresql_where=sa.text("purge_at IS NOT NULL"),
    ),
    sa.Index(
        "ix_messaging_files_conversation",
        "account_id",
        "conversation_id",
        sqlite_where=sa.text("conversation_id IS NOT NULL"),
        postgresql_where=sa.text("conversation_id IS NOT NULL"),
    ),
)

# What a node of several leaves for the others about each of its batches; read at once, and kept for two minutes.
feed: Final = sa.Table(
    "messaging_feed",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("node_id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("ix_messaging_feed_node", "node_id", "number"),
    sa.Index("ix_messaging_feed_at", "at"),
    sqlite_with_rowid=False,
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
