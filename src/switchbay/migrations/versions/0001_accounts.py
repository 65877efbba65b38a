"""The first tables of the accounts room."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_REFUSAL = "the audit log only grows"
_SQLITE_APPEND_ONLY = (
    f"""
    CREATE TRIGGER account_audit_no_update BEFORE UPDATE ON account_audit
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END
    """,
    f"""
    CREATE TRIGGER account_audit_no_delete BEFORE DELETE ON account_audit
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END
    """,
)
_POSTGRESQL_APPEND_ONLY = (
    f"""
    CREATE FUNCTION account_audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$
    """,
    """
    CREATE TRIGGER account_audit_no_change BEFORE UPDATE OR DELETE ON account_audit
    FOR EACH ROW EXECUTE FUNCTION account_audit_only_grows()
    """,
    """
    CREATE TRIGGER account_audit_no_truncate BEFORE TRUNCATE ON account_audit
    FOR EACH STATEMENT EXECUTE FUNCTION account_audit_only_grows()
    """,
)


def upgrade() -> None:
    """Create the tables."""
    _create_accounts()
    _create_users()
    _create_sessions()
    _create_throttling()
    _create_audit()


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("signature_algorithm", sa.Text, nullable=False),
        sa.Column("signature_encoding", sa.Text, nullable=False),
        sa.Column("reveal_client_secret", sa.Boolean, nullable=False),
        sa.Column("messaging_enabled", sa.Boolean, nullable=False),
        sa.Column("ttr_urgent", sa.Integer, nullable=False),
        sa.Column("ttr_normal", sa.Integer, nullable=False),
        sa.Column("ttr_prioritized", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_accounts"),
    )
    op.create_table(
        "account_counters",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "kind", name="pk_account_counters"),
    )


def _create_users() -> None:
    op.create_table(
        "account_users",
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
        sa.PrimaryKeyConstraint("account_id", "user_id", name="pk_account_users"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_account_users_account_id"),
        sa.UniqueConstraint("account_id", "login_key", name="uq_account_users_account_id_login_key"),
        sa.UniqueConstraint("account_id", "user_pid", name="uq_account_users_account_id_user_pid"),
    )


def _create_sessions() -> None:
    op.create_table(
        "account_sessions",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("token_hash", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("csrf_hash", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("address", sa.Text),
        sa.PrimaryKeyConstraint("account_id", "token_hash", name="pk_account_sessions"),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["account_users.account_id", "account_users.user_id"],
            name="fk_account_sessions_account_id_user_id",
        ),
        sa.UniqueConstraint("account_id", "session_id", name="uq_account_sessions_account_id_session_id"),
    )
    op.create_index("ix_account_sessions_account_id_user_id", "account_sessions", ["account_id", "user_id"])
    op.create_index("ix_account_sessions_expires_at", "account_sessions", ["expires_at"])


def _create_throttling() -> None:
    op.create_table(
        "account_login_failures",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("name_hash", sa.Text, nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("wait_until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "name_hash", "network", name="pk_account_login_failures"),
    )
    op.create_index("ix_account_login_failures_last_at", "account_login_failures", ["last_at"])
    op.create_table(
        "account_known_networks",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "user_id", "network", name="pk_account_known_networks"),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["account_users.account_id", "account_users.user_id"],
            name="fk_account_known_networks_account_id_user_id",
        ),
    )
    op.create_index("ix_account_known_networks_last_at", "account_known_networks", ["last_at"])


def _create_audit() -> None:
    op.create_table(
        "account_audit",
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
        sa.PrimaryKeyConstraint("account_id", "number", name="pk_account_audit"),
    )
    op.create_index(
        "ix_account_audit_account_id_object_type_object_id_number",
        "account_audit",
        ["account_id", "object_type", "object_id", "number"],
    )
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _POSTGRESQL_APPEND_ONLY if on_postgresql else _SQLITE_APPEND_ONLY:
        op.execute(statement)
