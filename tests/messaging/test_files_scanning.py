"""Uploads are shown to a virus scanner: a daemon over real sockets, a command in a real process."""

# ruff: noqa: ASYNC240 - tests wait for the disk

import asyncio
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.clamd import EICAR, Daemon, Manner, clamd
from support.files_house import TEXT, address, announce, get, noise, put, stored, want
from support.messaging_stage import Stage, stage_on
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.kit.errors import AppError
from switchbay.messaging.files.scanning import Clamd, Command, ScanFailed, Scanner
from switchbay.messaging.files.transfer import Rules

INFECTED = b"before " + EICAR + b" after"


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A file to scan."""
    path = tmp_path / "sample"
    path.write_bytes(TEXT)
    return path


# The daemon


@pytest.mark.parametrize("over", ["tcp", "unix"])
async def test_the_daemon_is_shown_every_byte_and_names_what_it_finds(tmp_path: Path, sample: Path, over: str) -> None:
    daemon = Daemon()
    async with clamd(daemon, tmp_path / "clamd.ctl" if over == "unix" else None) as setting:
        scanner = Clamd(setting, 5)
        assert await scanner.scan(sample) is None
        sample.write_bytes(INFECTED)
        assert await scanner.scan(sample) == "Eicar-Test-Signature"
        large = noise((700, 500))
        sample.write_bytes(large)
        assert await scanner.scan(sample) is None
    assert daemon.seen == [TEXT, INFECTED, large]


@pytest.mark.parametrize(
    ("manner", "reason"),
    [("silent", "no answer within"), ("closing", "."), ("nonsense", "stream: perhaps"), ("endless", "limit")],
)
async def test_a_daemon_that_gives_no_answer(sample: Path, manner: Manner, reason: str) -> None:
    async with clamd(Daemon(manner)) as setting:
        with pytest.raises(ScanFailed, match=reason):
            await Clamd(setting, 0.2).scan(sample)


async def test_a_daemon_that_takes_no_files_of_this_size_has_not_found_them_clean(sample: Path) -> None:
    sample.write_bytes(noise((700, 500)))
    async with clamd(Daemon(most=1_000)) as setting:
        with pytest.raises(ScanFailed):  # it may close before its reason is read
            await Clamd(setting, 5).scan(sample)


async def test_a_daemon_that_is_not_there(tmp_path: Path, sample: Path) -> None:
    for setting in ("127.0.0.1:1", f"unix:{tmp_path}/none"):
        with pytest.raises(ScanFailed):
            await Clamd(setting, 5).scan(sample)


@pytest.mark.parametrize("setting", ["clamav", "clamav:", ":3310", "clamav:x", "clamav:99999", "[::1"])
def test_the_address_of_a_daemon_is_a_socket_or_a_host_and_port(setting: str) -> None:
    with pytest.raises(AppError) as caught:
        Clamd(setting, 5)
    assert caught.value.code == "file_scanner_malformed"


# The command

_SCRIPT = f"""#!{sys.executable}
import os, sys, time
given = open(sys.argv[1], "rb").read() if len(sys.argv) > 1 else sys.stdin.buffer.read()
if "SWITCHBAY_MASTER_KEYS" in os.environ:
    sys.exit(9)
if given == b"slow":
    if os.fork() == 0:
        time.sleep(60)
    time.sleep(60)
sys.stdout.write("x" * 1_000_000)
sys.exit(1 if b"EICAR" in given else 2 if given == b"odd" else 0)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A scanner of the operator's own."""
    path = tmp_path / "my scanner"
    path.write_text(_SCRIPT)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize("arguments", [" {file}", ""], ids=["named", "standard input"])
async def test_a_command_says_by_its_exit_code_what_it_finds(
    sample: Path, script: Path, arguments: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWITCHBAY_MASTER_KEYS", "secret")
    scanner = Command(f"'{script}'{arguments}", 20)
    assert await scanner.scan(sample) is None
    sample.write_bytes(INFECTED)
    assert await scanner.scan(sample) == "refused by the scan command"
    sample.write_bytes(b"odd")
    with pytest.raises(ScanFailed, match="ended with 2"):
        await scanner.scan(sample)


async def test_a_command_that_does_not_end_is_ended_with_all_that_it_has_started(sample: Path, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    line = f"sh -c 'sleep 60 & echo $! $$ > {pids}; wait'"
    with pytest.raises(ScanFailed, match=r"did not end within 0\.5 s"):
        await Command(line, 0.5).scan(sample)
    async with asyncio.timeout(20):
        while any(is_running(pid) for pid in pids.read_text().split()):  # noqa: ASYNC110 - only the kernel knows
            await asyncio.sleep(0.01)


def is_running(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


async def test_a_command_that_cannot_be_run(sample: Path, tmp_path: Path) -> None:
    with pytest.raises(ScanFailed):
        await Command(f"{tmp_path}/none {{file}}", 5).scan(sample)
    for line in ("'", " "):
        with pytest.raises(AppError) as caught:
            Command(line, 5)
        assert caught.value.code == "file_scanner_malformed"


# Uploads


@asynccontextmanager
async def scanned(db: Database, clock: ManualClock, scanner: Scanner, *, needs: bool = True) -> AsyncIterator[Stage]:
    async with stage_on(db, clock, Randomness(), scanner=scanner, rules=Rules(needs_scan=needs)) as stage:
        yield stage


async def test_an_infected_upload_is_refused_deleted_and_its_address_used_up(db: Database, clock: ManualClock) -> None:
    async with clamd(Daemon()) as setting, scanned(db, clock, Clamd(setting, 5)) as stage:
        path, query = address(await announce(stage, 1_000))
        refused = await put(stage, path, query, INFECTED)
        assert refused.status_code == 422
        assert refused.json()["error"] == {
            "code": "file_infected",
            "message": "The virus scanner refuses the file.",
            "detail": {"found": "Eicar-Test-Signature"},
        }
        assert stored(stage) == []
        assert (await want(stage, path)).error == 40421
        assert (await put(stage, path, query, TEXT)).status_code == 401
        path, query = address(await announce(stage, 1_000))
        assert (await put(stage, path, query, TEXT)).status_code == 201
        assert (await get(stage, path)).content == TEXT


async def test_without_an_answer_of_the_scanner_no_file_is_taken(sqlite_db: Database, clock: ManualClock) -> None:
    async with scanned(sqlite_db, clock, Clamd("127.0.0.1:1", 5)) as stage:
        path, query = address(await announce(stage, 1_000))
        refused = await put(stage, path, query, TEXT)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "file_scan_unavailable")
        assert (refused.headers["retry-after"], stored(stage)) == ("5", [])
        assert (await want(stage, path)).error == 40921


async def test_the_operator_may_have_files_taken_unseen(sqlite_db: Database, clock: ManualClock) -> None:
    async with scanned(sqlite_db, clock, Clamd("127.0.0.1:1", 5), needs=False) as stage:
        path, query = address(await announce(stage, 1_000))
        assert (await put(stage, path, query, TEXT)).status_code == 201
