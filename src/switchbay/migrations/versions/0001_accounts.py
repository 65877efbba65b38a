"""The first tables of the accounts room."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
