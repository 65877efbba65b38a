"""A node in a process of its own, made to be killed: publishes and delivers, and prints what it has committed.

Arguments: the database's address, the receiver's URL, the file with the authority's certificate.
"""

import asyncio
import sys
from itertools import count
from pathlib import Path

from support.webhooks_house import ACCOUNT, APP, CONTENT, Signing, owner_of
from switchbay.infra.db import open_database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import Randomness, SystemClock
from switchbay.infra.vault import Vault
from switchbay.webhooks.public import Endpoint, Notification, Webhooks, set_owner

LANES = 5


async def run(database_url: str, hook: str, ca_file: str) -> None:
    """Publish until killed."""
    db = await open_database(database_url, connections=4)
    clock = SystemClock()
    vault = Vault([("test", b"\x07" * 32)])
    egress = Egress(("127.0.0.0/8",), Path(ca_file))
    webhooks = Webhooks(db, clock, Randomness(), vault, egress, Signing(), retry_seconds=0.01)
    owner = owner_of(Endpoint(CONTENT, hook, (), 5))
    await db.write(lambda tx: set_owner(tx, vault, owner, clock.now_ms()))
    await webhooks.start()

    async def publish_to(lane: str) -> None:
        for number in count():
            body = f"{lane}/{number}"
            event = Notification(ACCOUNT, APP, lane, CONTENT, body.encode(), clock.now_ms())
            await db.write(lambda tx, event=event: webhooks.publish(tx, [event]))  # type: ignore[misc]  # bound early
            sys.stdout.write(body + "\n")
            sys.stdout.flush()

    await asyncio.gather(*(publish_to(f"c{place}") for place in range(LANES)))


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:4]))
