"""Tables of installed applications.

Manifests hold header values and secrets sign webhooks, so both are sealed with the vault. A secret's digest is beside
it, so that checking one opens nothing.
"""

import sqlalchemy as sa

from switchbay.infra.db import metadata

app_collections = sa.Table(
    "app_collections",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    # Grows with every change of an app of the account; also the lock that puts changes in a row.
    sa.Column("revision", sa.BigInteger, nullable=False),
)

app_installations = sa.Table(
    "app_installations",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("installation_id", sa.Text, primary_key=True),
    # The name as names are compared; NULL once deleted, so that the name is free again.
    sa.Column("live_name", sa.Text, nullable=True),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("document", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("deleted_at", sa.BigInteger, nullable=True),
    # What was issued to the app before this instant is not believed any more.
    sa.Column("not_before", sa.BigInteger, nullable=False, server_default="0"),
    sa.UniqueConstraint("account_id", "live_name"),
)

app_secrets = sa.Table(
    "app_secrets",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("installation_id", sa.Text, primary_key=True),
    sa.Column("secret_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, server_default=""),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("signs", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("not_after", sa.BigInteger, nullable=True),
    sa.Column("last_used_at", sa.BigInteger, nullable=True),
    sa.Index(None, "not_after"),
)

# Secrets that are accepted no more, so that the developer log can tell which one is still used. No text, no sealed one.
app_ended_secrets = sa.Table(
    "app_ended_secrets",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("installation_id", sa.Text, primary_key=True),
    sa.Column("secret_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("ended_at", sa.BigInteger, nullable=False),
    sa.Index(None, "ended_at"),
)

app_logos = sa.Table(
    "app_logos",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("installation_id", sa.Text, primary_key=True),
    sa.Column("logo_uri", sa.Text, nullable=False),
    # What the last check found: a JSON array of {code, got}; NULL before the first check.
    sa.Column("findings", sa.Text, nullable=True),
    sa.Column("width", sa.Integer, nullable=True),
    sa.Column("height", sa.Integer, nullable=True),
    sa.Column("checked_at", sa.BigInteger, nullable=True),
    # When the next check is due; a node that takes a check moves it on, so that no other node takes it too.
    sa.Column("due_at", sa.BigInteger, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("image", sa.LargeBinary, nullable=True),
    sa.Column("etag", sa.Text, nullable=True),
    sa.Index(None, "due_at"),
)

# Apps that ask for the events of all conversations, and what an administrator has decided.
app_conversation_access = sa.Table(
    "app_conversation_access",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("installation_id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("asked_at", sa.BigInteger, nullable=False),
    sa.Column("decided_at", sa.BigInteger, nullable=True),
    sa.Column("decided_by", sa.Text, nullable=True),
)
