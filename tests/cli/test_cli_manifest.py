"""``manifest …``: lines and exit codes, over the two examples and hostile texts."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from switchbay.cli.main import app

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "manifests" / "custom-connector.json"
FILLED = ["--set", "YOUR_APPLICATION_DOMAIN=app.example.com", "--set", "CALLBACK_PATH=cb"]


def written(tmp_path: Path, document: object, name: str = "app.json") -> str:
    path = tmp_path / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return str(path)


def test_unfilled_example_gives_one_line_for_each_finding_and_exit_code_1(runner: CliRunner) -> None:
    result = runner.invoke(app, ["manifest", "check", str(EXAMPLE)])
    assert result.exit_code == 1
    errors = [line for line in result.stdout.splitlines() if " error " in line]
    assert [line.removeprefix(str(EXAMPLE)).split(" ", 4)[:4] for line in errors] == [
        [":12:5", "error", "unfilled_placeholder", "/redirect_uris/0"],
        [":12:5", "error", "unfilled_placeholder", "/redirect_uris/0"],
    ]
    assert "--set YOUR_APPLICATION_DOMAIN=" in result.stderr


def test_filled_example_is_valid(runner: CliRunner) -> None:
    result = runner.invoke(app, ["manifest", "check", str(EXAMPLE), *FILLED])
    assert (result.exit_code, " error " in result.stdout) == (0, False)


def test_json_is_the_whole_report(runner: CliRunner) -> None:
    result = runner.invoke(app, ["manifest", "check", str(EXAMPLE), "--json"])
    report = json.loads(result.stdout)
    assert (result.exit_code, report["valid"], report["summary"]["errors"]) == (1, False, 2)


def test_dash_reads_standard_input(runner: CliRunner) -> None:
    result = runner.invoke(app, ["manifest", "check", "-"], input='{"client_name": "a",}')
    assert result.exit_code == 1
    assert result.stdout.startswith("-:1:20 error json_trailing_comma")


@pytest.mark.parametrize(
    "text", [b"", b"\xff", b"[" * 100_000, b"{" + b" " * 300_000, b'{"client_name":"\xed\xa0\x80"}']
)
def test_hostile_text_is_a_finding(runner: CliRunner, text: bytes) -> None:
    assert runner.invoke(app, ["manifest", "check", "-"], input=text).exit_code == 1


def test_control_characters_in_a_manifest_do_not_reach_the_terminal(runner: CliRunner, tmp_path: Path) -> None:
    file = written(tmp_path, {"client_name": "a", "x\x1b[2J": 1, "client_nam\x1b": 2})
    result = runner.invoke(app, ["manifest", "check", file])
    assert "\x1b" not in result.stdout + result.stderr
    assert result.stdout != ""


@pytest.mark.parametrize("file", ["missing.json", ".", "a\x00b"])
def test_unreadable_file_means_could_not_run(runner: CliRunner, file: str) -> None:
    result = runner.invoke(app, ["manifest", "check", file])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith("(manifest_unreadable)\n")


def test_malformed_variable_is_wrong_usage(runner: CliRunner) -> None:
    assert runner.invoke(app, ["manifest", "check", str(EXAMPLE), "--set", "NAME"]).exit_code == 2


def test_strict_refuses_an_unknown_member(runner: CliRunner, tmp_path: Path) -> None:
    file = written(tmp_path, {"client_name": "a", "colour": "red"})
    assert runner.invoke(app, ["manifest", "check", file]).exit_code == 0
    assert runner.invoke(app, ["manifest", "check", file, "--strict"]).exit_code == 1


def test_dev_and_scope_widen_what_is_accepted(runner: CliRunner, tmp_path: Path) -> None:
    event = "ms.MessagingEventNotification.ContentEvent"
    webhooks = {event: {"endpoint": "http://localhost:9443/hook"}}
    file = written(
        tmp_path, {"client_name": "a", "scope": "msg.consumer own.scope", "capabilities": {"webhooks": webhooks}}
    )
    assert runner.invoke(app, ["manifest", "check", file]).exit_code == 1
    assert runner.invoke(app, ["manifest", "check", file, "--dev", "--scope", "own.scope"]).exit_code == 0


def test_fix_prints_a_document_that_is_valid(runner: CliRunner, tmp_path: Path) -> None:
    file = written(tmp_path, {"client_name": "a", "response_types": "code", "redirect_uris": ["https://a.example/cb"]})
    before = runner.invoke(app, ["manifest", "check", file])
    mended = runner.invoke(app, ["manifest", "check", file, "--fix"])
    after = runner.invoke(app, ["manifest", "check", "-"], input=mended.stdout)
    assert (before.exit_code, mended.exit_code, after.exit_code) == (1, 0, 0)


def test_fix_of_what_is_not_json_prints_nothing(runner: CliRunner) -> None:
    result = runner.invoke(app, ["manifest", "check", "-", "--fix"], input="{")
    assert (result.exit_code, result.stdout) == (1, "")


def test_schema_is_a_json_schema(runner: CliRunner) -> None:
    result = runner.invoke(app, ["manifest", "schema"])
    assert json.loads(result.stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_diff_says_what_widens_first_and_shows_no_header_value(runner: CliRunner, tmp_path: Path) -> None:
    event = "ms.MessagingEventNotification.ContentEvent"

    def manifest(host: str, value: str) -> dict[str, object]:
        headers = [{"header_name": "X-Key", "header_value": value}]
        webhooks = {event: {"endpoint": f"https://{host}/", "headers": headers}}
        return {"client_name": "a", "scope": "msg.consumer", "capabilities": {"webhooks": webhooks}}

    old = written(tmp_path, manifest("a.example", "s3cret-one"), "old.json")
    new = written(tmp_path, manifest("b.example", "s3cret-two"), "new.json")
    result = runner.invoke(app, ["manifest", "diff", old, new, "--exit-code"])
    assert result.exit_code == 1
    first, second = result.stdout.splitlines()
    assert first == "! sends ContentEvent to new host b.example (was a.example)"
    assert (second.startswith("  "), "x-key" in second.lower(), "s3cret" in result.output) == (True, True, False)
    assert runner.invoke(app, ["manifest", "diff", old, old, "--exit-code"]).exit_code == 0


def test_diff_of_an_invalid_manifest_is_refused_with_its_findings(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["manifest", "diff", written(tmp_path, {}), str(EXAMPLE)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "(manifest_invalid)" in result.stderr


def test_export_masks_header_values_unless_asked(runner: CliRunner) -> None:
    masked = json.loads(runner.invoke(app, ["manifest", "export", str(EXAMPLE), *FILLED]).stdout)
    plain = json.loads(runner.invoke(app, ["manifest", "export", str(EXAMPLE), *FILLED, "--include-secrets"]).stdout)
    event = "ms.MessagingEventNotification.ContentEvent"
    shown = [document["capabilities"]["webhooks"][event]["headers"] for document in (masked, plain)]
    assert shown == [
        [{"header_name": "NAME", "header_value": "***"}],
        [{"header_name": "NAME", "header_value": "VALUE"}],
    ]
