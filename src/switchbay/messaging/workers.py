"""Background steps of the messaging room: forgetting answers that nobody may ask for again."""

from switchbay.infra.db import Database
from switchbay.messaging import store


async def purge_once(db: Database, now: int, keep_seconds: int) -> int:
    """Forget one portion of the answers that are older than ``keep_seconds``; return how many there were."""
    before = now - keep_seconds * 1_000
    return await db.write(lambda tx: store.purge_outcomes(tx, before))
