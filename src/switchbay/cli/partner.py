"""The second process of a node that answers and delivers: it delivers, so that each half has an interpreter of its own.

It is forked before anything runs, shares the memory of what is loaded by then, and ends when the link does: told to,
or because the first process is gone. Neither does without the other: when it ends by itself, the node ends.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence

import structlog

from switchbay import assembly
from switchbay.cli import servers
from switchbay.infra.db.turns import Turns
from switchbay.infra.link import Link
from switchbay.infra.settings import Settings
from switchbay.infra.vault import Vault

_LOOK_AGAIN_SECONDS = 0.02
_log = structlog.get_logger("serve")


class Partner:
    """The delivering process, as the answering one knows it. What is public is for building the latter's platform."""

    def __init__(self, pid: int, link: Link, turns: Turns, vault: Vault) -> None:
        self._pid = pid
        self.link = link
        self.turns = turns
        self.vault = vault
        self.is_lost = False
        self._watch: asyncio.Task[None] | None = None

    async def open(self, *, on_loss: Callable[[], None]) -> None:
        """Begin to talk to it; ``on_loss`` is called when it ends by itself."""
        await self.link.open()

        async def watch() -> None:
            await self.link.over.wait()
            self.is_lost = True
            on_loss()

        self._watch = asyncio.create_task(watch(), name="delivery-process")

    async def end(self, grace_seconds: float) -> None:
        """Let it finish what is under way; kill it when that takes too long."""
        if self._watch is not None:
            self._watch.cancel()
        self.link.close()
        until = time.monotonic() + grace_seconds
        while time.monotonic() < until:
            if os.waitpid(self._pid, os.WNOHANG)[0]:  # noqa: ASYNC222 - it does not wait
                return
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        _log.error("the delivering process did not end in time")
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)  # noqa: ASYNC222 - it is over


def start_partner(settings: Settings, sockets: Sequence[socket.socket]) -> Partner:
    """Fork the process that delivers; ``sockets`` are those that it has no part in. No thread may be running."""
    vault = assembly.open_vault(settings)  # of two that find no key each would make one
    turns = Turns()
    mine, its = socket.socketpair()
    gc.collect()
    gc.freeze()  # the collector would write to memory that is shared
    pid = os.fork()
    if pid:
        its.close()
        return Partner(pid, Link(mine), turns, vault)
    code = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the first process gets them, too, and says when it is time
        for each in (mine, *sockets):
            each.close()
        servers.run_async(_deliver(settings, Link(its), turns, vault))
        code = 0
    except BaseException:  # noqa: BLE001 - it must not return into its parent's code
        _log.exception("the delivering process failed")
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


async def _deliver(settings: Settings, link: Link, turns: Turns, vault: Vault) -> None:
    platform = await assembly.build(settings.as_role("dispatcher"), vault=vault, link=link, turns=turns)
    await link.open()
    try:
        await platform.start()
        await link.over.wait()
    finally:
        await platform.stop()
