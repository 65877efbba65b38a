"""Asking a virus scanner about a file: ClamAV's daemon over a socket, or any command.

The daemon is spoken to by its INSTREAM command (clamd(8)): parts, each after its length in four bytes, a length of 0,
then one line, ``stream: OK`` or ``stream: … FOUND``. A command follows the exit codes of clamscan(1): 0 is clean, 1 is
infected, anything else is no answer. ``{file}`` in it stands for the file; without that it reads standard input.
"""

import asyncio
import os
import shlex
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from switchbay.kit.errors import AppError, Kind

_CHUNK_BYTES: Final = 64 * 1024
_ANSWER_BYTES: Final = 4_096
_CLEAN: Final = 0
_INFECTED: Final = 1
_FILE: Final = "{file}"


class ScanFailed(Exception):
    """The scanner has given no answer; the text says why."""


class Scanner(Protocol):
    """Something that knows bad files."""

    async def scan(self, path: Path) -> str | None:
        """The name of what is in the file, None if nothing is. Raises ``ScanFailed``."""
        ...


class Clamd:
    """ClamAV's daemon, at ``unix:/path`` or ``host:port``."""

    def __init__(self, address: str, seconds: float) -> None:
        self._socket, self._host, self._port = _read_address(address)
        self._seconds = seconds

    async def scan(self, path: Path) -> str | None:
        """Stream the file to the daemon."""
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._ask(path)
        except TimeoutError as error:
            raise ScanFailed(f"no answer within {self._seconds:g} s") from error
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ScanFailed(str(error) or type(error).__name__) from error
        name = answer.removeprefix("stream: ")
        if name == "OK":
            return None
        if name.endswith(" FOUND"):
            return name.removesuffix(" FOUND")
        raise ScanFailed(answer[:200] or "an empty answer")

    async def _ask(self, path: Path) -> str:
        if self._socket:
            reader, writer = await asyncio.open_unix_connection(self._socket, limit=_ANSWER_BYTES)
        else:
            reader, writer = await asyncio.open_connection(self._host, self._port, limit=_ANSWER_BYTES)
        try:
            with suppress(ConnectionError):
                await _stream(path, writer)
            answer = await reader.readuntil(b"\0")
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        return answer[:-1].decode("utf-8", "replace").strip()


async def _stream(path: Path, writer: asyncio.StreamWriter) -> None:
    """Send the file, or as much of it as the daemon wants: one that has seen enough answers and closes."""
    writer.write(b"zINSTREAM\0")
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while part := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            if writer.is_closing():
                return
            writer.write(len(part).to_bytes(4, "big") + part)
            await writer.drain()
    finally:
        file.close()
    if not writer.is_closing():
        writer.write(bytes(4))
        await writer.drain()


def _read_address(address: str) -> tuple[str, str, int]:
    if address.startswith("unix:"):
        return address.removeprefix("unix:"), "", 0
    try:
        parts = urlsplit("//" + address.removeprefix("tcp:"))
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port:
        raise AppError(
            Kind.INVALID, "file_scanner_malformed", "The address of clamd is written unix:/path/to/socket or host:port."
        )
    return "", host, port


class Command:
    """Any command, run without a shell and without this program's environment, which holds secrets."""

    def __init__(self, line: str, seconds: float) -> None:
        try:
            self._words = shlex.split(line)
        except ValueError as error:
            raise _malformed(str(error)) from error
        if not self._words:
            raise _malformed("it is empty")
        self._seconds = seconds

    async def scan(self, path: Path) -> str | None:
        """Run the command on the file."""
        words = [word.replace(_FILE, str(path)) for word in self._words]
        is_named = any(_FILE in word for word in self._words)
        try:
            code = await self._run(words, None if is_named else path)
        except TimeoutError as error:
            raise ScanFailed(f"the command did not end within {self._seconds:g} s") from error
        except OSError as error:
            raise ScanFailed(str(error)) from error
        if code == _CLEAN:
            return None
        if code == _INFECTED:
            return "refused by the scan command"
        raise ScanFailed(f"the command ended with {code}")

    async def _run(self, words: Sequence[str], standard_input: Path | None) -> int:
        given = await asyncio.to_thread(open, standard_input or os.devnull, "rb")
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=given,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ},
                start_new_session=True,
            )
        finally:
            given.close()
        try:
            async with asyncio.timeout(self._seconds):
                return await process.wait()
        except BaseException:
            with suppress(ProcessLookupError):  # with all that it has started
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise


def _malformed(reason: str) -> AppError:
    return AppError(Kind.INVALID, "file_scanner_malformed", f"The scan command cannot be used: {reason}.")
