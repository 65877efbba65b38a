"""The tables of the oauth room: signing keys and the key of consumer identities, both per account."""

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
    # At most one key signs: two nodes that make the first key at once settle on one.
    sa.Index(
        "uq_oauth_keys_active",
        "account_id",
        "purpose",
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    ),
    sa.Index("ix_oauth_keys_purpose_created_at", "purpose", "created_at"),
)

consumer_identities = sa.Table(
    "oauth_consumer_identities",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("identity_key", sa.LargeBinary, nullable=False),  # 32 bytes, sealed
    sa.Column("created_at", sa.BigInteger, nullable=False),
)
