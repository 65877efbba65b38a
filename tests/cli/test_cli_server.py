"""The commands against a real server, started as an operator starts it: ``serve`` in a process of its own."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyotp
import pytest
from typer.testing import CliRunner, Result

from support.certs import make_authority
from switchbay.cli.commands.serve import renew_certificate
from switchbay.cli.configuration import load_settings
from switchbay.cli.main import app
from switchbay.cli.sessions import load_sessions
from switchbay.infra.tls import authority_file, ensure_certificate, server_context, ssl_context_for_client
from switchbay.kit.errors import AppError

ADMIN_PASSWORD = "a good password"
AGENT_PASSWORD = "another password"
SWITCHBAY = (sys.executable, "-m", "switchbay")


class Process:
    """A ``switchbay`` process whose lines on standard output are read as they come."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SWITCHBAY_")}
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [*SWITCHBAY, *arguments],
            cwd=folder,
            env={**kept, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._errors: list[str] = []
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self._errors.extend(self.process.stderr)

    @property
    def errors(self) -> str:
        return "".join(self._errors)

    def line(self, seconds: float = 60) -> dict[str, Any]:
        """The next line, which is JSON."""
        text = self._lines.get(timeout=seconds)
        assert text, f"the process ended: {self.errors}"
        value: dict[str, Any] = json.loads(text)
        return value

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask the process to end; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        try:
            code = self.process.wait(30)
        finally:
            self.process.kill()
            for reader in self._readers:
                reader.join(10)
            for stream in (self.process.stdout, self.process.stderr):
                assert stream is not None
                stream.close()
        return code


@contextmanager
def running(folder: Path, *arguments: str, **environment: str) -> Iterator[Process]:
    process = Process(folder, *arguments, **environment)
    try:
        yield process
    finally:
        process.end(signal.SIGKILL)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass(frozen=True)
class Bay:
    """A running server with an administrator and an agent."""

    address: str
    directory: str
    data_dir: Path


@pytest.fixture(scope="module")
def bay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bay]:
    folder = tmp_path_factory.mktemp("bay")
    data_dir = folder / "data"
    runner = CliRunner()
    for words, password in (
        (("init", "--account", "demo"), ADMIN_PASSWORD),
        (("user", "create", "demo", "anna", "--role", "agent"), AGENT_PASSWORD),
    ):
        made = runner.invoke(app, [*words, "--password-stdin", "--data-dir", str(data_dir)], input=password + "\n")
        assert made.exit_code == 0, made.output
    environment = {
        "SWITCHBAY_EGRESS_ALLOW": "127.0.0.0/8,::1/128",
        "SWITCHBAY_EGRESS_CA_FILE": str(authority_file(data_dir)),
        "SWITCHBAY_WEBHOOK_RETRY_SECONDS": "0.2",
    }
    serve = ("serve", "--port", "0", "--http-port", "0", "--data-dir", str(data_dir), "--json")
    with running(folder, *serve, **environment) as server:
        told = server.line()
        yield Bay(told["address"], told["directory"], data_dir)
        assert server.end() == 0, server.errors


class User:
    """Runs commands against the server."""

    def __init__(self, runner: CliRunner, bay: Bay, name: str, password: str) -> None:
        self._runner = runner
        self._environment = {
            "SWITCHBAY_SERVER": bay.address,
            "SWITCHBAY_ACCOUNT": "demo",
            "SWITCHBAY_CA_FILE": str(authority_file(bay.data_dir)),
            "SWITCHBAY_USER": name,
            "SWITCHBAY_PASSWORD": password,
        }

    def run(self, *arguments: str, stdin: str | None = None, **environment: str) -> Result:
        return self._runner.invoke(app, list(arguments), input=stdin, env={**self._environment, **environment})

    def json(self, *arguments: str, stdin: str | None = None, **environment: str) -> Any:
        result = self.run(*arguments, "--json", stdin=stdin, **environment)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def admin(runner: CliRunner, bay: Bay) -> User:
    return User(runner, bay, "admin", ADMIN_PASSWORD)


@pytest.fixture
def agent(runner: CliRunner, bay: Bay) -> User:
    return User(runner, bay, "anna", AGENT_PASSWORD)


def manifest(name: str, port: int = 9, **members: Any) -> str:
    hook = {"endpoint": f"https://localhost:{port}/hook", "max_retries": 3}
    events = [
        *(f"ms.MessagingEventNotification.{event}" for event in ("ContentEvent", "AcceptStatusEvent")),
        "cqm.ExConversationChangeNotification",
    ]
    document = {
        "client_name": name,
        "grant_types": ["client_credentials"],
        "scope": "msg.consumer",
        "capabilities": {"webhooks": dict.fromkeys(events, hook)},
    }
    return json.dumps({**document, **members})


