"""``content …``: lines and exit codes, over the examples and hostile texts."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from switchbay.cli.main import app

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "examples" / "content").glob("*.json"))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_examples_have_no_findings(runner: CliRunner, example: Path) -> None:
    result = runner.invoke(app, ["content", "check", str(example)])
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "valid: 0 errors, 0 warnings\n")


def test_each_finding_has_a_line_with_its_place(runner: CliRunner) -> None:
    text = '{"type": "vertical",\n "elements": [\n  {"type": "text", "text": 1},\n  {"type": "txt"}]}'
    result = runner.invoke(app, ["content", "check", "-"], input=text)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "-:3:28 error type /elements/0/text text is a number, not a string",
        (
            '-:4:12 warning unknown_element /elements/1/type an element of the type "txt" is not known, so clients '
            "may do nothing with it; did you mean text?"
        ),
    ]
    assert result.stderr == "invalid: 1 error, 1 warning\n"


def test_json_is_the_whole_report(runner: CliRunner) -> None:
    result = runner.invoke(app, ["content", "check", "-", "--json"], input='{"type": "text"}')
    report = json.loads(result.stdout)
    assert (result.exit_code, report["valid"], report["issues"][0]["path"]) == (1, False, "/text")


def test_fix_prints_the_content_mended(runner: CliRunner) -> None:
    text = '{"type": "vertical", "elements": [{"type": "text", "text": 7}, {"type": "txt", "text": "a"}]}'
    result = runner.invoke(app, ["content", "check", "-", "--fix"], input=text)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "type": "vertical",
        "elements": [{"type": "text", "text": "7"}, {"type": "text", "text": "a"}],
    }
    assert result.stderr.splitlines()[0].startswith("-:1:60 error type /elements/0/text")
    assert result.stderr.splitlines()[-2:] == [
        "invalid: 1 error, 1 warning",
        "after mending: 0 errors, 0 warnings",
    ]


def test_what_cannot_be_mended_ends_with_1(runner: CliRunner) -> None:
    result = runner.invoke(app, ["content", "check", "-", "--fix"], input='{"type": "button"}')
    assert (result.exit_code, json.loads(result.stdout)["type"]) == (1, "button")
    assert result.stderr.endswith("after mending: 1 error, 1 warning\n")
    broken = runner.invoke(app, ["content", "check", "-", "--fix"], input="{")
    assert (broken.exit_code, broken.stdout) == (1, "")
    assert broken.stderr.endswith("the text cannot be read as JSON, so it cannot be mended\n")


@pytest.mark.parametrize("text", [b"", b"\xff", b"[" * 100_000, b" " * 300_000])
def test_hostile_text_is_a_finding(runner: CliRunner, text: bytes) -> None:
    assert runner.invoke(app, ["content", "check", "-"], input=text).exit_code == 1


def test_control_characters_do_not_reach_the_terminal(runner: CliRunner) -> None:
    result = runner.invoke(app, ["content", "check", "-"], input='{"type": "text", "text": "a", "x\\u001b": 1}')
    assert "\x1b" not in result.stdout + result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_a_file_that_cannot_be_read_ends_with_2(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["content", "check", str(tmp_path / "none.json")])
    assert result.exit_code == 2
    assert result.stderr.endswith("(content_unreadable)\n")


def test_schema_is_printed(runner: CliRunner) -> None:
    result = runner.invoke(app, ["content", "schema"])
    assert json.loads(result.stdout)["$id"] == "urn:switchbay:schema:structured-content"
