"""Commands of the host's operator: ``init``, ``account …``, ``user …``, over a real SQLite database."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyotp
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from switchbay.cli.configuration import load_settings
from switchbay.cli.local import open_accounts
from switchbay.cli.main import app
from switchbay.cli.servers import run_async
from switchbay.infra.db import open_database
from switchbay.kit.errors import AppError
from switchbay.kit.secret import Secret
from switchbay.oauth.domain import Face, Grant
from switchbay.oauth.store.grants import insert_grant
from switchbay.oauth.tables import grants


class Host:
    """Runs commands on one data folder."""

    def __init__(self, runner: CliRunner, data_dir: Path) -> None:
        self._runner = runner
        self.data_dir = data_dir

    def run(self, *arguments: str, stdin: str = "") -> Result:
        return self._runner.invoke(app, [*arguments, "--data-dir", str(self.data_dir)], input=stdin)

    def json(self, *arguments: str, stdin: str = "") -> Any:
        result = self.run(*arguments, "--json", stdin=stdin)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def can_log_in(self, login: str, password: str) -> bool:
        async def attempt() -> bool:
            async with open_accounts(load_settings(data_dir=self.data_dir)) as accounts:
                try:
                    await accounts.login("demo", login, Secret(password), "192.0.2.1")
                except AppError as error:
                    if error.code != "login_failed":
                        raise
                    return False
                return True

        return run_async(attempt())

    def audited(self) -> list[tuple[str, str]]:
        async def read() -> list[tuple[str, str]]:
            async with open_accounts(load_settings(data_dir=self.data_dir)) as accounts:
                page = await accounts.list_audit("demo")
                return [(entry.actor.kind, entry.action) for entry in reversed(page.entries)]

        return run_async(read())


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as ``init`` makes it, which each test copies."""
    host = Host(CliRunner(), tmp_path_factory.mktemp("initialised") / "data")
    host.json("init", "--password-stdin", stdin="first password\n")
    return host.data_dir


@pytest.fixture
def host(runner: CliRunner, initialised: Path, tmp_path: Path) -> Host:
    return Host(runner, Path(shutil.copytree(initialised, tmp_path / "data")))


def test_init_makes_all_that_a_host_needs(runner: CliRunner, tmp_path: Path) -> None:
    host = Host(runner, tmp_path / "new")
    made = host.json("init", "--account", "demo", "--admin", "ada", "--password-stdin", stdin="a long password\r\nrest")
    assert made == {
        "data_dir": str(host.data_dir),
        "ca_file": str(host.data_dir / "ca" / "ca.pem"),
        "account": {"account_id": "demo", "created": True},
        "admin": {"login_name": "ada", "created": True, "password": None},
    }
    assert host.can_log_in("ADA", "a long password")
    assert host.data_dir.stat().st_mode & 0o777 == 0o700
    assert (host.data_dir / "master.key").stat().st_mode & 0o777 == 0o600


def test_init_makes_a_password_up_where_nobody_can_be_asked(runner: CliRunner, tmp_path: Path) -> None:
    host = Host(runner, tmp_path / "new")
    password = host.json("init")["admin"]["password"]
    assert len(password) == 26
    assert host.can_log_in("admin", password)


def test_init_again_keeps_everything(host: Host) -> None:
    key = (host.data_dir / "master.key").read_bytes()
    again = host.json("init", "--password-stdin", stdin="second password\n")
    assert (again["account"]["created"], again["admin"]["created"]) == (False, False)
    assert (host.data_dir / "master.key").read_bytes() == key
    assert host.can_log_in("admin", "first password")
    assert not host.can_log_in("admin", "second password")


