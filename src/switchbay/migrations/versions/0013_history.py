"""History: words of messages, notes of what is to be indexed, retention by account, erasures."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0013"
down_revision = "0010"


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
    op.execute(
        "INSERT INTO messaging_search_due (account_id, conversation_id, dialog_id, sequence, until)"
        " SELECT account_id, conversation_id, dialog_id, min(sequence), max(sequence)"
        " FROM messaging_events GROUP BY account_id, conversation_id, dialog_id"
    )


def _create_index_of_words() -> None:
    key = ("account_id", "conversation_id", "dialog_id")
    op.create_table(
        "messaging_search_due",
        *(sa.Column(name, sa.Text, nullable=False) for name in key),
        sa.Column("sequence", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(*key, "sequence", name=op.f("pk_messaging_search_due")),
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
        op.execute("CREATE INDEX ix_messaging_search_documents_words ON messaging_search_documents USING gin (words)")


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
