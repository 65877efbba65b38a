"""The demo, as a newcomer runs it: it succeeds, says so by its exit code, and leaves no process behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent.parent


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-u", "-m", "examples.demo", "--folder", str(folder), *arguments],
        cwd=_ROOT,
        env={**os.environ, "SWITCHBAY_PORT": "nonsense"},  # settings of the surroundings do not matter
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def children(process: subprocess.Popen[str]) -> list[str]:
    return Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()


def test_demo_runs_once_and_again_on_its_data(tmp_path: Path) -> None:
    for arguments in (["--once"], ["--once", "--keep"]):
        process = start(tmp_path, *arguments)
        out, _ = process.communicate(timeout=120)
        assert (process.returncode, out.count("  signature ok  ")) == (0, 11), out
        assert "all 11 events arrived in order, every signature ok" in out
        assert "says: Signed in as Anna" in out
        assert "signed in once, launched with a click, signed out everywhere" in out
        assert "the web messenger's page, script, sign-up and socket work" in out


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="child processes are looked up in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_that_is_stopped_ends_its_children(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if "the agent is" in line:
            break
    started = children(process)
    for _ in range(3):  # as people press Ctrl-C
        process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(started) == 5
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    first = start(tmp_path)
    assert first.stdout is not None
    try:
        for line in first.stdout:
            if "switchbay init" in line:
                break
        second = start(tmp_path, "--once")
        out, _ = second.communicate(timeout=60)
        assert (second.returncode, "another demo is running" in out) == (1, True)
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)
