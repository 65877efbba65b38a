"""Routing: skills, agents with their state and presence, rings; what accounts decide about agents."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the columns and the tables; they begin empty, with every agent offline."""
    op.add_column("accounts", sa.Column("agent_capacity", sa.Integer, nullable=False, server_default="30"))
    op.add_column(
        "accounts", sa.Column("requeue_on_disconnect", sa.Boolean, nullable=False, server_default=sa.text("true"))
    )
    _mark_assigned()
    op.add_column("messaging_queue", sa.Column("rings_at", sa.Text))
    weight = ["account_id", "weight", "conversation_id"]
    _index("ix_messaging_queue_unrung", "messaging_queue", weight, "rings_at IS NULL AND suggested_pid IS NULL")
    _index("ix_messaging_queue_suggested", "messaging_queue", weight, "suggested_pid IS NOT NULL")
    _create_skills()
    _create_agents()
    _create_presence()
    _create_rings()


def _mark_assigned() -> None:
    """Tell of each participant whether they are the assigned agent of an open main dialog."""
    op.add_column(
        "messaging_participants", sa.Column("is_assigned", sa.Boolean, nullable=False, server_default=sa.text("false"))
    )
    op.execute(
        "UPDATE messaging_participants SET is_assigned = true"
        " WHERE is_open AND role = 'ASSIGNED_AGENT' AND state = 'ACTIVE' AND EXISTS ("
        "SELECT 1 FROM messaging_conversations c WHERE c.account_id = messaging_participants.account_id"
        " AND c.conversation_id = messaging_participants.conversation_id AND c.state = 'OPEN')"
    )
    columns = ["account_id", "participant_id", "conversation_id"]
    _index("ix_messaging_participants_assigned", "messaging_participants", columns, "is_assigned")


def _index(name: str, table: str, columns: Sequence[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _create_skills() -> None:
    op.create_table(
        "messaging_routers",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("last_skill", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_messaging_routers")),
    )
    op.create_table(
        "messaging_skills",
        *_texts("account_id", "skill_id", "name", "name_key", "description"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "skill_id", name=op.f("pk_messaging_skills")),
        sa.UniqueConstraint("account_id", "name_key", name=op.f("uq_messaging_skills_account_id_name_key")),
    )


def _create_agents() -> None:
    op.create_table(
        "messaging_agents",
        *_texts("account_id", "user_pid", "availability", "channels", "description"),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("capacity", sa.Integer),
        sa.Column("is_connected", sa.Boolean, nullable=False),
        sa.Column("leaves_at", sa.BigInteger),
        sa.Column("rung_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "user_pid", name=op.f("pk_messaging_agents")),
        sqlite_with_rowid=False,
    )
    _index("ix_messaging_agents_leaves", "messaging_agents", ["leaves_at"], "leaves_at IS NOT NULL")
    _index("ix_messaging_agents_online", "messaging_agents", ["account_id"], "availability = 'ONLINE'")
    op.create_table(
        "messaging_agent_skills",
        *_texts("account_id", "user_pid", "skill_id"),
        sa.PrimaryKeyConstraint("account_id", "user_pid", "skill_id", name=op.f("pk_messaging_agent_skills")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_messaging_agent_skills_skill", "messaging_agent_skills", ["account_id", "skill_id"])


def _create_presence() -> None:
    op.create_table(
        "messaging_presence_nodes",
        *_texts("account_id", "node_id"),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "node_id", name=op.f("pk_messaging_presence_nodes")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_messaging_presence_nodes_lease", "messaging_presence_nodes", ["lease_until"])
    op.create_table(
        "messaging_presence",
        *_texts("account_id", "user_pid", "node_id"),
        sa.PrimaryKeyConstraint("account_id", "user_pid", "node_id", name=op.f("pk_messaging_presence")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_messaging_presence_node", "messaging_presence", ["account_id", "node_id"])


def _create_rings() -> None:
    op.create_table(
        "messaging_rings",
        *_texts("account_id", "ring_id", "task_id", "conversation_id", "consumer_id", "skill_id", "user_pid", "state"),
        sa.Column("is_suggestion", sa.Boolean, nullable=False),
        sa.Column("weight", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("account_id", "ring_id", name=op.f("pk_messaging_rings")),
        sqlite_with_rowid=False,
    )
    waiting = "state = 'WAITING'"
    conversation = ["account_id", "conversation_id"]
    _index("ux_messaging_rings_waiting", "messaging_rings", conversation, waiting, unique=True)
    _index("ix_messaging_rings_agent", "messaging_rings", ["account_id", "user_pid"], waiting)
    _index("ix_messaging_rings_expiry", "messaging_rings", ["expires_at"], waiting)
    op.create_index("ix_messaging_rings_ended", "messaging_rings", ["ended_at"])
