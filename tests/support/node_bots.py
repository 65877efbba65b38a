"""Bots on the npm package ``node-agent-sdk``, run by Node.js against a node over TLS."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from support.node import ACCOUNT, PASSWORD, Node

PACKAGE = "node-agent-sdk@1.2.0"
_SECONDS = 30
_SOURCES = Path(__file__).parent / "bots"


def install_bots(folder: Path) -> Path:
    """Put the bots and what they need into a folder; skip where Node.js or its registry is not to be had."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node.js is not installed")
    for source in _SOURCES.glob("*.js"):
        shutil.copy(source, folder)
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--no-save", PACKAGE]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False)  # noqa: S603 - npm itself
    except subprocess.TimeoutExpired:
        pytest.skip("the npm registry does not answer")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install {PACKAGE}: {done.stderr[-300:]}")
    return folder


class Bot:
    """A bot that runs; what it tells is kept, in order."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.told: list[tuple[str, Any]] = []
        self.output: list[str] = []
        self._changed = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            text = line.decode("utf-8", "replace").rstrip()
            self.output.append(text)
            with suppress(ValueError):
                told = json.loads(text)
                self.told.append((told["what"], told.get("detail")))
            self._changed.set()
        self._changed.set()

    def all(self, what: str) -> list[Any]:
        """Everything that it told under this word."""
        return [detail for word, detail in self.told if word == what]

    async def hears(self, what: str, times: int = 1) -> Any:
        """Wait until it has told this; return the last detail."""
        async with asyncio.timeout(_SECONDS):
            while len(self.all(what)) < times:
                assert self._process.returncode is None, "\n".join(self.output)
                assert not self._reading.done(), "\n".join(self.output)
                self._changed.clear()
                await self._changed.wait()
        return self.all(what)[times - 1]

    async def stop(self) -> None:
        """End it."""
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()
        await self._reading


@asynccontextmanager
async def running_bot(folder: Path, name: str, node: Node, user: str, **given: str) -> AsyncIterator[Bot]:
    """Run one of the bots as a user of the node's account."""
    environment = os.environ | {
        "BOT_ACCOUNT": ACCOUNT,
        "BOT_USER": user,
        "BOT_PASSWORD": PASSWORD,
        "BOT_CSDS": f"localhost:{node.client.base_url.port}",
        "NODE_EXTRA_CA_CERTS": str(node.ca_file),
        "NODE_NO_WARNINGS": "1",
    }
    environment |= {f"BOT_{key.upper()}": value for key, value in given.items()}
    process = await asyncio.create_subprocess_exec(
        "node",
        str(folder / f"{name}.js"),
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    bot = Bot(process)
    try:
        yield bot
    finally:
        await bot.stop()
