"""Every command explains itself: an example in its help, ``--json``, a section of the reference with every option."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from switchbay import __version__
from switchbay.cli.lazy import COMMANDS
from switchbay.cli.main import app

_REFERENCE = Path(__file__).parent.parent.parent / "docs" / "reference" / "cli.md"
_HELP_OPTIONS = {"--help", "-h", "--install-completion", "--show-completion", "--version"}


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below one, loaded, by its words."""
    names = command.list_commands(None) if hasattr(command, "list_commands") else []
    if not names:
        yield path, command
    for name in names:
        yield from _commands(command.get_command(None, name), (*path, name))


ALL = dict(_commands(get_command(app)))
_WORDS = [pytest.param(words, id=" ".join(words)) for words in ALL]


def _options(command: Any) -> set[str]:
    return {name for option in command.params for name in (*option.opts, *option.secondary_opts) if name[0] == "-"}


def test_the_promised_commands_exist() -> None:
    words = {" ".join(words) for words in ALL}
    assert words >= {"serve", "init", "listen", "message send", "manifest check", "manifest schema", "manifest diff"}
    assert words >= {f"apps {name}" for name in ("install", "list", "show", "update", "enable", "disable", "uninstall")}
    assert words >= {"apps rotate-secret", "deliveries list", "deliveries show", "manifest export"}


@pytest.mark.parametrize("words", _WORDS)
def test_help_has_an_example_of_the_command(runner: CliRunner, words: tuple[str, ...]) -> None:
    result = runner.invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    examples = result.stdout.partition("Examples:\n")[2].partition("\n\n")[0]
    assert f"switchbay {' '.join(words)}" in examples


@pytest.mark.parametrize("words", _WORDS)
def test_command_can_print_json(words: tuple[str, ...]) -> None:
    assert "--json" in _options(ALL[words])


@pytest.mark.parametrize("words", _WORDS)
def test_every_option_has_a_help_text(words: tuple[str, ...]) -> None:
    assert [option.name for option in ALL[words].params if not option.help and option.name != "help"] == []


@pytest.mark.parametrize("words", _WORDS)
def test_command_is_documented_with_every_option(words: tuple[str, ...]) -> None:
    text = _REFERENCE.read_text()
    heading = f"### `switchbay {' '.join(words)}`\n"
    assert heading in text
    section = re.split(r"^##+ ", text.partition(heading)[2], maxsplit=1, flags=re.MULTILINE)[0]
    shared = text.partition("## Options that many commands share")[2].partition("\n## ")[0]
    missing = [
        name for name in _options(ALL[words]) - _HELP_OPTIONS if f"`{name}" not in section and f"`{name}" not in shared
    ]
    assert sorted(missing) == []


def test_no_command_is_documented_that_does_not_exist() -> None:
    headings = re.findall(r"^### `switchbay ([^`]*)`$", _REFERENCE.read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(" ".join(words) for words in ALL)


@pytest.mark.parametrize("name", COMMANDS)
def test_list_of_commands_says_what_the_command_says(name: str) -> None:
    loaded: Any = get_command(app)
    first = loaded.get_command(None, name).help.partition(".")[0].partition(":")[0]
    assert COMMANDS[name].help.startswith(first)


def test_every_exit_code_is_documented() -> None:
    text = _REFERENCE.read_text()
    assert re.findall(r"^\| (\d+) \|", text, re.MULTILINE) == ["0", "1", "2", "3", "4", "5", "6", "70", "130"]


def test_misspelt_command_gets_a_suggestion(runner: CliRunner) -> None:
    result = runner.invoke(app, ["manifst"])
    assert (result.exit_code, "Did you mean 'manifest'?" in result.stderr) == (2, True)


def test_version_is_printed(runner: CliRunner) -> None:
    assert runner.invoke(app, ["--version"]).stdout == f"{__version__}\n"


def _python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("typed", "proposed"),
    [("switchbay dep", set()), ("switchbay de", {"deliveries"}), ("switchbay apps un", {"uninstall"})],
)
def test_shell_completion_proposes_commands(typed: str, proposed: set[str]) -> None:
    words = typed.split()
    environment = {
        "_SWITCHBAY_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
    }
    code = "import sys; sys.argv = ['switchbay']; from switchbay.cli.main import app; app(prog_name='switchbay')"
    assert set(_python("-c", code, **environment).stdout.split()) == proposed


def test_help_and_commands_without_a_server_load_no_database_library() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from switchbay.cli.main import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "assert CliRunner().invoke(app, ['manifest', 'check', '--help']).exit_code == 0\n"
        "assert CliRunner().invoke(app, ['content', 'check', '--help']).exit_code == 0\n"
        "print([name for name in ('sqlalchemy', 'alembic', 'fastapi') if name in sys.modules])"
    )
    assert _python("-c", code).stdout == "[]\n"


def test_module_runs_as_a_program() -> None:
    finished = _python("-m", "switchbay", "--version")
    assert (finished.returncode, finished.stdout) == (0, f"{__version__}\n")
