"""Visits of visitors, and visitors over several visits."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the tables; they begin empty."""
    op.create_table(
        "engagement_visits",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("purge_at", sa.BigInteger, nullable=False),
        sa.Column("visit", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "session_id", name=op.f("pk_engagement_visits")),
    )
    op.create_index("ix_engagement_visits_purge", "engagement_visits", ["purge_at"])
    op.create_table(
        "engagement_visit_subjects",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "sub", "session_id", name=op.f("pk_engagement_visit_subjects")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_engagement_visit_subjects_session", "engagement_visit_subjects", ["account_id", "session_id"])
    op.create_table(
        "engagement_visitors",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("visitor_id", sa.Text, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("exposures", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "visitor_id", name=op.f("pk_engagement_visitors")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_engagement_visitors_seen", "engagement_visitors", ["seen_at"])
