"""Delivery: keys of Standard Webhooks, replays, gates, choices of apps, client certificates, a log in parts."""

import sqlalchemy as sa
from alembic import op

from switchbay.kit.ids import sortable_id, time_of_sortable_id

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns and the tables."""
    _add_standard_webhooks()
    _add_replays()
    _add_gates()
    _add_choices_of_apps()
    _add_client_certificates()
    op.add_column("webhook_attempts", sa.Column("first_byte_ms", sa.Integer))
    op.add_column("webhook_attempts", sa.Column("request", sa.Text))
    _add_health()
    _part_the_log()  # the last: it copies the columns that are there by then


def _add_standard_webhooks() -> None:
    op.add_column("accounts", sa.Column("standard_webhooks", sa.Text, nullable=False, server_default="off"))
    op.create_table(
        "webhook_signing_keys",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("private_key", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("account_id", "key_id", name=op.f("pk_webhook_signing_keys")),
    )
    # One that signs without an end: two nodes that make an account's first key at once make one.
    op.create_index(
        "uq_webhook_signing_keys_current",
        "webhook_signing_keys",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("ends_at IS NULL"),
        postgresql_where=sa.text("ends_at IS NULL"),
    )


def _add_replays() -> None:
    for name in ("origin", "event_id", "replay_id"):
        op.add_column("webhook_deliveries", sa.Column(name, sa.Text))
    op.create_index(
        "ix_webhook_deliveries_replayed",
        "webhook_deliveries",
        ["account_id", "replay_id", "event_id"],
        sqlite_where=sa.text("replay_id IS NOT NULL"),
        postgresql_where=sa.text("replay_id IS NOT NULL"),
    )
    op.create_table(
        "webhook_replays",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("replay_id", sa.Text, nullable=False),
        sa.Column("owner_id", sa.Text),
        sa.Column("lane", sa.Text),
        sa.Column("event_key", sa.Text),
        sa.Column("status", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("cursor", sa.Text, nullable=False),
        sa.Column("replayed", sa.BigInteger, nullable=False),
        sa.Column("skipped", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("account_id", "replay_id", name=op.f("pk_webhook_replays")),
    )
    op.create_index(
        "ix_webhook_replays_running",
        "webhook_replays",
        ["updated_at"],
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )


def _add_gates() -> None:
    for name in ("gate_at", "gate_next"):
        op.add_column("webhook_owners", sa.Column(name, sa.BigInteger))
    op.add_column("webhook_owners", sa.Column("gate_failures", sa.Integer, nullable=False, server_default="0"))
    op.add_column("webhook_owners", sa.Column("gate_lane", sa.Text))
    op.create_index(
        "ix_webhook_owners_gate_at",
        "webhook_owners",
        ["gate_at"],
        sqlite_where=sa.text("gate_at IS NOT NULL"),
        postgresql_where=sa.text("gate_at IS NOT NULL"),
    )
    op.add_column(
        "webhook_endpoints", sa.Column("is_exempt", sa.Boolean, nullable=False, server_default=sa.text("false"))
    )
    op.add_column("webhook_endpoints", sa.Column("disabled_at", sa.BigInteger))
    op.add_column("webhook_lanes", sa.Column("expires_at", sa.BigInteger))
    held = sa.text("wake_at = 9000000000000000")
    op.create_index(
        "ix_webhook_lanes_held",
        "webhook_lanes",
        ["account_id", "owner_id", "expires_at"],
        sqlite_where=held,
        postgresql_where=held,
    )
    stored = sa.text("expires_at IS NOT NULL")
    op.create_index(
        "ix_webhook_lanes_stored",
        "webhook_lanes",
        ["account_id", "owner_id"],
        sqlite_where=stored,
        postgresql_where=stored,
    )


def _add_choices_of_apps() -> None:
    op.add_column("webhook_owners", sa.Column("disabled_at", sa.BigInteger))
    op.add_column("webhook_owners", sa.Column("ordering", sa.Text, nullable=False, server_default="strict"))
    op.add_column("webhook_owners", sa.Column("hears_all", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.create_index("ix_webhook_owners_hears_all", "webhook_owners", ["account_id", "hears_all", "owner_id"])
    op.add_column("webhook_deliveries", sa.Column("conversation", sa.Text))
    op.create_table(
        "app_conversation_access",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("installation_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("decided_at", sa.BigInteger),
        sa.Column("decided_by", sa.Text),
        sa.PrimaryKeyConstraint("account_id", "installation_id", name=op.f("pk_app_conversation_access")),
    )


def _add_client_certificates() -> None:
    op.create_table(
        "webhook_client_certificates",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("event_key", sa.Text, nullable=False),
        sa.Column("certificate_id", sa.Text, nullable=False),
        sa.Column("chain", sa.LargeBinary, nullable=False),
        sa.Column("private_key", sa.LargeBinary, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("not_before", sa.BigInteger, nullable=False),
        sa.Column("not_after", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "owner_id", "event_key", name=op.f("pk_webhook_client_certificates")),
    )


_HOUR_MS = 3_600_000
_LOG = {
    "webhook_deliveries": (
        "id",
        "account_id, id",
        (
            ("pending", "account_id, owner_id, lane, position", "status = 'pending'"),
            ("undelivered", "account_id, status, id", "status IN ('failed', 'cancelled')"),
            ("replayed", "account_id, replay_id, event_id", "replay_id IS NOT NULL"),
        ),
    ),
    "webhook_attempts": ("delivery_id", "account_id, delivery_id, number", ()),
}


def _part_the_log() -> None:
    """On PostgreSQL, part the log by the ids of deliveries, which sort by time; what there is becomes the first part.

    No row is copied: each table is read once, to see that its ids lie below the end of that part.
    """
    if op.get_bind().dialect.name != "postgresql":
        return
    end = _end_of_the_first_part()
    for table, (key, primary, indexes) in _LOG.items():
        before = f"{table}_before"
        op.execute(f"ALTER TABLE {table} RENAME TO {before}")
        op.execute(f"ALTER INDEX pk_{table} RENAME TO pk_{before}")
        for name, _, _ in indexes:
            op.execute(f"ALTER INDEX ix_{table}_{name} RENAME TO ix_{before}_{name}")
        op.execute(f'ALTER TABLE {before} ALTER COLUMN {key} TYPE text COLLATE "C"')
        op.execute(f"CREATE TABLE {table} (LIKE {before} INCLUDING DEFAULTS) PARTITION BY RANGE ({key})")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY ({primary})")
        for name, columns, where in indexes:
            op.execute(f"CREATE INDEX ix_{table}_{name} ON {table} ({columns}) WHERE {where}")
        op.execute(f"ALTER TABLE {table} ATTACH PARTITION {before} FOR VALUES FROM (MINVALUE) TO ('{end}')")
        op.execute(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")


def _end_of_the_first_part() -> str:
    """The lowest id of the first full hour after now, and after every id there is."""
    now, newest = (
        op.get_bind()
        .execute(
            sa.text(
                "SELECT CAST(extract(epoch FROM now()) * 1000 AS bigint),"
                " greatest((SELECT max(id) FROM webhook_deliveries), (SELECT max(delivery_id) FROM webhook_attempts))"
            )
        )
        .one()
    )
    last = max(now, 0 if newest is None else time_of_sortable_id(newest))
    return sortable_id("dlv", (last // _HOUR_MS + 1) * _HOUR_MS, bytes(10))


def _add_health() -> None:
    for name in ("webhook_breaker", "disable_slow_webhooks"):
        op.add_column("accounts", sa.Column(name, sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.add_column("webhook_owners", sa.Column("rate_limit", sa.Integer))
    op.add_column("webhook_endpoints", sa.Column("disabled_reason", sa.Text))
    op.create_table(
        "webhook_health",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("minute", sa.BigInteger, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("requests", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("answers", sa.Integer, nullable=False),
        sa.Column("answers_ms", sa.BigInteger, nullable=False),
        sa.Column("latencies", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "owner_id", "endpoint", "minute", "node", name=op.f("pk_webhook_health")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_webhook_health_minute", "webhook_health", ["minute"])
    op.create_table(
        "webhook_endpoint_states",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("succeeded_at", sa.BigInteger),
        sa.Column("failed_at", sa.BigInteger),
        sa.Column("failure", sa.Text),
        sa.Column("paused_until", sa.BigInteger),
        sa.PrimaryKeyConstraint("account_id", "owner_id", "endpoint", name=op.f("pk_webhook_endpoint_states")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "webhook_operational",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("subscription_id", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "subscription_id", name=op.f("pk_webhook_operational")),
        sqlite_with_rowid=False,
    )
