"""The origins whose pages may use an account's web messenger."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0014"


def upgrade() -> None:
    """Add the setting; it is off in every account there is."""
    op.add_column("accounts", sa.Column("web_origins", sa.Text, nullable=False, server_default=""))