@pytest.fixture
def installed(admin: User, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """An app of its own for each test."""
    answer = admin.json("apps", "install", "-", stdin=manifest(request.node.name))
    yield answer
    admin.run("apps", "uninstall", answer["app"]["id"], "--yes")


def test_login_is_remembered_and_ended(runner: CliRunner, admin: User, bay: Bay) -> None:
    assert admin.run("login").exit_code == 0
    assert [(session.server, session.account, session.user) for session in load_sessions()] == [
        (bay.address, "demo", "admin")
    ]
    assert runner.invoke(app, ["apps", "list"]).exit_code == 0
    bearer = load_sessions()[0].bearer
    assert runner.invoke(app, ["logout"]).exit_code == 0
    assert load_sessions() == []
    answer = httpx.get(
        f"{bay.address}/switchbay/v1/accounts/demo/apps",
        headers={"Authorization": f"Bearer {bearer}"},
        verify=ssl_context_for_client(authority_file(bay.data_dir)),
        trust_env=False,
    )
    assert answer.status_code == 401


def test_wrong_password_is_refused_and_nothing_remembered(admin: User) -> None:
    result = admin.run("login", SWITCHBAY_PASSWORD="wrong password")
    assert (result.exit_code, "(login_failed)" in result.stderr, load_sessions()) == (3, True, [])


def test_user_option_leaves_no_session_behind(admin: User, bay: Bay) -> None:
    admin.json("apps", "list")
    assert load_sessions() == []


def test_install_shows_the_secret_once(admin: User, installed: dict[str, Any]) -> None:
    assert len(installed["client_secret"]) == 26
    for words in (
        ("apps", "list"),
        ("apps", "show", installed["app"]["id"]),
        ("apps", "export", installed["app"]["id"]),
    ):
        assert installed["client_secret"] not in admin.run(*words, "--json").stdout


def test_invalid_manifest_is_refused_with_its_findings_and_not_installed(admin: User) -> None:
    text = manifest("com.example.invalid", entry_uri="https://{DOMAIN}/", quick_launch_enabled="yes")
    before = admin.json("apps", "list")
    result = admin.run("apps", "install", "-", stdin=text)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "-:1:" in result.stderr
    assert " error unfilled_placeholder /entry_uri " in result.stderr
    assert result.stderr.endswith("(manifest_invalid)\n")
    assert admin.json("apps", "list") == before


def test_placeholders_are_filled_by_the_server(admin: User) -> None:
    text = manifest("com.example.filled", entry_uri="https://{DOMAIN}/start")
    answer = admin.json("apps", "install", "-", "--set", "DOMAIN=app.example.com", stdin=text)
    assert answer["app"]["manifest"]["entry_uri"] == "https://app.example.com/start"
    assert admin.run("apps", "uninstall", "COM.example.FILLED", "--yes").exit_code == 0


def test_name_that_is_taken_is_a_conflict(admin: User, installed: dict[str, Any]) -> None:
    result = admin.run("apps", "install", "-", stdin=manifest(installed["app"]["client_name"]))
    assert (result.exit_code, result.stdout) == (5, "")


def test_app_is_found_by_name_in_any_case(admin: User, installed: dict[str, Any]) -> None:
    shown = admin.json("apps", "show", installed["app"]["client_name"].upper())
    assert (shown["app"]["id"], shown["health"]["enabled"]) == (installed["app"]["id"], True)
    assert installed["app"]["id"] in admin.run("apps", "show", installed["app"]["id"]).stdout


def test_update_is_compared_first_and_then_made(admin: User, installed: dict[str, Any]) -> None:
    app_id, name = installed["app"]["id"], installed["app"]["client_name"]
    new = manifest(name, port=10)
    lines = admin.run("apps", "diff", app_id, "-", stdin=new).stdout.splitlines()
    assert "! sends ContentEvent to new host localhost:10 (was localhost:9)" in lines
    admin.json("apps", "update", app_id, "-", stdin=new)
    assert admin.run("apps", "diff", app_id, "-", stdin=new).stdout == ""
    assert "https://localhost:10/hook" in admin.run("apps", "export", app_id).stdout


def test_an_app_that_asks_for_all_conversations_is_approved(admin: User) -> None:
    hook = {"ms.MessagingEventNotification.ContentEvent": {"endpoint": "https://localhost:9/hook"}}
    text = manifest("com.example.archive", capabilities={"webhooks": {**hook, "conversations": "all"}})
    app_id = admin.json("apps", "install", "-", stdin=text)["app"]["id"]
    assert "conversations: asks for all conversations, not approved" in admin.run("apps", "show", app_id).stdout
    assert "asked" in admin.run("apps", "conversations", app_id).stdout
    assert admin.run("apps", "conversations", app_id, "withdraw").exit_code == 5
    assert "approved" in admin.run("apps", "conversations", app_id, "approve").stdout
    assert admin.json("apps", "conversations", app_id)["app"]["conversations"]["state"] == "approved"
    assert "conversations:" not in admin.run("apps", "show", app_id).stdout
    assert admin.run("apps", "uninstall", app_id, "--yes").exit_code == 0


def test_app_is_disabled_enabled_and_uninstalled(admin: User, installed: dict[str, Any]) -> None:
    app_id = installed["app"]["id"]
    assert admin.json("apps", "disable", app_id)["app"]["enabled"] is False
    assert admin.json("apps", "enable", app_id)["app"]["enabled"] is True
    asked = admin.run("apps", "uninstall", app_id)
    assert (asked.exit_code, "(confirmation_needed)" in asked.stderr) == (2, True)
    assert admin.run("apps", "show", app_id).exit_code == 0
    assert admin.run("apps", "uninstall", app_id, "--yes").exit_code == 0
    assert admin.run("apps", "show", app_id).exit_code == 4


def test_secret_is_rotated_and_the_old_one_ended(admin: User, installed: dict[str, Any]) -> None:
    app_id = installed["app"]["id"]
    rotated = admin.json("apps", "rotate-secret", app_id, "--overlap", "600")
    assert rotated["client_secret"] != installed["client_secret"]
    assert len(rotated["app"]["secrets"]) == 2
    assert admin.run("apps", "rotate-secret", app_id).exit_code == 5
    assert len(admin.json("apps", "finish-rotation", app_id)["app"]["secrets"]) == 1


def test_a_client_certificate_is_set_listed_and_removed(admin: User, installed: dict[str, Any], tmp_path: Path) -> None:
    app_id = installed["app"]["id"]
    group = ("apps", "client-certificates")
    ends = datetime.now(UTC) + timedelta(days=10)
    chain, key = make_authority(tmp_path).client_pair("bot", not_after=ends)
    both, alone = tmp_path / "both.pem", tmp_path / "alone.key"
    both.write_bytes(key + chain)
    alone.write_bytes(make_authority(tmp_path).client_pair("other")[1])
    made = admin.json(*group, "set", app_id, "--certificate", str(both))
    assert (made["event"], made["subject"], made["state"]) == ("default", "CN=bot", "ends_soon")
    refused = admin.run(*group, "set", app_id, "--certificate", str(both), "--key", str(alone))
    assert (refused.exit_code, "(client_certificate_refused)" in refused.stderr) == (1, True)
    missing = admin.run(*group, "set", app_id, "--certificate", str(tmp_path / "none.pem"))
    assert (missing.exit_code, "(certificate_file_unreadable)" in missing.stderr) == (1, True)
    assert admin.json(*group, "list", app_id)["items"] == [made]
    listed = admin.run(*group, "list", app_id).stdout
    assert ("CN=bot" in listed, "ends soon" in listed, "PRIVATE" in listed) == (True, True, False)
    assert f"client certificate of default: ends {ends:%Y-%m-%d}" in admin.run("apps", "show", app_id).stdout
    assert admin.run(*group, "remove", app_id).exit_code == 2
    assert admin.run(*group, "remove", app_id, "--yes").exit_code == 0
    assert admin.json(*group, "list", app_id)["items"] == []
    assert admin.run(*group, "remove", app_id, "--yes").exit_code == 4


def test_secrets_are_added_listed_and_removed_by_name(admin: User, installed: dict[str, Any]) -> None:
    app_id = installed["app"]["id"]
    added = admin.json("apps", "secrets", "add", app_id, "second node", "--days", "30")
    assert len(added["client_secret"]) == 26
    listed = admin.json("apps", "secrets", "list", app_id)["items"]
    assert [(secret["name"], secret["signs_webhooks"]) for secret in listed] == [
        ("primary", True),
        ("second node", False),
    ]
    assert 29 * 86_400_000 < listed[1]["not_after"] - listed[1]["created_at"] <= 30 * 86_400_000
    people = admin.run("apps", "secrets", "list", app_id).stdout
    assert "second node" in people
    assert added["client_secret"] not in people
    assert admin.run("apps", "secrets", "remove", app_id, "second node").exit_code == 2
    assert admin.run("apps", "secrets", "remove", app_id, "nobody", "--yes").exit_code == 4
    assert admin.run("apps", "secrets", "remove", app_id, "SECOND node", "--yes").exit_code == 0
    refused = admin.run("apps", "secrets", "remove", app_id, "primary", "--yes")
    assert (refused.exit_code, "(secret_last)" in refused.stderr) == (5, True)
    assert len(admin.json("apps", "secrets", "list", app_id)["items"]) == 1


def test_tokens_are_revoked_when_that_is_confirmed(admin: User, installed: dict[str, Any]) -> None:
    app_id = installed["app"]["id"]
    assert admin.run("apps", "revoke-tokens", app_id).exit_code == 2
    assert admin.run("apps", "revoke-tokens", app_id, "--yes").stderr.endswith(": tokens revoked\n")


def test_developer_log_is_for_administrators(admin: User, agent: User, installed: dict[str, Any]) -> None:
    app_id = installed["app"]["id"]
    assert admin.json("apps", "log", app_id) == {"items": []}
    assert admin.run("apps", "log", app_id).stdout == ""
    assert agent.run("apps", "log", app_id).exit_code == 3


def test_developer_log_says_which_secret_was_refused(admin: User, bay: Bay, installed: dict[str, Any]) -> None:
    app_id = installed["app"]["id"]
    admin.json("apps", "rotate-secret", app_id, "--overlap", "0")
    form = {"grant_type": "client_credentials", "client_id": app_id, "client_secret": installed["client_secret"]}
    answer = httpx.post(
        f"{bay.address}/oidc/demo/token",
        data=form,
        verify=ssl_context_for_client(authority_file(bay.data_dir)),
        trust_env=False,
    )
    assert answer.status_code == 401
    until = time.monotonic() + 20
    while not (lines := admin.run("apps", "log", app_id).stdout.splitlines()) and time.monotonic() < until:
        time.sleep(0.1)
    (line,) = lines
    assert " token invalid_client secret_ended " in line
    assert 'got="the secret named primary, which ended at ' in line
    assert installed["client_secret"] not in line


def test_consents_are_given_listed_and_withdrawn(admin: User, agent: User, installed: dict[str, Any]) -> None:
    app_id = installed["app"]["id"]
    name = installed["app"]["client_name"]
    assert admin.run("consents", "grant", name, "--scope", "openid").exit_code == 1  # its manifest signs nobody in
    assert agent.run("consents", "grant", name).exit_code == 3
    assert admin.run("consents", "list", "--app", name).stdout.splitlines()[1:] == []
    given = admin.json("consents", "grant", name)
    assert (given["app"], given["user"], given["scope"]) == (app_id, "*", "msg.consumer")
    line = admin.run("consents", "list", "--app", name).stdout.splitlines()[1].split()
    assert line[:3] == [app_id, "*", "msg.consumer"]
    assert admin.json("consents", "list", "--app", app_id, "--of", "ANNA")["items"] == []
    assert admin.run("consents", "list", "--of", "nobody").exit_code == 4
    assert agent.run("consents", "withdraw", app_id, "--of", "*", "--yes").exit_code == 3
    assert admin.run("consents", "withdraw", name).exit_code == 2  # nobody can be asked
    assert admin.json("consents", "withdraw", name, "--yes") == {"grants_ended": 0}
    assert admin.run("consents", "withdraw", name, "--yes").exit_code == 4


def test_what_people_see_names_the_app_and_its_secret(admin: User) -> None:
    installed = admin.run("apps", "install", "-", stdin=manifest("com.example.people"))
    lines = dict(line.split(maxsplit=1) for line in installed.stdout.splitlines())
    assert (lines["installed"], lines["state"], len(lines["client_secret"])) == ("com.example.people", "enabled", 26)
    assert "shown only now" in installed.stderr
    rotated = admin.run("apps", "rotate-secret", "com.example.people", "--overlap", "0")
    assert "old secret     ended" in rotated.stdout
    assert lines["client_secret"] not in rotated.stdout
    updated = admin.run("apps", "update", "com.example.people", "-", stdin=manifest("com.example.people", port=10))
    assert (updated.exit_code, updated.stderr.endswith(": updated\n")) == (0, True)
    listed = admin.run("apps", "list").stdout
    assert "com.example.people" in listed
    admin.run("apps", "uninstall", "com.example.people", "--yes")


def test_logout_tells_what_it_ended(runner: CliRunner, admin: User, bay: Bay) -> None:
    told = admin.json("login")
    assert (told["server"], told["account"], told["user"], told["expires_at"] > time.time() * 1000) == (
        *(bay.address, "demo", "admin"),
        True,
    )
    ended = runner.invoke(app, ["logout", "--json"])
    assert json.loads(ended.stdout) == {"server": bay.address, "account": "demo", "user": "admin"}


def test_session_that_the_server_ended_already_is_forgotten(runner: CliRunner, admin: User, bay: Bay) -> None:
    admin.json("login")
    changed = runner.invoke(
        app,
        ["user", "set-password", "demo", "admin", "--password-stdin", "--data-dir", str(bay.data_dir)],
        input=ADMIN_PASSWORD + "\n",
    )
    assert changed.exit_code == 0
    assert runner.invoke(app, ["apps", "list"]).exit_code == 3
    assert runner.invoke(app, ["logout"]).exit_code == 0
    assert load_sessions() == []


def test_skills_agents_and_the_queue_are_looked_after(admin: User) -> None:
    made = admin.json("skill", "create", "Billing", "--description", "Bills")
    skill = made["skill_id"]
    assert admin.json("skill", "update", skill, "--name", "Invoices") == made | {"name": "Invoices"}
    assert admin.json("skill", "list")["items"] == [made | {"name": "Invoices"}]
    anna = admin.json("agent", "set", "anna", "--skill", skill, "--capacity", "3")
    assert (anna["login_name"], anna["skills"], anna["capacity"]) == ("anna", [skill], 3)
    people = admin.run("agent", "list").stdout
    assert "OFFLINE" in people
    assert "0 + 0 of 3" in people
    assert "Invoices" in people
    refused = admin.run("skill", "delete", skill, "--yes")
    assert (refused.exit_code, "(skill_used)" in refused.stderr) == (5, True)
    plain = admin.json("agent", "set", anna["user_id"], "--no-skills", "--capacity", "account")
    assert (plain["skills"], plain["own_capacity"]) == ([], None)
    assert admin.run("agent", "set", "nobody", "--capacity", "1").exit_code == 4
    assert admin.run("agent", "set", "anna", "--capacity", "many").exit_code == 2
    assert admin.run("agent", "set", "anna", "--skill", skill, "--no-skills").exit_code == 2
    assert admin.run("skill", "delete", skill).exit_code == 2
    assert admin.json("skill", "delete", skill, "--yes") == {"skill_id": skill, "deleted": True}
    waiting = admin.json("queue")
    assert sorted(waiting) == ["items", "next_cursor", "waiting"]
    assert f"{len(waiting['items'])} of {waiting['waiting']}" in admin.run("queue").stderr


def test_a_campaign_is_exported_and_imported(admin: User, bay: Bay, tmp_path: Path) -> None:
    empty = {"format": "switchbay-campaign", "version": 1, "campaign": {"id": 1, "name": "Spring"}}
    tried = admin.json("engagement", "import", "-", "--dry-run", stdin=json.dumps(empty))
    assert (tried["dryRun"], tried["campaignId"], tried["ids"]) == (True, None, {"campaigns": {"1": None}})
    made = admin.json("engagement", "import", "-", stdin=json.dumps(empty))
    file = tmp_path / "spring.json"
    assert (
        f"Spring is in {file}."
        in admin.run("engagement", "export", str(made["campaignId"]), "--file", str(file)).stderr
    )
    exported = json.loads(file.read_text())
    assert (exported["campaign"]["id"], exported["campaign"]["status"]) == (made["campaignId"], "draft")
    assert admin.json("engagement", "export", str(made["campaignId"])) == exported
    again = admin.run("engagement", "import", str(file))
    assert (again.exit_code, "Spring" in again.stdout, "campaigns" in again.stdout) == (0, True, True)
    exported["campaign"]["controlGroup"]["percentage"] = 7
    file.write_text(json.dumps(exported))
    refused = admin.run("engagement", "import", str(file))
    assert (refused.exit_code, "(configuration_invalid)" in refused.stderr) == (1, True)
    assert "/campaign/controlGroup/percentage: One of 0, 5, 10, 15, 20, 25." in refused.stderr
    assert admin.run("engagement", "export", "999999").exit_code == 4


def test_an_engagement_is_explained_and_its_campaign_simulated(admin: User, installed: dict[str, Any]) -> None:
    app_id = installed["app"]["id"]
    offer = {"id": 2, "campaignId": 1, "name": "Banner", "appInstallationId": app_id, "entryPoints": [3]}
    made = admin.json(
        "engagement",
        "import",
        "-",
        stdin=json.dumps(
            {
                "format": "switchbay-campaign",
                "version": 1,
                "apps": [{"id": app_id, "clientName": installed["app"]["client_name"]}],
                "campaign": {"id": 1, "name": "Till", "controlGroup": {"percentage": 0}},
                "engagements": [offer],
                "locations": [{"id": 3, "name": "Cart", "conditions": [{"type": "section", "include": ["cart"]}]}],
            }
        ),
    )
    campaign, engagement = str(made["campaignId"]), str(made["ids"]["engagements"]["2"])
    home = json.dumps({"pages": [{"sections": ["home"]}]})
    explained = admin.run("engagement", "explain", engagement, "--visit", "-", stdin=home)
    assert explained.exit_code == 0, explained.stderr
    assert "Banner is not offered." in explained.stdout  # its campaign is a draft
    assert "no    2 published" in explained.stdout
    assert "no    5 entry point" in explained.stdout
    assert '["home"]' in explained.stdout
    cart = home.replace("home", "cart")
    assert "yes   5 entry point" in admin.run("engagement", "explain", engagement, "--visit", "-", stdin=cart).stdout
    refused = admin.run("engagement", "explain", engagement, "--visit", "-", stdin='{"pages": 3}')
    assert (refused.exit_code, "(visit_invalid)" in refused.stderr) == (1, True)
    assert admin.run("engagement", "explain", "999999", "--visit", "-", stdin="{}").exit_code == 4
    tried = admin.json("engagement", "simulate", campaign)
    assert (tried["campaignId"], tried["visits"]) == (int(campaign), 1000)
    (one,) = tried["engagements"]
    held, alone = one["heldBy"], one["heldOnlyBy"]
    both = held["entry point"] - alone["entry point"]
    assert held["control group"] - alone["control group"] == both
    assert 0 < one["eligible"] == 1000 - sum(alone.values()) - both < 1000
    assert "Banner" in admin.run("engagement", "simulate", campaign).stdout


def test_the_report_of_engagements_is_shown(admin: User) -> None:
    report = admin.json("engagement", "report", "--since", "2d", "--by", "day,campaign")
    assert (report["by"], report["lines"], report["totals"]["displayed"]) == (["day", "campaign"], [], 0)
    exported = admin.run("engagement", "report", "--since", "2026-01-01", "--until", "2026-02-01T00:00", "--csv")
    assert exported.stdout.startswith("campaign_id,campaign_name,engagement_id,engagement_name,offered,displayed,")
    assert "DISPLAYED" in admin.run("engagement", "report").stdout
    assert "report_part_unknown" in admin.run("engagement", "report", "--by", "minute").stderr
    assert admin.run("engagement", "report", "--csv", "--json").exit_code == 2


def test_registration_tokens_are_made_listed_and_revoked(admin: User, bay: Bay) -> None:
    made = admin.json("registration", "token", "team A", "--uses", "2", "--days", "30")
    assert made["expires_at"] - made["created_at"] == 30 * 86_400_000
    people = admin.run("registration", "list").stdout
    assert "team A" in people
    assert made["token"] not in people
    shown = {name: value for name, value in made.items() if name != "token"}
    assert admin.json("registration", "list")["items"] == [shown]

    register = f"{bay.address}/oidc/demo/register"
    metadata = {"redirect_uris": ["https://app.example.org/callback"]}
    bearer = {"Authorization": f"Bearer {made['token']}"}
    trust = ssl_context_for_client(authority_file(bay.data_dir))
    registered = httpx.post(register, json=metadata, headers=bearer, verify=trust)
    assert registered.status_code == 201, registered.text
    assert admin.json("registration", "list")["items"][0]["uses_left"] == 1

    assert admin.run("registration", "revoke", made["token_id"]).exit_code == 2
    assert admin.json("registration", "revoke", made["token_id"], "--yes") == {
        "token_id": made["token_id"],
        "revoked": True,
    }
    assert httpx.post(register, json=metadata, headers=bearer, verify=trust).status_code == 401
    refused = admin.run("registration", "revoke", made["token_id"], "--yes")
    assert (refused.exit_code, "(registration_token_unknown)" in refused.stderr) == (4, True)
    assert admin.run("apps", "uninstall", registered.json()["client_id"], "--yes").exit_code == 0


def test_keys_are_listed_and_replaced(admin: User, agent: User) -> None:
    admin.json("keys", "rotate", "consumer")
    (before,) = [
        key for key in admin.json("keys", "list")["items"] if (key["purpose"], key["state"]) == ("consumer", "active")
    ]
    assert agent.run("keys", "list").exit_code == 3
    assert agent.run("keys", "rotate", "consumer", "--emergency", "--yes").exit_code == 3
    assert admin.run("keys", "rotate", "consumer", "--emergency").exit_code == 2  # nobody can be asked
    assert admin.run("keys", "rotate", "consumer", "--alg", "ES256").exit_code == 1
    assert before in admin.json("keys", "list")["items"]
    after = admin.json("keys", "rotate", "consumer", "--emergency", "--yes")["items"]
    (key,) = [key for key in after if key["purpose"] == "consumer"]
    assert key["kid"] != before["kid"]
    assert any(
        line.split()[:3] == ["consumer", "RS256", "active"] for line in admin.run("keys", "list").stdout.splitlines()
    )


def test_health_of_webhooks_is_shown_and_their_rate_limited(
    admin: User, agent: User, installed: dict[str, Any]
) -> None:
    app_id = installed["app"]["id"]
    report = admin.json("apps", "webhooks-health", app_id)
    assert (report["state"], report["requests_per_second"]) == ("healthy", None)
    assert [endpoint["reason"] for endpoint in report["endpoints"]] == ["it was not called in the last 24 hours"]
    assert admin.json("apps", "webhooks-limit", app_id, "20")["requests_per_second"] == 20
    assert "20 requests a second from each node" in admin.run("apps", "webhooks-health", app_id).stdout
    assert admin.run("apps", "webhooks-limit", app_id, "many").exit_code == 1
    assert agent.run("apps", "webhooks-limit", app_id, "none").exit_code == 3
    assert admin.json("apps", "webhooks-limit", app_id, "none")["requests_per_second"] is None
    assert admin.run("apps", "webhooks-enable", app_id).exit_code == 0


def test_operational_webhooks_are_added_listed_and_removed(admin: User, agent: User) -> None:
    made = admin.json("operational", "add", "https://ops.example.com/hook")
    assert agent.run("operational", "list").exit_code == 3
    assert admin.json("operational", "list")["items"] == [{name: made[name] for name in ("id", "url", "created_at")}]
    assert made["secret"] not in admin.run("operational", "list").stdout
    assert admin.run("operational", "remove", made["id"]).exit_code != 0  # nobody can be asked
    assert admin.json("operational", "remove", made["id"], "--yes") == {"removed": made["id"]}
    assert admin.run("operational", "remove", made["id"], "--yes").exit_code == 4


def test_policy_is_shown_and_changed(admin: User, agent: User) -> None:
    before = admin.json("oauth", "show")
    assert agent.run("oauth", "set", "--implicit").exit_code == 3
    assert admin.run("oauth", "set", "--resource", "http://api.example.com").exit_code == 1
    assert admin.run("oauth", "set", "--resource", "https://api.example.com", "--no-resources").exit_code == 2
    assert admin.json("oauth", "show") == before
    changed = admin.json("oauth", "set", "--algorithm", "ES256", "--resource", "https://api.example.com/a")
    assert changed == {**before, "token_algorithm": "ES256", "resources": ["https://api.example.com/a"]}
    assert "https://api.example.com/a" in admin.run("oauth", "show").stdout
    assert admin.json("oauth", "set", "--algorithm", before["token_algorithm"], "--no-resources") == {
        **before,
        "resources": [],
    }


def test_agent_may_not_see_apps(agent: User) -> None:
    result = agent.run("apps", "list", "--json")
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (3, "role_missing")


def test_consumer_and_agent_talk_and_the_webhooks_arrive_signed(admin: User, agent: User, bay: Bay) -> None:
    port = free_port()
    answer = admin.json("apps", "install", "-", stdin=manifest("com.example.talk", port))
    connector = {
        "SWITCHBAY_CLIENT_ID": answer["app"]["client_id"],
        "SWITCHBAY_CLIENT_SECRET": answer["client_secret"],
    }
    words = ("listen", "--port", str(port), "--data-dir", str(bay.data_dir), "--fail-first", "1", "--json")
    with running(bay.data_dir, *words, SWITCHBAY_CLIENT_SECRET=answer["client_secret"]) as listener:
        while "listening" not in listener.errors:
            assert listener.process.poll() is None, listener.errors
            time.sleep(0.05)
        opened = admin.json("message", "send", "Hello", "--consumer", "kim", **connector)
        conversation = opened["conversation"]
        said = agent.json("message", "send", "How can I help?", "--as-agent", "--conversation", conversation)
        last = admin.json(
            *("message", "send", "Bye", "--consumer", "kim", "--conversation", conversation, "--close"), **connector
        )
        assert (opened["sequence"], said["sequence"], last["sequence"]) == (0, 1, 2)
        heard = [listener.line() for _ in range(12)]
        assert listener.end(signal.SIGINT) == 0, listener.errors
    assert {line["signature"] for line in heard} == {"ok"}
    assert [line["answer"] for line in heard] == [500, 200] * 6
    assert [line["summary"] for line in heard if line["answer"] == 200] == [
        "UPSERT OPEN/OPEN",
        "CONSUMER Hello",
        "UPSERT OPEN/OPEN",
        "ASSIGNED_AGENT How can I help?",
        "CONSUMER Bye",
        "UPSERT CLOSE/CLOSE",
    ]
    _compare_with_deliveries(admin, conversation, [line["delivery"] for line in heard if line["answer"] == 200])
    admin.run("apps", "uninstall", answer["app"]["id"], "--yes")


def _compare_with_deliveries(admin: User, conversation: str, expected: list[str]) -> None:
    deadline = time.monotonic() + 10
    while True:  # the results of the last attempts are recorded in batches, after the answer
        listed = admin.json("deliveries", "list", "--app", "com.example.talk", "--conversation", conversation)["items"]
        if {shown["status"] for shown in listed} == {"delivered"} or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert [shown["id"] for shown in sorted(listed, key=lambda shown: int(shown["position"]))] == expected
    assert [(shown["status"], shown["attempts"]) for shown in listed] == [("delivered", 2)] * 6
    shown = admin.json("deliveries", "show", expected[1])
    assert json.loads(shown["body"]["text"])["body"]["changes"][0]["event"]["message"] == "Hello"
    assert [attempt["status"] for attempt in shown["attempts_made"]] == [500, 200]
    people = admin.run("deliveries", "show", expected[1]).stdout
    assert [line.split("  ")[2] for line in people.splitlines() if "  attempt " in line] == ["500", "200"]
    assert "> POST " + shown["attempts_made"][-1]["request"]["url"] in people.splitlines()
    assert f"> X-Liveperson-Request-Id: {expected[1]}" in people.splitlines()
    assert "< 200" in people.splitlines()
    assert expected[1] in admin.run("deliveries", "list", "--conversation", conversation).stdout
    assert admin.json("deliveries", "list", "--conversation", conversation, "--status", "failed")["items"] == []


def test_deliveries_are_followed_as_they_change(admin: User, bay: Bay, installed: dict[str, Any]) -> None:
    environment = {
        "SWITCHBAY_SERVER": bay.address,
        "SWITCHBAY_ACCOUNT": "demo",
        "SWITCHBAY_CA_FILE": str(authority_file(bay.data_dir)),
        "SWITCHBAY_USER": "admin",
        "SWITCHBAY_PASSWORD": ADMIN_PASSWORD,
    }
    words = ("deliveries", "list", "--app", installed["app"]["id"], "--follow", "--json")
    with running(bay.data_dir, *words, **environment) as follower:
        admin.json(
            *("message", "send", "Hello"),
            SWITCHBAY_CLIENT_ID=installed["app"]["client_id"],
            SWITCHBAY_CLIENT_SECRET=installed["client_secret"],
        )
        seen = [follower.line()]
        while seen[-1]["status"] != "failed":  # nothing listens at the endpoint: three retries, then it is given up
            seen.append(follower.line())
        assert follower.end(signal.SIGINT) == 130
    assert {shown["app"] for shown in seen} == {installed["app"]["id"]}
    assert seen[-1]["attempts"] == 4


def test_events_are_sent_again_one_or_all_since_a_time(admin: User, installed: dict[str, Any]) -> None:
    admin.json(
        *("message", "send", "Again"),
        SWITCHBAY_CLIENT_ID=installed["app"]["client_id"],
        SWITCHBAY_CLIENT_SECRET=installed["client_secret"],
    )
    words = ("--app", installed["app"]["client_name"], "--since", "1h")
    deadline = time.monotonic() + 30
    while admin.json("deliveries", "list", *words, "--status", "pending")["items"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    failed = admin.json("deliveries", "list", *words, "--status", "failed", "--outcome", "connect")["items"]
    events = {shown["id"] for shown in failed}
    assert events
    again = admin.json("deliveries", "replay", failed[0]["id"])
    assert (again["origin"], again["event_id"], again["conversation"]) == (
        "replay",
        failed[0]["id"],
        failed[0]["conversation"],
    )
    begun = admin.json("deliveries", "replay", *words, "--status", "failed")
    while (shown := admin.json("replays", "show", begun["id"]))["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (shown["state"], shown["replayed"], shown["skipped"]) == ("done", len(events), 0)
    repeated = admin.json("deliveries", "list", "--replay", begun["id"])["items"]
    assert {each["event_id"] for each in repeated} == events
    assert begun["id"] in admin.run("replays", "list").stdout
    assert admin.json("replays", "cancel", begun["id"])["state"] == "done"
    assert "100%" in admin.run("replays", "show", begun["id"]).stdout


@pytest.mark.parametrize("words", [(), ("dlv_x", "--since", "2h"), ("--status", "failed"), ("--since", "yesterday")])
def test_a_replay_of_nothing_in_particular_is_wrong_usage(admin: User, words: tuple[str, ...]) -> None:
    assert admin.run("deliveries", "replay", *words).exit_code == 2


def test_unknown_delivery_is_not_found(admin: User) -> None:
    result = admin.run("deliveries", "show", "dlv_nothing")
    assert (result.exit_code, "(delivery_unknown)" in result.stderr) == (4, True)


def test_wrong_client_secret_is_refused(admin: User, installed: dict[str, Any]) -> None:
    result = admin.run(
        "message", "send", "Hello", SWITCHBAY_CLIENT_ID=installed["app"]["client_id"], SWITCHBAY_CLIENT_SECRET="wrong"
    )
    assert (result.exit_code, "(invalid_client)" in result.stderr) == (3, True)


def test_files_go_both_ways(admin: User, agent: User, installed: dict[str, Any], tmp_path: Path) -> None:
    connector = {
        "SWITCHBAY_CLIENT_ID": installed["app"]["client_id"],
        "SWITCHBAY_CLIENT_SECRET": installed["client_secret"],
    }
    picture, bill = tmp_path / "picture.png", tmp_path / "bill.pdf"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n and the rest")
    bill.write_bytes(b"%PDF-1.7 what it costs")
    sent = admin.json("message", "send-file", str(picture), "--consumer", "kim", "--caption", "look", **connector)
    assert sent["sequence"] == 0
    conversation = sent["conversation"]
    back = agent.json("message", "send-file", str(bill), "--as-agent", "--conversation", conversation)
    assert (back["conversation"], back["sequence"]) == (conversation, 1)
    for user, path, original, words in (
        (agent, sent["path"], picture, ("--as-agent",)),
        (admin, back["path"], bill, ("--consumer", "kim")),
    ):
        target = tmp_path / f"copy of {original.name}"
        got = user.json("message", "get-file", path, "-o", str(target), *words, **connector)
        assert (got, target.read_bytes()) == (
            {"file": str(target), "size": len(original.read_bytes())},
            original.read_bytes(),
        )
        again = user.run("message", "get-file", path, "-o", str(target), *words, **connector)
        assert (again.exit_code, "(file_unwritable)" in again.stderr) == (1, True)
    foreign = admin.run(
        "message", "get-file", back["path"], "-o", str(tmp_path / "x"), "--consumer", "lee", **connector
    )
    assert (foreign.exit_code, "(error_40421)" in foreign.stderr, (tmp_path / "x").exists()) == (4, True, False)
    absent = admin.run("message", "send-file", str(tmp_path / "none.png"), **connector)
    assert (absent.exit_code, "(file_unreadable)" in absent.stderr) == (1, True)
    program = tmp_path / "program.png"
    program.write_bytes(b"MZ\x90\x00")
    refused = admin.run("message", "send-file", str(program), **connector)
    assert (refused.exit_code, "(file_type_unsupported)" in refused.stderr) == (1, True)


def test_message_needs_to_know_who_speaks_and_where(admin: User) -> None:
    assert admin.run("message", "send-file", __file__).exit_code == 2
    assert admin.run("message", "send-file", __file__, "--as-agent").exit_code == 2
    assert admin.run("message", "send", "Hello").exit_code == 2
    assert admin.run("message", "send", "Hello", "--as-agent").exit_code == 2


def test_directory_is_served_over_plain_http_and_nothing_else(bay: Bay) -> None:
    with httpx.Client(base_url=bay.directory, trust_env=False) as client:
        found = client.get("/api/account/demo/service/agentVep/baseURI.json?version=1.0").json()
        assert f"https://{found['baseURI']}" == bay.address
        assert client.get("/switchbay/v1/accounts/demo/apps").status_code == 404


def test_certificate_of_a_running_server_is_renewed(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    file = ensure_certificate(tmp_path, settings.tls_hosts)
    context = server_context(file)
    before = file.read_bytes()
    renew_certificate(context, settings)
    assert file.read_bytes() == before
    file.unlink()
    renew_certificate(context, settings)
    assert file.read_bytes() != before
    (tmp_path / "ca" / "ca.key").unlink()
    file.unlink()
    with pytest.raises(AppError):
        renew_certificate(context, settings)


def test_taken_port_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Process(tmp_path, "serve", "--port", str(port), "--http-port", "-1")
        assert server.wait() == 5
    assert server.errors == f"error: Port {port} on 127.0.0.1 is taken by another program. (port_taken)\n"


def test_certificate_that_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    environment = {"SWITCHBAY_TLS": "files", "SWITCHBAY_TLS_CERTIFICATE_FILE": "missing.pem"}
    server = Process(tmp_path, "serve", "--port", "0", "--http-port", "-1", **environment)
    assert server.wait() == 1
    assert (server.errors.count("\n"), "(certificate_unreadable)" in server.errors) == (1, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_server_without_tls_starts_and_ends_gracefully(tmp_path: Path, number: signal.Signals) -> None:
    words = ("serve", "--port", "0", "--http-port", "-1", "--json")
    with running(tmp_path, *words, SWITCHBAY_TLS="off") as server:
        told = server.line()
        assert (told["directory"], told["ca_file"]) == (None, None)
        assert httpx.get(f"{told['address']}/livez", trust_env=False).status_code == 200
        assert server.end(number) == 0, server.errors


def test_a_node_that_loses_the_process_that_sends_webhooks_stops_and_says_so(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "--port", "0", "--http-port", "-1", "--json", SWITCHBAY_TLS="off") as server:
        server.line()
        [partner] = psutil.Process(server.process.pid).children()
        partner.kill()
        assert server.wait() == 6
        assert "delivery_process_lost" in server.errors


def test_the_process_that_sends_webhooks_ends_with_a_server_that_is_killed(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "--port", "0", "--http-port", "-1", "--json", SWITCHBAY_TLS="off") as server:
        server.line()
        [partner] = psutil.Process(server.process.pid).children()
        server.process.kill()
        partner.wait(20)
        assert not partner.is_running()


def test_a_node_is_one_process_where_that_is_set(tmp_path: Path) -> None:
    words = ("serve", "--port", "0", "--http-port", "-1", "--json")
    with running(tmp_path, *words, SWITCHBAY_TLS="off", SWITCHBAY_DELIVERY_PROCESS="false") as server:
        server.line()
        assert psutil.Process(server.process.pid).children() == []
        assert server.end() == 0, server.errors


def test_node_that_only_sends_webhooks_answers_its_operators_and_nobody_else(tmp_path: Path) -> None:
    words = ("serve", "--role", "dispatcher", "--port", "0", "--http-port", "0", "--json")
    with running(tmp_path, *words, SWITCHBAY_TLS="off") as server:
        told = server.line()
        assert (told["directory"], told["roles"]) == (None, ["dispatcher"])
        with httpx.Client(base_url=told["address"], trust_env=False) as client:
            found = [client.get(path).status_code for path in ("/livez", "/readyz", "/switchbay/v1/accounts/demo")]
        assert found == [200, 200, 404]
        assert server.end(signal.SIGTERM) == 0, server.errors


def test_role_that_does_not_exist_is_told_in_one_line(tmp_path: Path) -> None:
    server = Process(tmp_path, "serve", "--role", "api,dispatch", "--port", "0", "--http-port", "-1")
    assert server.wait() == 1
    assert (server.errors.count("\n"), "roles.1" in server.errors) == (1, True)


def test_second_factor_is_asked_for_at_the_login_and_looked_after_by_its_user(admin: User) -> None:
    admin.json("login")
    made = admin.json("second-factor", "begin")
    totp = pyotp.TOTP(made["secret"])
    now = int(time.time()) // 30
    codes = admin.json("second-factor", "confirm", totp.generate_otp(now))["recovery_codes"]
    try:
        assert len(codes) == 10
        assert admin.json("second-factor", "show", SWITCHBAY_OTP=codes[0])["recovery_codes_left"] == 9
        result = admin.run("login")
        assert (result.exit_code, "(second_factor_missing)" in result.stderr) == (3, True)
        result = admin.run("login", SWITCHBAY_OTP=codes[0])
        assert (result.exit_code, "(second_factor_invalid)" in result.stderr) == (3, True)
        assert admin.run("login", SWITCHBAY_OTP=totp.generate_otp(now + 1)).exit_code == 0
        more = admin.json("second-factor", "recovery-codes", codes[1], SWITCHBAY_OTP=codes[2])["recovery_codes"]
        assert not set(more) & set(codes)
        codes = more
    finally:
        assert admin.run("second-factor", "remove", codes[0], SWITCHBAY_OTP=codes[1]).exit_code == 0
    assert admin.json("second-factor", "show") == {"state": "none"}


def test_provider_is_added_changed_tried_and_removed(admin: User) -> None:
    words = ("--label", "Corp SSO", "--issuer", "https://localhost:1", "--client-id", "bay")
    added = admin.json("upstream", "add", *words, "--create-role", "agent", "--secret-stdin", stdin="s3cret\n")
    assert (added["label"], added["create_roles"], added["enabled"]) == ("Corp SSO", ["agent"], True)
    assert admin.json("upstream", "list") == [added]
    assert admin.json("upstream", "show", added["upstream_id"]) == added
    changed = admin.json("upstream", "set", "Corp SSO", "--disable", "--create-none", "--login-claim", "email")
    assert (changed["enabled"], changed["create_roles"], changed["login_claim"]) == (False, [], "email")
    tried = admin.run("upstream", "test", "Corp SSO")
    assert (tried.exit_code, "is not usable" in tried.stdout, "upstream_unreachable" in tried.stdout) == (1, True, True)
    refused = admin.run("upstream", "unlink", "Corp SSO", "1000001")
    assert (refused.exit_code, "(upstream_link_unknown)" in refused.stderr) == (4, True)
    assert admin.run("upstream", "remove", "Nobody").exit_code == 4
    assert admin.run("upstream", "remove", "Corp SSO").exit_code == 0
    assert admin.json("upstream", "list") == []


def test_provider_without_a_secret_is_not_added(admin: User) -> None:
    words = ("--label", "Corp SSO", "--issuer", "https://localhost:1", "--client-id", "bay")
    result = admin.run("upstream", "add", *words)
    assert (result.exit_code, "(secret_missing)" in result.stderr) == (1, True)
    assert admin.json("upstream", "list") == []


def test_history_is_searched_exported_and_erased(
    admin: User, agent: User, installed: dict[str, Any], tmp_path: Path
) -> None:
    connector = {
        "SWITCHBAY_CLIENT_ID": installed["app"]["client_id"],
        "SWITCHBAY_CLIENT_SECRET": installed["client_secret"],
    }
    sent = admin.json("message", "send", "My parcel is lost", "--consumer", "pat", **connector)
    deadline = time.monotonic() + 30
    while not (found := agent.json("history", "search", "lost", "parcel")["items"]) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert [one["conversation_id"] for one in found] == [sent["conversation"]]
    assert "My parcel is lost" in agent.run("history", "search", "parcel", "is", "--phrase").stdout
    assert agent.json("history", "search", "is", "parcel", "--phrase")["items"] == []
    file = tmp_path / "history.jsonl"
    assert agent.run("history", "export", "-o", str(file)).exit_code == 3
    written = admin.json("history", "export", "-o", str(file))
    whole = file.read_bytes()
    assert (whole.count(b"\n"), written["file"]) == (written["lines"], str(file))
    assert admin.run("history", "export").stdout_bytes == whole
    file.write_bytes(whole[: whole.index(b"\n") + 40])
    assert admin.json("history", "export", "-o", str(file), "--resume")["lines"] == written["lines"] - 1
    assert file.read_bytes() == whole
    refused = admin.run("history", "export", "--resume")
    assert (refused.exit_code, "--output" in refused.stderr) == (2, True)
    consumer = json.loads(whole.splitlines()[-1])["conversation"]["consumer_id"]
    assert admin.run("history", "erase", consumer).exit_code == 2
    done = admin.json("history", "erase", consumer, "--yes", "--wait")
    assert (done["phase"], done["conversations"], done["events"]) == ("done", 1, 1)
    assert admin.json("history", "erasure", done["id"]) == done
    assert done["id"] in admin.run("history", "erasures").stdout
    assert agent.json("history", "search", "parcel")["items"] == []
