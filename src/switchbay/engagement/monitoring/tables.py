"""Visits and visitors.

A visit is one packed value, read and written with every request; a million of them are a few hundred megabytes. Its
row's ``purge_at`` moves in steps, so that most writes change no index. ``visit_subjects`` finds the visits of somebody
who wants to be forgotten.
"""

from typing import Final

import sqlalchemy as sa

from switchbay.infra.db.schema import metadata

visits: Final = sa.Table(
    "engagement_visits",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("purge_at", sa.BigInteger, nullable=False),
    sa.Column("visit", sa.LargeBinary, nullable=False),
    sa.Index("ix_engagement_visits_purge", "purge_at"),
)

visit_subjects: Final = sa.Table(
    "engagement_visit_subjects",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("sub", sa.Text, primary_key=True),
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Index("ix_engagement_visit_subjects_session", "account_id", "session_id"),
    sqlite_with_rowid=False,
)

visitors: Final = sa.Table(
    "engagement_visitors",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("visitor_id", sa.Text, primary_key=True),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
    sa.Column("exposures", sa.LargeBinary, nullable=False),
    sa.Index("ix_engagement_visitors_seen", "seen_at"),
    sqlite_with_rowid=False,
)
