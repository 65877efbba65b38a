"""Tables of the configuration: objects of all types in one, what refers to what, and one row for each account."""

import sqlalchemy as sa

from switchbay.infra.db import metadata

configurations = sa.Table(
    "engagement_configurations",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    # Grows with every change of the account's configuration; also the lock that puts changes in a row.
    sa.Column("revision", sa.BigInteger, nullable=False),
    # The last id that was given to an object of the account, of whatever type.
    sa.Column("last_id", sa.BigInteger, nullable=False),
    # JSON; empty until they are first set.
    sa.Column("settings", sa.Text, nullable=False),
)

objects = sa.Table(
    "engagement_objects",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("object_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("type", sa.Text, nullable=False),
    # JSON of the whole object, as the wire has it.
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("deleted", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Index("ix_engagement_objects_type", "account_id", "type", "object_id"),
)

# Who uses what: only of objects that are not deleted, written with the object that refers.
references = sa.Table(
    "engagement_references",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("used_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Index("ix_engagement_references_user", "account_id", "user_id"),
)
