"""Counts of what became of offers, by campaign, engagement and hour."""

from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import metadata

# ``hour`` counts from the epoch. Each node adds to a shard of its own, so that nodes seldom wait for each other's rows.
counts: Final = sa.Table(
    "engagement_counts",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("campaign_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("engagement_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("shard", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("offered", sa.BigInteger, nullable=False),
    sa.Column("displayed", sa.BigInteger, nullable=False),
    sa.Column("accepted", sa.BigInteger, nullable=False),
    sa.Column("closed", sa.BigInteger, nullable=False),
    sa.Column("timed_out", sa.BigInteger, nullable=False),
    sa.Column("conversations", sa.BigInteger, nullable=False),
    sa.Column("conversions", sa.BigInteger, nullable=False),
    sa.Column("conversion_value", sa.Double, nullable=False),
    sqlite_with_rowid=False,
)
