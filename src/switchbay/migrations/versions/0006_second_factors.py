"""How a session's user proved who they are, and second factors."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("account_sessions", sa.Column("amr", sa.Text, nullable=False, server_default="pwd"))
    op.create_table(
        "account_second_factors",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("confirmed_at", sa.BigInteger, nullable=True),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("recovery_hashes", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "user_id", name="pk_account_second_factors"),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["account_users.account_id", "account_users.user_id"],
            name="fk_account_second_factors_account_id_user_id",
        ),
    )
