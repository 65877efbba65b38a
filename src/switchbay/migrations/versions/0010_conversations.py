"""The life of conversations: skill, revision and facts of each; who takes part; what happened; who waits."""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_PAGE = 1_000
_TEXT_KEY = ("account_id", "participant_id", "conversation_id")


def upgrade() -> None:
    """Add the columns and the tables, and fill them from the conversations that are there."""
    op.add_column("messaging_conversations", sa.Column("skill_id", sa.Text, nullable=False, server_default="-1"))
    op.add_column("messaging_conversations", sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("messaging_conversations", sa.Column("facts", sa.Text))
    op.create_index(
        "ix_messaging_conversations_open",
        "messaging_conversations",
        ["account_id", "started_at", "conversation_id"],
        sqlite_where=sa.text("stage = 'OPEN'"),
        postgresql_where=sa.text("stage = 'OPEN'"),
    )
    op.add_column("accounts", sa.Column("survey_app", sa.Text, nullable=False, server_default=""))
    op.add_column("accounts", sa.Column("survey_seconds", sa.Integer, nullable=False, server_default="3600"))
    op.add_column("accounts", sa.Column("auto_close_seconds", sa.Integer, nullable=False, server_default="0"))
    participants = _create_participants()
    _create_moves()
    queue = _create_queue()
    _fill(participants, queue)


def _create_participants() -> sa.Table:
    table = op.create_table(
        "messaging_participants",
        *(sa.Column(name, sa.Text, nullable=False) for name in _TEXT_KEY),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint(*_TEXT_KEY, name=op.f("pk_messaging_participants")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_messaging_participants_open", "messaging_participants", ["account_id", "participant_id", "is_open"]
    )
    op.create_index(
        "ix_messaging_participants_conversation", "messaging_participants", ["account_id", "conversation_id"]
    )
    return table


def _create_moves() -> None:
    op.create_table(
        "messaging_moves",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("place", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("actor_id", sa.Text, nullable=False),
        sa.Column("dialog_id", sa.Text, nullable=False),
        sa.Column("participant_id", sa.Text),
        sa.Column("role", sa.Text),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.PrimaryKeyConstraint("account_id", "conversation_id", "revision", "place", name=op.f("pk_messaging_moves")),
        sqlite_with_rowid=False,
    )


def _create_queue() -> sa.Table:
    table = op.create_table(
        "messaging_queue",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("skill_id", sa.Text, nullable=False),
        sa.Column("suggested_pid", sa.Text),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("weight", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "conversation_id", name=op.f("pk_messaging_queue")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_messaging_queue_weight", "messaging_queue", ["account_id", "weight", "conversation_id"])
    return table


def _fill(participants: sa.Table, queue: sa.Table) -> None:
    connection = op.get_bind()
    for row in _conversations(connection):
        key = {"account_id": row.account_id, "conversation_id": row.conversation_id}
        skill_id = str(json.loads(row.opening).get("skillId", "-1"))
        if skill_id != "-1":
            connection.execute(
                sa.text(
                    "UPDATE messaging_conversations SET skill_id = :skill_id"
                    " WHERE account_id = :account_id AND conversation_id = :conversation_id"
                ),
                key | {"skill_id": skill_id},
            )
        dialogs = json.loads(row.dialogs)
        roles: dict[str, str] = {}
        for dialog in dialogs:
            for one in dialog["participants"]:
                roles.setdefault(one["id"], one["role"])
        connection.execute(
            participants.insert(),
            [
                key | {"participant_id": one, "role": role, "state": "ACTIVE", "is_open": row.stage == "OPEN"}
                for one, role in roles.items()
            ],
        )
        main = dialogs[0]
        if main["state"] == "OPEN" and all(one["role"] != "ASSIGNED_AGENT" for one in main["participants"]):
            waits = {"skill_id": skill_id, "since": row.updated_at, "weight": row.updated_at + row.ttr_seconds * 1_000}
            connection.execute(queue.insert(), key | waits)


def _conversations(connection: sa.Connection) -> Iterator[Any]:
    """All conversations, a page at a time."""
    page = sa.text(
        "SELECT account_id, conversation_id, stage, opening, dialogs, updated_at, ttr_seconds"
        " FROM messaging_conversations WHERE (account_id, conversation_id) > (:account_id, :conversation_id)"
        " ORDER BY account_id, conversation_id LIMIT :most"
    )
    after = {"account_id": "", "conversation_id": "", "most": _PAGE}
    while rows := connection.execute(page, after).all():
        yield from rows
        after |= {"account_id": rows[-1].account_id, "conversation_id": rows[-1].conversation_id}
