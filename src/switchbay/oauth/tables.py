"""The tables of the oauth room, all per account.

Whatever is a secret that somebody holds (a code, a token) is stored as its SHA-256 and looked up by it; what must be
read back (private keys, the successor of a refresh token) is sealed.
"""

import sqlalchemy as sa

from switchbay.infra.db import metadata

keys = sa.Table(
    "oauth_keys",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("kid", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("alg", sa.Text, nullable=False),
    sa.Column("private_key", sa.LargeBinary, nullable=False),  # PKCS #8, sealed
    sa.Column("public_jwk", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("state_at", sa.BigInteger, nullable=False),
    # At most one key signs and at most one is next: two nodes that make one at once settle on it.
    sa.Index(
        "uq_oauth_keys_active",
        "account_id",
        "purpose",
        "alg",
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    ),
    sa.Index(
        "uq_oauth_keys_next",
        "account_id",
        "purpose",
        "alg",
        unique=True,
        sqlite_where=sa.text("state = 'next'"),
        postgresql_where=sa.text("state = 'next'"),
    ),
    sa.Index("ix_oauth_keys_purpose_created_at", "purpose", "created_at"),
    sa.Index("ix_oauth_keys_state_state_at", "state", "state_at"),
)

consumer_identities = sa.Table(
    "oauth_consumer_identities",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("identity_key", sa.LargeBinary, nullable=False),  # 32 bytes, sealed
    sa.Column("created_at", sa.BigInteger, nullable=False),
)

# What an account's administrators decide about its authorization server. No row: the defaults.
policies = sa.Table(
    "oauth_policies",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("implicit_enabled", sa.Boolean, nullable=False),
    sa.Column("token_algorithm", sa.Text, nullable=False),
    sa.Column("resources", sa.Text, nullable=False),  # a JSON array of URIs
    sa.Column("registration", sa.Text, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
)

# One act of authorization: the family of everything that was issued from it. Revoking it ends all of that.
grants = sa.Table(
    "oauth_grants",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("grant_id", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("session_id", sa.Text, nullable=True),
    sa.Column("face", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("resources", sa.Text, nullable=False),  # a JSON array of URIs
    sa.Column("auth_time", sa.BigInteger, nullable=False),
    sa.Column("amr", sa.Text, nullable=False),  # words of RFC 8176 with spaces between
    sa.Column("created_at", sa.BigInteger, nullable=False),
    # When the last thing issued from it is over; then the row may go.
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger, nullable=True),
    sa.Column("revoked_for", sa.Text, nullable=True),
    sa.Index(None, "account_id", "client_id", "created_at"),
    sa.Index(None, "account_id", "user_id", "created_at"),
    sa.Index(None, "account_id", "session_id"),
    sa.Index(None, "expires_at"),
)

codes = sa.Table(
    "oauth_codes",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("code_hash", sa.LargeBinary, primary_key=True),
    sa.Column("grant_id", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("redirect_uri_given", sa.Boolean, nullable=False),
    sa.Column("code_challenge", sa.Text, nullable=True),
    sa.Column("nonce", sa.Text, nullable=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.BigInteger, nullable=True),
    sa.Index(None, "expires_at"),
)

# Refresh tokens and opaque access tokens.
tokens = sa.Table(
    "oauth_tokens",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("grant_id", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.BigInteger, nullable=True),
    sa.Column("successor", sa.LargeBinary, nullable=True),  # of a used refresh token: the next one, sealed
    sa.Index(None, "account_id", "grant_id"),
    sa.Index(None, "expires_at"),
)

# What a user, or an administrator for the whole account (user_id '*'), has allowed an app.
consents = sa.Table(
    "oauth_consents",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("granted_at", sa.BigInteger, nullable=False),
    sa.Column("granted_by", sa.Text, nullable=False),
)

# Client assertions that were used (RFC 7523 §3), until they expire.
assertions = sa.Table(
    "oauth_assertions",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, primary_key=True),
    sa.Column("jti_hash", sa.LargeBinary, primary_key=True),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Index(None, "expires_at"),
)

# When all that a network took of an account's sign-ups is free again, epoch milliseconds. One node counts in memory.
sign_ups = sa.Table(
    "oauth_sign_ups",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("network", sa.Text, primary_key=True),
    sa.Column("free_at", sa.BigInteger, nullable=False),
    sa.Index(None, "free_at"),
)

# The developer log: the last refused requests of each app, with the exact reason.
refusals = sa.Table(
    "oauth_refusals",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, primary_key=True),
    sa.Column("refusal_id", sa.Text, primary_key=True),  # sorts by time
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),  # a JSON object of texts
    sa.Column("address", sa.Text, nullable=True),
    sa.Index(None, "at"),
)

# Apps that were registered by RFC 7591, with the hash of the token that manages them.
registrations = sa.Table(
    "oauth_registrations",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, primary_key=True),
    sa.Column("token_hash", sa.LargeBinary, nullable=False),
    sa.Column("metadata", sa.Text, nullable=False),  # members of the registration that a manifest has no place for
    sa.Column("created_at", sa.BigInteger, nullable=False),
)

initial_tokens = sa.Table(
    "oauth_initial_tokens",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("token_id", sa.Text, primary_key=True),
    sa.Column("token_hash", sa.LargeBinary, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("uses_left", sa.Integer, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("account_id", "token_hash"),
)

# Back-channel logouts that are still to be told.
logouts = sa.Table(
    "oauth_logouts",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("logout_id", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("session_id", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due_at", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Index(None, "due_at"),
)

# Other OpenID providers whose users may log in to the account.
upstreams = sa.Table(
    "oauth_upstreams",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("upstream_id", sa.Text, primary_key=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("client_secret", sa.LargeBinary, nullable=False),  # sealed
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("login_claim", sa.Text, nullable=False),
    sa.Column(
        "create_roles", sa.Text, nullable=False
    ),  # roles of users made at their first login; empty: none are made
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
)

upstream_users = sa.Table(
    "oauth_upstream_users",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("upstream_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("account_id", "upstream_id", "user_id"),
)
