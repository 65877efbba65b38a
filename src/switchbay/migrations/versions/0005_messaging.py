"""The first tables of the messaging room."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables."""
