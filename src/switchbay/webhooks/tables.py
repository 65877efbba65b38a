"""Tables of the webhooks room.

The order of a lane's deliveries is ``position``, given out by the lane's row under its lock. A lane is free while
``wake_at`` is null: then nothing of it is pending. Otherwise ``wake_at`` is when a node may take it: the end of the
lease of the node that works on it, or the time of the next attempt. ``fence`` grows with each change of hands.

An owner's gate is closed while its events are held. A held lane has ``wake_at`` at ``HELD``, where no sweep finds it;
``expires_at`` is when the first of its events is to be given up, and stays until the lane has sent all that was stored.
``gate_at`` is when a gate's timer goes off, ``gate_next`` when the endpoint is tried again, by the lane ``gate_lane``.
Lanes of an owner that is disabled are held, too, whatever its gate; ``disabled_at`` is since when. ``hears_all`` says
that it is told of every conversation of the account now, which one that is disabled is not.

The indexes of what grows are partial so that the many delivered rows cost them nothing.

On PostgreSQL the log (deliveries and attempts) is partitioned by the delivery's id, which sorts by time, so that what
is old goes as a whole table and what is new is found among little; ``RANGE_KEY`` names that column to the database.
"""

import sqlalchemy as sa

from switchbay.infra.db import RANGE_KEY, metadata

HELD = 9_000_000_000_000_000

