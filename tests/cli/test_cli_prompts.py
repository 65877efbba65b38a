"""Questions at a terminal: passwords are asked for twice, never shown, and can be made up."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest


def at_terminal(tmp_path: Path, answers: list[tuple[str, str]], *arguments: str) -> tuple[int, str, str]:
    """Run a command at a terminal of its own; type each answer when its question was asked.

    Returns the exit code, standard output, and what the terminal showed.
    """
    ours, theirs = os.openpty()
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "switchbay", *arguments],
        cwd=tmp_path,
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # without a controlling terminal questions come over standard input and error
    )
    os.close(theirs)
    shown = b""
    waiting = list(answers)
    try:
        while select.select([ours], [], [], 30)[0]:  # else the test fails below rather than wait for ever
            try:
                shown += os.read(ours, 4096)
            except OSError:  # the other side was closed: the command has ended
                break
            asked = shown.rpartition(b"\n")[2]
            # What is typed before the last space of a question is thrown away with the echo.
            if waiting and waiting[0][0].encode() in asked and asked.endswith(b": "):
                os.write(ours, waiting.pop(0)[1].encode() + b"\n")
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        os.close(ours)
    assert waiting == []
    return process.returncode, out, shown.decode()


def test_password_is_asked_for_twice_and_not_shown(tmp_path: Path) -> None:
    answers = [("Password", "correct horse"), ("Once more", "correct horse")]
    code, out, shown = at_terminal(tmp_path, answers, "init", "--data-dir", "data")
    assert (code, "correct horse" in out + shown, "made up" in shown) == (0, False, False)


def test_two_different_passwords_are_refused_and_no_user_is_made(tmp_path: Path) -> None:
    answers = [("Password", "correct horse"), ("Once more", "battery staple")]
    code, _, shown = at_terminal(tmp_path, answers, "init", "--data-dir", "data")
    assert (code, "(passwords_differ)" in shown) == (1, True)
    code, out, _ = at_terminal(tmp_path, [], "user", "list", "demo", "--data-dir", "data", "--json")
    assert (code, out) == (0, "[]\n")


def test_empty_password_has_one_made_up(tmp_path: Path) -> None:
    code, out, shown = at_terminal(tmp_path, [("Password", "")], "init", "--data-dir", "data")
    assert (code, "made up and is shown only now" in shown) == (0, True)
    assert len(out.splitlines()[-1].removeprefix("password").strip()) == 26


@pytest.mark.parametrize(
    "arguments", [("login", "--user", "ada", "--account", "demo", "--server", "https://localhost:1")]
)
def test_password_of_a_login_is_asked_for(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, out, shown = at_terminal(tmp_path, [("Password of ada", "correct horse")], *arguments)
    assert (code, "(server_unreachable)" in shown, "correct horse" in out + shown) == (6, True, False)
