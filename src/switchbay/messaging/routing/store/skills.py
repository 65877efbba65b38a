"""Rows of skills."""

from typing import Final

import sqlalchemy as sa

from switchbay.infra.db import Row, Tx
from switchbay.infra.db.door import Value
from switchbay.kit.record import Record
from switchbay.messaging.tables import agent_skills, conversations, skills

_ACCOUNT = skills.c.account_id == sa.bindparam("account_id")


class Skill(Record, frozen=True):
    """Something that agents know. ``skill_id`` is digits; ``created_at`` is in epoch milliseconds."""

    account_id: str
    skill_id: str
    name: str
    name_key: str
    description: str
    created_at: int


def _skill(row: Row) -> Skill:
    return Skill(
        row["account_id"], row["skill_id"], row["name"], row["name_key"], row["description"], row["created_at"]
    )


_all: Final = sa.select(skills).where(_ACCOUNT)
_one: Final = _all.where(skills.c.skill_id == sa.bindparam("skill_id"))


async def list_skills(tx: Tx, account_id: str) -> list[Skill]:
    """The skills of an account, the oldest first."""
    found = [_skill(row) for row in await tx.fetch(_all, {"account_id": account_id})]
    return sorted(found, key=lambda one: int(one.skill_id))


async def find_skill(tx: Tx, account_id: str, skill_id: str) -> Skill | None:
    """Read a skill."""
    row = await tx.fetch_one(_one, {"account_id": account_id, "skill_id": skill_id})
    return None if row is None else _skill(row)


async def insert_skill(tx: Tx, skill: Skill) -> None:
    """Store a new skill; ``UniqueViolation`` when its name is taken."""
    await tx.insert(skills, _row(skill) | {"created_at": skill.created_at})


async def save_skill(tx: Tx, skill: Skill) -> None:
    """Store what may change of a skill; ``UniqueViolation`` when its name is taken."""
    await tx.update_many(skills, [_row(skill)], keys=("account_id", "skill_id"))


def _row(skill: Skill) -> dict[str, Value]:
    return {
        "account_id": skill.account_id,
        "skill_id": skill.skill_id,
        "name": skill.name,
        "name_key": skill.name_key,
        "description": skill.description,
    }


_delete: Final = sa.delete(skills).where(_ACCOUNT, skills.c.skill_id == sa.bindparam("skill_id"))
_agents: Final = (
    sa.select(sa.func.count())
    .select_from(agent_skills)
    .where(agent_skills.c.account_id == sa.bindparam("account_id"), agent_skills.c.skill_id == sa.bindparam("skill_id"))
)
_open: Final = (
    sa.select(sa.func.count())
    .select_from(conversations)
    .where(
        conversations.c.account_id == sa.bindparam("account_id"),
        conversations.c.stage == sa.literal_column("'OPEN'"),  # as the index has it
        conversations.c.skill_id == sa.bindparam("skill_id"),
    )
)


async def delete_skill(tx: Tx, account_id: str, skill_id: str) -> None:
    """Forget a skill."""
    await tx.execute(_delete, {"account_id": account_id, "skill_id": skill_id})


async def count_uses(tx: Tx, account_id: str, skill_id: str) -> tuple[int, int]:
    """How many agents have a skill, and how many open conversations ask for it."""
    params = {"account_id": account_id, "skill_id": skill_id}
    agents = await tx.fetch_one(_agents, params)
    conversations_of = await tx.fetch_one(_open, params)
    return (0 if agents is None else int(agents[0]), 0 if conversations_of is None else int(conversations_of[0]))
