"""The first tables of the webhooks room: owners and their endpoints, lanes, deliveries, attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def _key(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in ("account_id", *names)]


def _primary(table: str, *names: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("account_id", *names, name=f"pk_{table}")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "webhook_owners",
        *_key("owner_id"),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("retention_time", sa.BigInteger, nullable=False),
        sa.Column("signing_secret", sa.LargeBinary, nullable=False),
        sa.Column("other_secret", sa.LargeBinary),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("gate_since", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        _primary("webhook_owners", "owner_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "webhook_endpoints",
        *_key("owner_id", "event_key"),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("headers", sa.LargeBinary, nullable=False),
        sa.Column("max_retries", sa.Integer, nullable=False),
        _primary("webhook_endpoints", "owner_id", "event_key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "webhook_lanes",
        *_key("owner_id", "lane"),
        sa.Column("next_position", sa.BigInteger, nullable=False),
        sa.Column("claimed_from", sa.BigInteger, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("wake_at", sa.BigInteger),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        _primary("webhook_lanes", "owner_id", "lane"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_webhook_lanes_wake_at",
        "webhook_lanes",
        ["wake_at"],
        sqlite_where=sa.text("wake_at IS NOT NULL"),
        postgresql_where=sa.text("wake_at IS NOT NULL"),
    )
    op.create_table(
        "webhook_deliveries",
        *_key("id"),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("event_key", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        _primary("webhook_deliveries", "id"),
    )
    op.create_index(
        "ix_webhook_deliveries_pending",
        "webhook_deliveries",
        ["account_id", "owner_id", "lane", "position"],
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "ix_webhook_deliveries_undelivered",
        "webhook_deliveries",
        ["account_id", "status", "id"],
        sqlite_where=sa.text("status IN ('failed', 'cancelled')"),
        postgresql_where=sa.text("status IN ('failed', 'cancelled')"),
    )
    op.create_table(
        "webhook_attempts",
        *_key("delivery_id"),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("connect_ms", sa.Integer),
        sa.Column("total_ms", sa.Integer, nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("status", sa.Integer),
        sa.Column("failure", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("response_headers", sa.Text, nullable=False),
        sa.Column("response_body", sa.LargeBinary, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        _primary("webhook_attempts", "delivery_id", "number"),
        sqlite_with_rowid=False,
    )
