"""The authorization server: policies, grants, codes, tokens, consents and what surrounds them; keys per algorithm."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def _unique_key_of_state(state: str) -> None:
    op.create_index(
        f"uq_oauth_keys_{state}",
        "oauth_keys",
        ["account_id", "purpose", "alg"],
        unique=True,
        sqlite_where=sa.text(f"state = '{state}'"),
        postgresql_where=sa.text(f"state = '{state}'"),
    )


def upgrade() -> None:
    """Create the tables."""
    op.drop_index("uq_oauth_keys_active", "oauth_keys")
    _unique_key_of_state("active")
    _unique_key_of_state("next")
    op.create_index("ix_oauth_keys_state_state_at", "oauth_keys", ["state", "state_at"])
    op.create_table(
        "oauth_policies",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("implicit_enabled", sa.Boolean, nullable=False),
        sa.Column("token_algorithm", sa.Text, nullable=False),
        sa.Column("resources", sa.Text, nullable=False),
        sa.Column("registration", sa.Text, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_oauth_policies"),
    )
    op.create_table(
        "oauth_grants",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("grant_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=True),
        sa.Column("face", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("resources", sa.Text, nullable=False),
        sa.Column("auth_time", sa.BigInteger, nullable=False),
        sa.Column("amr", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger, nullable=True),
        sa.Column("revoked_for", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "grant_id", name="pk_oauth_grants"),
    )
    op.create_index(
        "ix_oauth_grants_account_id_client_id_created_at", "oauth_grants", ["account_id", "client_id", "created_at"]
    )
    op.create_index("ix_oauth_grants_account_id_session_id", "oauth_grants", ["account_id", "session_id"])
    op.create_index(
        "ix_oauth_grants_account_id_user_id_created_at", "oauth_grants", ["account_id", "user_id", "created_at"]
    )
    op.create_index("ix_oauth_grants_expires_at", "oauth_grants", ["expires_at"])
    op.create_table(
        "oauth_codes",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("code_hash", sa.LargeBinary, nullable=False),
        sa.Column("grant_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("redirect_uri_given", sa.Boolean, nullable=False),
        sa.Column("code_challenge", sa.Text, nullable=True),
        sa.Column("nonce", sa.Text, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "code_hash", name="pk_oauth_codes"),
    )
    op.create_index("ix_oauth_codes_expires_at", "oauth_codes", ["expires_at"])
    op.create_table(
        "oauth_tokens",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("grant_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger, nullable=True),
        sa.Column("successor", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "token_hash", name="pk_oauth_tokens"),
    )
    op.create_index("ix_oauth_tokens_account_id_grant_id", "oauth_tokens", ["account_id", "grant_id"])
    op.create_index("ix_oauth_tokens_expires_at", "oauth_tokens", ["expires_at"])
    op.create_table(
        "oauth_consents",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("granted_at", sa.BigInteger, nullable=False),
        sa.Column("granted_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "client_id", "user_id", name="pk_oauth_consents"),
    )
    op.create_table(
        "oauth_assertions",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("jti_hash", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "client_id", "jti_hash", name="pk_oauth_assertions"),
    )
    op.create_index("ix_oauth_assertions_expires_at", "oauth_assertions", ["expires_at"])
    op.create_table(
        "oauth_refusals",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("refusal_id", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "client_id", "refusal_id", name="pk_oauth_refusals"),
    )
    op.create_index("ix_oauth_refusals_at", "oauth_refusals", ["at"])
    op.create_table(
        "oauth_registrations",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "client_id", name="pk_oauth_registrations"),
    )
    op.create_table(
        "oauth_initial_tokens",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("token_id", sa.Text, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("uses_left", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "token_id", name="pk_oauth_initial_tokens"),
        sa.UniqueConstraint("account_id", "token_hash", name="uq_oauth_initial_tokens_account_id_token_hash"),
    )
    op.create_table(
        "oauth_logouts",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("logout_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "logout_id", name="pk_oauth_logouts"),
    )
    op.create_index("ix_oauth_logouts_due_at", "oauth_logouts", ["due_at"])
    op.create_table(
        "oauth_upstreams",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("upstream_id", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("client_secret", sa.LargeBinary, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("login_claim", sa.Text, nullable=False),
        sa.Column("create_roles", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "upstream_id", name="pk_oauth_upstreams"),
    )
    op.create_table(
        "oauth_upstream_users",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("upstream_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "upstream_id", "subject", name="pk_oauth_upstream_users"),
        sa.UniqueConstraint(
            "account_id", "upstream_id", "user_id", name="uq_oauth_upstream_users_account_id_upstream_id_user_id"
        ),
    )
