"""Names of client secrets, and the instant before which nothing that was issued to an app counts."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("app_secrets", sa.Column("name", sa.Text, nullable=False, server_default=""))
    op.add_column("app_installations", sa.Column("not_before", sa.BigInteger, nullable=False, server_default="0"))
