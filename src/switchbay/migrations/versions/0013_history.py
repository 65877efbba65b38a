"""History: words of messages, notes of what is to be indexed, retention by account, erasures."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the tables, and note that all messages so far are to be indexed; a server does that in the background."""
    _create_index_of_words()
    _create_erasures()
    op.create_index(
        "ix_messaging_conversations_ended",
        "messaging_conversations",
        ["account_id", "ended_at", "conversation_id"],
        sqlite_where=sa.text("stage = 'CLOSE'"),
        postgresql_where=sa.text("stage = 'CLOSE'"),
    )
    op.add_column("accounts", sa.Column("history_days", sa.Integer, nullable=False, server_default="0"))
    # After what is said from now on, the newest first.
    fill = (
        "INSERT INTO messaging_search_due (account_id, turn, mark, spans)"
        " SELECT account_id, 9000000000000000 - max(server_timestamp), conversation_id || ' ' || dialog_id,"
        " CAST(json_array(json_array(conversation_id, dialog_id, min(sequence), max(sequence))) AS text)"
        " FROM messaging_events GROUP BY account_id, conversation_id, dialog_id"
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute(fill if is_sqlite else fill.replace("json_array", "json_build_array"))


def _create_index_of_words() -> None:
    op.create_table(
        "messaging_search_due",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.Column("spans", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "turn", "mark", name=op.f("pk_messaging_search_due")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "messaging_search_documents",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("dialog_id", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("words", sa.Text().with_variant(TSVECTOR(), "postgresql")),
        sa.PrimaryKeyConstraint("account_id", "place", name=op.f("pk_messaging_search_documents")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_messaging_search_documents_conversation", "messaging_search_documents", ["account_id", "conversation_id"]
    )
    if op.get_bind().dialect.name == "sqlite":
        # Words come cut and folded: the tokenizer has nothing to do but to split at spaces.
        op.execute(
            "CREATE VIRTUAL TABLE messaging_search_words USING fts5"
            """(words, tokenize = "ascii tokenchars '=_'", columnsize = 0)"""
        )
    else:
        # What waits to be sorted into the index is read by every search: let it be little.
        op.execute(
            "CREATE INDEX ix_messaging_search_documents_words ON messaging_search_documents"
            " USING gin (words) WITH (gin_pending_list_limit = 256)"
        )


def _create_erasures() -> None:
    op.create_table(
        "messaging_erasures",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("erasure_id", sa.Text, nullable=False),
        sa.Column("consumer_id", sa.Text),
        sa.Column("pseudonym", sa.Text, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("cursor", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("conversations", sa.BigInteger, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("requested_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("account_id", "erasure_id", name=op.f("pk_messaging_erasures")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "uq_messaging_erasures_consumer",
        "messaging_erasures",
        ["account_id", "consumer_id"],
        unique=True,
        sqlite_where=sa.text("consumer_id IS NOT NULL"),
        postgresql_where=sa.text("consumer_id IS NOT NULL"),
    )
    op.create_index(
        "ix_messaging_erasures_running",
        "messaging_erasures",
        ["account_id", "erasure_id"],
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