owners = sa.Table(
    "webhook_owners",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("owner_id", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("retention_time", sa.BigInteger, nullable=False),
    sa.Column("signing_secret", sa.LargeBinary, nullable=False),
    sa.Column("other_secret", sa.LargeBinary),
    sa.Column("gate", sa.Text, nullable=False),
    sa.Column("gate_since", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("gate_at", sa.BigInteger),
    sa.Column("gate_next", sa.BigInteger),
    sa.Column("gate_failures", sa.Integer, nullable=False),
    sa.Column("gate_lane", sa.Text),
    # Most requests a second to each of its endpoints; null for no limit.
    sa.Column("rate_limit", sa.Integer),
    sa.Column("disabled_at", sa.BigInteger),
    sa.Column("ordering", sa.Text, nullable=False, server_default="strict"),
    sa.Column("hears_all", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sqlite_with_rowid=False,
)
sa.Index("ix_webhook_owners_hears_all", owners.c.account_id, owners.c.hears_all, owners.c.owner_id)
sa.Index(
    "ix_webhook_owners_gate_at",
    owners.c.gate_at,
    sqlite_where=sa.text("gate_at IS NOT NULL"),
    postgresql_where=sa.text("gate_at IS NOT NULL"),
)

endpoints = sa.Table(
    "webhook_endpoints",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("owner_id", sa.Text, primary_key=True),
    sa.Column("event_key", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("headers", sa.LargeBinary, nullable=False),
    sa.Column("max_retries", sa.Integer, nullable=False),
    sa.Column("is_exempt", sa.Boolean, nullable=False),
    sa.Column("disabled_at", sa.BigInteger),
    sa.Column("disabled_reason", sa.Text),
    sqlite_with_rowid=False,
)

lanes = sa.Table(
    "webhook_lanes",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("owner_id", sa.Text, primary_key=True),
    sa.Column("lane", sa.Text, primary_key=True),
    sa.Column("next_position", sa.BigInteger, nullable=False),
    sa.Column("claimed_from", sa.BigInteger, nullable=False),
    sa.Column("node", sa.Text, nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("wake_at", sa.BigInteger),
    sa.Column("first_at", sa.BigInteger, nullable=False),
    sa.Column("last_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sqlite_with_rowid=False,
)
sa.Index(
    "ix_webhook_lanes_wake_at",
    lanes.c.wake_at,
    sqlite_where=sa.text("wake_at IS NOT NULL"),
    postgresql_where=sa.text("wake_at IS NOT NULL"),
)
sa.Index(
    "ix_webhook_lanes_held",
    lanes.c.account_id,
    lanes.c.owner_id,
    lanes.c.expires_at,
    sqlite_where=sa.text(f"wake_at = {HELD}"),
    postgresql_where=sa.text(f"wake_at = {HELD}"),
)
sa.Index(
    "ix_webhook_lanes_stored",
    lanes.c.account_id,
    lanes.c.owner_id,
    sqlite_where=sa.text("expires_at IS NOT NULL"),
    postgresql_where=sa.text("expires_at IS NOT NULL"),
)

deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
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
    # Null for an event as it happened; else what it is (a replay, a test) and of what.
    sa.Column("origin", sa.Text),
    sa.Column("event_id", sa.Text),
    sa.Column("replay_id", sa.Text),
    # Null, or its conversation: then ``lane`` is one of its own, where it waits to be tried again.
    sa.Column("conversation", sa.Text),
    info={RANGE_KEY: "id"},
)
sa.Index(
    "ix_webhook_deliveries_pending",
    deliveries.c.account_id,
    deliveries.c.owner_id,
    deliveries.c.lane,
    deliveries.c.position,
    sqlite_where=sa.text("status = 'pending'"),
    postgresql_where=sa.text("status = 'pending'"),
)
sa.Index(
    "ix_webhook_deliveries_undelivered",
    deliveries.c.account_id,
    deliveries.c.status,
    deliveries.c.id,
    sqlite_where=sa.text("status IN ('failed', 'cancelled')"),
    postgresql_where=sa.text("status IN ('failed', 'cancelled')"),
)
sa.Index(
    "ix_webhook_deliveries_replayed",
    deliveries.c.account_id,
    deliveries.c.replay_id,
    deliveries.c.event_id,
    sqlite_where=sa.text("replay_id IS NOT NULL"),
    postgresql_where=sa.text("replay_id IS NOT NULL"),
)

attempts = sa.Table(
    "webhook_attempts",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("delivery_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("connect_ms", sa.Integer),
    sa.Column("first_byte_ms", sa.Integer),
    sa.Column("total_ms", sa.Integer, nullable=False),
    sa.Column("address", sa.Text),
    sa.Column("status", sa.Integer),
    sa.Column("failure", sa.Text),
    sa.Column("detail", sa.Text),
    sa.Column("request", sa.Text),
    sa.Column("response_headers", sa.Text, nullable=False),
    sa.Column("response_body", sa.LargeBinary, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
)

# What endpoints are shown that ask who calls: of one event, or of all those of an app that have none of their own.
client_certificates = sa.Table(
    "webhook_client_certificates",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("owner_id", sa.Text, primary_key=True),
    sa.Column("event_key", sa.Text, primary_key=True),
    sa.Column("certificate_id", sa.Text, nullable=False),
    sa.Column("chain", sa.LargeBinary, nullable=False),
    sa.Column("private_key", sa.LargeBinary, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("not_before", sa.BigInteger, nullable=False),
    sa.Column("not_after", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)

# Ed25519 keys of accounts (Standard Webhooks, v1a); the one that signs until further notice has no end.
signing_keys = sa.Table(
    "webhook_signing_keys",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("private_key", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger),
)
sa.Index(
    "uq_webhook_signing_keys_current",
    signing_keys.c.account_id,
    unique=True,
    sqlite_where=sa.text("ends_at IS NULL"),
    postgresql_where=sa.text("ends_at IS NULL"),
)

# Replays of many events: what they select, how far they are (the id of the last delivery looked at), what came of it.
replays = sa.Table(
    "webhook_replays",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("replay_id", sa.Text, primary_key=True),
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
)
sa.Index(
    "ix_webhook_replays_running",
    replays.c.updated_at,
    sqlite_where=sa.text("state = 'running'"),
    postgresql_where=sa.text("state = 'running'"),
)

# How the calls of an endpoint (a digest of its URL) went in a minute, as one node saw it. The times of those that were
# answered are counts in the fixed steps of ``domain.LATENCY_STEPS``, as JSON.
health = sa.Table(
    "webhook_health",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("owner_id", sa.Text, primary_key=True),
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("minute", sa.BigInteger, primary_key=True),
    sa.Column("node", sa.Text, primary_key=True),
    sa.Column("requests", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("answers", sa.Integer, nullable=False),
    sa.Column("answers_ms", sa.BigInteger, nullable=False),
    sa.Column("latencies", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("ix_webhook_health_minute", health.c.minute)

# What is known of endpoints of which anything was ever wrong. ``failures`` counts those in a row, on all nodes.
endpoint_states = sa.Table(
    "webhook_endpoint_states",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("owner_id", sa.Text, primary_key=True),
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("succeeded_at", sa.BigInteger),
    sa.Column("failed_at", sa.BigInteger),
    sa.Column("failure", sa.Text),
    sa.Column("paused_until", sa.BigInteger),
    sqlite_with_rowid=False,
)

# Where an account is told of how its endpoints are; each is an owner with this id.
operational = sa.Table(
    "webhook_operational",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("subscription_id", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