def test_init_with_an_impossible_account_leaves_none_behind(runner: CliRunner, tmp_path: Path) -> None:
    host = Host(runner, tmp_path / "new")
    result = host.run("init", "--account", "no spaces", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"]["code"] == "account_id_invalid"
    assert host.json("account", "list") == []


def test_accounts_are_made_shown_and_changed(host: Host) -> None:
    host.json("account", "create", "4711001", "--name", "Example")
    changed = host.json(
        *("account", "set", "4711001", "--signature-algorithm", "sha256", "--signature-encoding", "hex"),
        *("--reveal-client-secret", "--ttr", "URGENT=120", "--no-messaging"),
        *("--webhook-breaker", "--disable-slow-webhooks"),
        *("--survey-app", "app", "--survey-seconds", "60", "--auto-close-seconds", "3600"),
        *("--history-days", "30"),
        *("--agent-capacity", "5", "--keep-on-disconnect"),
        *("--web-origin", "https://www.example.com", "--web-origin", "http://localhost:8000"),
    )
    assert changed == host.json("account", "show", "4711001")
    assert (changed["name"], changed["signature_algorithm"], changed["signature_encoding"]) == (
        "Example",
        "sha256",
        "hex",
    )
    assert (changed["reveal_client_secret"], changed["messaging_enabled"]) == (True, False)
    assert (changed["webhook_breaker"], changed["disable_slow_webhooks"]) == (True, True)
    assert changed["history_days"] == 30
    surveyed = (changed["survey_app"], changed["survey_seconds"], changed["auto_close_seconds"])
    assert surveyed == ("app", 60, 3_600)
    assert (changed["agent_capacity"], changed["requeue_on_disconnect"]) == (5, False)
    assert changed["web_origins"] == ["https://www.example.com", "http://localhost:8000"]
    assert host.json("account", "set", "4711001", "--web-origin", "")["web_origins"] == []
    assert changed["ttr_seconds"] == {"URGENT": 120, "NORMAL": 3600, "PRIORITIZED": 600}
    assert host.json("account", "set", "4711001", "--file-total-bytes", "1000")["file_total_bytes"] == 1_000
    assert [account["account_id"] for account in host.json("account", "list")] == ["4711001", "demo"]


def test_account_that_exists_is_a_conflict(host: Host) -> None:
    result = host.run("account", "create", "demo")
    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr.endswith("(account_exists)\n")


def test_unknown_account_is_not_found(host: Host) -> None:
    for arguments in (("account", "show", "nobody"), ("user", "list", "nobody"), ("user", "disable", "nobody", "x")):
        assert host.run(*arguments).exit_code == 4


@pytest.mark.parametrize("target", ["URGENT", "URGENT=", "URGENT=-1", "URGENT=1.5", "=5"])
def test_malformed_response_target_changes_nothing(host: Host, target: str) -> None:
    before = host.json("account", "show", "demo")
    assert host.run("account", "set", "demo", "--ttr", target).exit_code in {1, 2}
    assert host.json("account", "show", "demo") == before


def test_users_are_made_with_roles_and_listed(host: Host) -> None:
    made = host.json("user", "create", "demo", "anna", "--role", "agent", "--role", "developer", "--name", "Anna A.")
    assert (made["login_name"], made["display_name"], made["roles"]) == ("anna", "Anna A.", ["agent", "developer"])
    assert host.can_log_in("anna", made["password"])
    listed = host.json("user", "list", "demo")
    assert [user["login_name"] for user in listed] == ["admin", "anna"]
    assert not any("password" in user for user in listed)


def test_user_without_a_role_is_wrong_usage(host: Host) -> None:
    assert host.run("user", "create", "demo", "anna").exit_code == 2
    assert len(host.json("user", "list", "demo")) == 1


def test_password_is_replaced(host: Host) -> None:
    host.json("user", "set-password", "demo", "ADMIN", "--password-stdin", stdin="another password\n")
    assert host.can_log_in("admin", "another password")
    assert not host.can_log_in("admin", "first password")


@pytest.mark.parametrize("password", ["", "short", "x" * 2000])
def test_unfit_password_is_refused_and_the_old_one_stays(host: Host, password: str) -> None:
    result = host.run("user", "set-password", "demo", "admin", "--password-stdin", stdin=password + "\n")
    assert (result.exit_code, "(password_invalid)" in result.stderr) == (1, True)
    assert host.can_log_in("admin", "first password")


def test_last_administrator_stays(host: Host) -> None:
    for arguments in (("user", "disable", "demo", "admin"), ("user", "set-roles", "demo", "admin", "--role", "agent")):
        result = host.run(*arguments)
        assert (result.exit_code, "(last_admin)" in result.stderr) == (5, True)
    assert host.json("user", "list", "demo")[0]["enabled"] is True


def test_user_is_disabled_and_enabled(host: Host) -> None:
    password = host.json("user", "create", "demo", "anna", "--role", "agent")["password"]
    assert host.json("user", "disable", "demo", "anna")["enabled"] is False
    assert not host.can_log_in("anna", password)
    assert host.json("user", "enable", "demo", "anna")["enabled"] is True
    assert host.can_log_in("anna", password)


def test_roles_are_replaced(host: Host) -> None:
    host.json("user", "create", "demo", "anna", "--role", "agent")
    assert host.json("user", "set-roles", "demo", "anna", "--role", "developer")["roles"] == ["developer"]


def test_wait_after_failed_logins_is_ended(host: Host) -> None:
    password = host.json("user", "create", "demo", "anna", "--role", "agent")["password"]
    assert host.run("user", "release", "demo", "anna").exit_code == 0
    assert host.can_log_in("anna", password)


def test_every_change_is_audited_as_the_operators(host: Host) -> None:
    host.json("user", "create", "demo", "anna", "--role", "agent")
    host.json("account", "set", "demo", "--name", "Other")
    assert host.audited() == [
        ("operator", "account.create"),
        ("operator", "user.create"),
        ("operator", "user.create"),
        ("operator", "account.update"),
    ]


def test_database_that_was_never_made_is_named_and_not_made(runner: CliRunner, tmp_path: Path) -> None:
    result = Host(runner, tmp_path / "none").run("account", "list")
    assert (result.exit_code, "(database_missing)" in result.stderr) == (4, True)
    assert not (tmp_path / "none").exists()


def test_settings_are_refused_without_showing_their_values(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWITCHBAY_SESSION_SECONDS", "s3cret")
    result = Host(runner, tmp_path).run("account", "list", "--json")
    error = json.loads(result.stderr)["error"]
    assert (result.exit_code, error["code"]) == (1, "settings_invalid")
    assert error["detail"]["found"][0].startswith("session_seconds: ")
    assert "s3cret" not in result.output


def test_malformed_settings_file_is_named(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "switchbay.toml").write_text("port = = 1")  # the working folder of the test
    result = Host(runner, tmp_path).run("account", "list")
    assert (result.exit_code, "switchbay.toml" in result.stderr) == (1, True)


def test_data_folder_that_cannot_be_made_is_named(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = Host(runner, tmp_path / "file" / "data").run("init")
    assert (result.exit_code, "(data_dir_unusable)" in result.stderr) == (1, True)


@pytest.mark.parametrize("url", ["mysql://x/y", "postgresql://user:s3cret@127.0.0.1:1/none"])
def test_unusable_database_is_told_in_one_line_without_its_password(
    runner: CliRunner, tmp_path: Path, url: str
) -> None:
    result = Host(runner, tmp_path).run("init", "--database-url", url)
    assert result.exit_code in {1, 6}
    assert (result.stderr.count("\n"), "s3cret" in result.output) == (1, False)


def test_second_factor_is_set_up_confirmed_and_removed(host: Host) -> None:
    host.json("user", "create", "demo", "anna", "--role", "agent", "--password-stdin", stdin="a good password\n")
    assert host.json("user", "second-factor", "show", "demo", "anna") == {"state": "none"}
    made = host.json("user", "second-factor", "begin", "demo", "ANNA")
    assert made["uri"].startswith(f"otpauth://totp/demo:anna?secret={made['secret']}")
    totp = pyotp.TOTP(made["secret"])
    wrong = "000000" if totp.now() != "000000" else "000001"
    refused = host.run("user", "second-factor", "confirm", "demo", "anna", wrong)
    assert (refused.exit_code, "(second_factor_refused)" in refused.stderr) == (3, True)
    assert host.can_log_in("anna", "a good password")
    confirmed = host.json("user", "second-factor", "confirm", "demo", "anna", totp.now())
    assert len(confirmed["recovery_codes"]) == 10
    assert host.json("user", "second-factor", "show", "demo", "anna")["state"] == "confirmed"
    with pytest.raises(AppError) as missing:
        host.can_log_in("anna", "a good password")
    assert missing.value.code == "second_factor_missing"
    again = host.run("user", "second-factor", "begin", "demo", "anna")
    assert (again.exit_code, "(second_factor_exists)" in again.stderr) == (5, True)
    assert host.run("user", "second-factor", "remove", "demo", "anna").exit_code == 0
    assert host.can_log_in("anna", "a good password")
    assert host.run("user", "second-factor", "remove", "demo", "anna").exit_code == 4
    assert ("operator", "user.second_factor_remove") in host.audited()


def test_host_without_the_master_key_sets_up_no_second_factor_and_makes_no_key(host: Host) -> None:
    (host.data_dir / "master.key").rename(host.data_dir / "elsewhere.key")
    assert host.run("user", "list", "demo").exit_code == 0
    refused = host.run("user", "second-factor", "begin", "demo", "admin")
    assert (refused.exit_code, "(master_key_missing)" in refused.stderr) == (1, True)
    assert not (host.data_dir / "master.key").exists()


@pytest.mark.parametrize("command", ["set-password", "disable"])
def test_what_apps_were_given_ends_with_the_sessions_that_a_command_ends(host: Host, command: str) -> None:
    host.json("user", "create", "demo", "anna", "--role", "agent", "--password-stdin", stdin="a good password\n")
    at = 1_700_000_000_000
    settings = load_settings(data_dir=host.data_dir)

    async def sign_on() -> None:
        async with open_accounts(settings) as accounts:
            opened = await accounts.login("demo", "anna", Secret("a good password"), "192.0.2.1")
        db = await open_database(settings.database_address, connections=1)
        scope = {"openid", "offline_access"}
        grant = Grant(
            account_id="demo",
            grant_id="g1",
            client_id="c1",
            user_id=opened.principal.user_id,
            session_id=opened.principal.session_id,
            face=Face.OIDC,
            scope=frozenset(scope),
            resources=(),
            auth_time=at,
            amr=("pwd",),
            created_at=at,
            expires_at=at * 2,
        )
        await db.write(lambda tx: insert_grant(tx, grant))
        await db.close()

    async def reason() -> object:
        db = await open_database(settings.database_address, connections=1)
        row = await db.read(lambda tx: tx.fetch_one(sa.select(grants.c.revoked_for)))
        await db.close()
        assert row is not None
        return row[0]

    run_async(sign_on())
    assert run_async(reason()) is None
    assert host.run("user", command, "demo", "anna").exit_code == 0
    assert run_async(reason()) == "session_user"
