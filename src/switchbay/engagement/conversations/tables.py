"""Who is in a conversation that began with an offer, so that nothing else is offered until it is over."""

from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import metadata

# A row for each name under which a client may ask on behalf of the consumer: those that it gave in the session, and the
# consumer's id in messaging.
subjects: Final = sa.Table(
    "engagement_subjects",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("conversation_id", sa.Text, primary_key=True),
    sa.Column("campaign_id", sa.BigInteger, nullable=False),
    sa.Column("engagement_id", sa.BigInteger, nullable=False),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Index("ix_engagement_subjects_conversation", "account_id", "conversation_id"),
    sqlite_with_rowid=False,
)
