"""Background steps of the messaging room: forgetting old answers, closing what is silent."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Final

from switchbay.accounts.public import Account
from switchbay.infra.db import Database
from switchbay.kit.errors import AppError
from switchbay.messaging import store
from switchbay.messaging.domain import Command, Conversation, SystemCaller
from switchbay.messaging.domain.closing import overdue

_PAGE: Final = 200
_TIMEOUT: Final = SystemCaller("TIMEOUT")


async def purge_once(db: Database, now: int, keep_seconds: int) -> int:
    """Forget one portion of the answers that are older than ``keep_seconds``; return how many there were."""
    before = now - keep_seconds * 1_000
    return await db.write(lambda tx: store.purge_outcomes(tx, before))


async def close_silent_once(
    db: Database,
    now: int,
    get_account: Callable[[str], Awaitable[Account]],
    submit: Callable[[Command], Awaitable[object]],
) -> int:
    """Close the conversations and surveys that have been silent for as long as their accounts allow.

    Several nodes may do this at once: what one has closed, the other finds closed. Returns how many it closed.
    """
    closed = 0
    async for conversation in _open_conversations(db, now):
        account = await get_account(conversation.account_id)
        step = overdue(conversation, now, account.auto_close_seconds, account.survey_seconds)
        if step is None:
            continue
        command = Command(conversation.account_id, _TIMEOUT, conversation.conversation_id, (step,))
        try:
            await submit(command)
        except AppError:
            continue  # somebody was faster
        closed += 1
    return closed


async def _open_conversations(db: Database, now: int) -> AsyncIterator[Conversation]:
    after = ("", 0, "")
    while True:
        page = await db.read(partial(store.list_open, after=after, until=now, most=_PAGE))
        for one in page:
            yield one
        if len(page) < _PAGE:
            return
        after = (page[-1].account_id, page[-1].started_at, page[-1].conversation_id)
