"""Tables of accounts, users, sessions, login throttling and the audit log.

``account_audit`` only ever grows: the migration puts triggers on it that refuse UPDATE and DELETE, and ``store`` has no
statement for either. It has no foreign key, so that every room can write to it in the transaction of its own change.
"""

import sqlalchemy as sa

from switchbay.infra.db import metadata

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("signature_algorithm", sa.Text, nullable=False),
    sa.Column("signature_encoding", sa.Text, nullable=False),
    sa.Column("reveal_client_secret", sa.Boolean, nullable=False),
    sa.Column("messaging_enabled", sa.Boolean, nullable=False),
    sa.Column("ttr_urgent", sa.Integer, nullable=False),
    sa.Column("ttr_normal", sa.Integer, nullable=False),
    sa.Column("ttr_prioritized", sa.Integer, nullable=False),
    sa.Column("standard_webhooks", sa.Text, nullable=False, server_default="off"),
    sa.Column("webhook_breaker", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("disable_slow_webhooks", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("survey_app", sa.Text, nullable=False, server_default=""),
    sa.Column("survey_seconds", sa.Integer, nullable=False, server_default="3600"),
    sa.Column("auto_close_seconds", sa.Integer, nullable=False, server_default="0"),
    sa.Column("history_days", sa.Integer, nullable=False, server_default="0"),
    sa.Column("agent_capacity", sa.Integer, nullable=False, server_default="30"),
    sa.Column("requeue_on_disconnect", sa.Boolean, nullable=False, server_default=sa.text("true")),
    sa.Column("web_origins", sa.Text, nullable=False, server_default=""),
    sa.Column("file_total_bytes", sa.BigInteger, nullable=False, server_default="0"),
)

# Numbers that an account gives out: of users, of audit entries.
counters = sa.Table(
    "account_counters",
    metadata,
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("value", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("account_id", "kind"),
)

users = sa.Table(
    "account_users",
    metadata,
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.BigInteger, nullable=False, autoincrement=False),
    sa.Column("user_pid", sa.Text, nullable=False),
    sa.Column("login_name", sa.Text, nullable=False),
    sa.Column("login_key", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("password_changed_at", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("account_id", "user_id"),
    sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"]),
    sa.UniqueConstraint("account_id", "login_key"),
    sa.UniqueConstraint("account_id", "user_pid"),
)

sessions = sa.Table(
    "account_sessions",
    metadata,
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("token_hash", sa.Text, nullable=False),
    sa.Column("session_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.BigInteger, nullable=False),
    sa.Column("csrf_hash", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("address", sa.Text),
    # How the user proved who they are: words of RFC 8176 with spaces between.
    sa.Column("amr", sa.Text, nullable=False, server_default="pwd"),
    sa.PrimaryKeyConstraint("account_id", "token_hash"),
    sa.ForeignKeyConstraint(["account_id", "user_id"], ["account_users.account_id", "account_users.user_id"]),
    sa.UniqueConstraint("account_id", "session_id"),
    sa.Index(None, "account_id", "user_id"),
    sa.Index(None, "expires_at"),
)

# One-time passwords by time (RFC 6238). Not confirmed: set up, but not asked for yet.
second_factors = sa.Table(
    "account_second_factors",
    metadata,
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.BigInteger, nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),  # sealed
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("confirmed_at", sa.BigInteger),
    sa.Column("last_step", sa.BigInteger, nullable=False),  # of the last code that was taken: none is taken twice
    sa.Column("recovery_hashes", sa.Text, nullable=False),  # a JSON array; each works once
    sa.PrimaryKeyConstraint("account_id", "user_id"),
    sa.ForeignKeyConstraint(["account_id", "user_id"], ["account_users.account_id", "account_users.user_id"]),
)

# An empty name_hash or network means "whatever it is".
login_failures = sa.Table(
    "account_login_failures",
    metadata,
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("name_hash", sa.Text, nullable=False),
    sa.Column("network", sa.Text, nullable=False),
    sa.Column("failures", sa.BigInteger, nullable=False),
    sa.Column("last_at", sa.BigInteger, nullable=False),
    sa.Column("wait_until", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("account_id", "name_hash", "network"),
    sa.Index(None, "last_at"),
)

# Networks from which a user has logged in lately.
known_networks = sa.Table(
    "account_known_networks",
    metadata,
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.BigInteger, nullable=False),
    sa.Column("network", sa.Text, nullable=False),
    sa.Column("last_at", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("account_id", "user_id", "network"),
    sa.ForeignKeyConstraint(["account_id", "user_id"], ["account_users.account_id", "account_users.user_id"]),
    sa.Index(None, "last_at"),
)

audit = sa.Table(
    "account_audit",
    metadata,
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("actor_kind", sa.Text, nullable=False),
    sa.Column("actor_id", sa.Text, nullable=False),
    sa.Column("actor_name", sa.Text, nullable=False),
    sa.Column("address", sa.Text),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("object_type", sa.Text, nullable=False),
    sa.Column("object_id", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("account_id", "number"),
    sa.Index(None, "account_id", "object_type", "object_id", "number"),
)
