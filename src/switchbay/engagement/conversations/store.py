"""Rows of who is in a conversation that began with an offer."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec
import sqlalchemy as sa

from switchbay.engagement.conversations.tables import subjects
from switchbay.infra.db import Tx
from switchbay.infra.db.lists import any_of, places
from switchbay.messaging.public import Conversation, Origin

Subject: TypeAlias = tuple[str, str]
"""An account's id and a name of a consumer."""


class Talk(msgspec.Struct, frozen=True):
    """An open conversation, and the offer that it began with, if it was one."""

    conversation_id: str
    campaign_id: int | None = None
    engagement_id: int | None = None


async def insert_subjects(tx: Tx, conversation: Conversation, origin: Origin, names: Collection[str]) -> None:
    """Remember who is in a conversation, by every name."""
    await tx.insert_many(
        subjects,
        [
            {
                "account_id": conversation.account_id,
                "subject": name,
                "conversation_id": conversation.conversation_id,
                "campaign_id": origin.campaign_id,
                "engagement_id": origin.engagement_id,
                "opened_at": conversation.started_at,
            }
            for name in sorted(set(names))
        ],
        ignore_conflicts=True,
    )


_forget: Final = sa.delete(subjects).where(
    subjects.c.account_id == sa.bindparam("account"), subjects.c.conversation_id == sa.bindparam("conversation")
)


async def delete_subjects(tx: Tx, ended: Sequence[Conversation]) -> None:
    """Forget who was in these conversations."""
    for one in ended:
        await tx.execute(_forget, {"account": one.account_id, "conversation": one.conversation_id})


@lru_cache(maxsize=64)
def _find(accounts: int, names: int) -> sa.Select[Any]:
    table = subjects.c
    return (
        sa.select(subjects)
        .where(table.account_id.in_(any_of("a", accounts)), table.subject.in_(any_of("s", names)))
        .order_by(table.opened_at, table.conversation_id)
    )


async def find_talks(tx: Tx, wanted: Collection[Subject]) -> Mapping[Subject, Talk]:
    """The newest open conversation of each of these consumers that has one."""
    if not wanted:
        return {}
    accounts, account_params = places("a", {account for account, _ in wanted})
    names, name_params = places("s", {name for _, name in wanted})
    rows = await tx.fetch(_find(accounts, names), {**account_params, **name_params})
    asked = set(wanted)
    return {
        subject: Talk(row["conversation_id"], row["campaign_id"], row["engagement_id"])
        for row in rows
        if (subject := (row["account_id"], row["subject"])) in asked
    }
