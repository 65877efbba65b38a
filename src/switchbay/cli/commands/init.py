"""The command ``init``: everything a host needs before its first ``serve``."""

from pathlib import Path
from typing import Annotated

import typer

from switchbay.accounts.public import Accounts, Role
from switchbay.cli.configuration import DatabaseUrl, DataDir, load_settings
from switchbay.cli.local import migrate_database, open_accounts, prepare_data_dir, this_operator
from switchbay.cli.output import JsonFlag, note, print_fields, print_json
from switchbay.cli.passwords import new_password
from switchbay.cli.servers import run_async
from switchbay.infra.settings import Settings
from switchbay.infra.tls import authority_file, ensure_certificate
from switchbay.infra.vault import load_vault
from switchbay.kit.secret import Secret

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def init(
    account: Annotated[str, typer.Option(help="Account to make: 1 to 20 letters, digits, underscores.")] = "demo",
    account_name: Annotated[str | None, typer.Option(help="Name of the account for people.")] = None,
    admin: Annotated[str, typer.Option(help="Login name of its first administrator.")] = "admin",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the administrator's password from standard input.")
    ] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json_output: JsonFlag = False,
) -> None:
    """Prepare this host: data folder, master key, local certificates, database, first account and administrator.

    What exists already is kept, so it is safe to run again. Without a terminal and --password-stdin a password is made
    up and shown once.

    \b
    Examples:
      switchbay init
      switchbay init --account 4711001 --admin ada@example.com
      pass show switchbay | switchbay init --password-stdin --json
    """
    settings = load_settings(data_dir=data_dir, database_url=database_url)
    prepare_data_dir(settings)
    load_vault(settings.master_keys.get_secret_value(), settings.data_dir / "master.key")
    ca_file = _prepare_certificates(settings)
    migrate_database(settings)

    async def prepare() -> tuple[bool, str | None, bool]:
        async with open_accounts(settings) as accounts:
            made_account = await _ensure_account(accounts, account, account_name or account)
            made_up, made_admin = await _ensure_admin(accounts, account, admin, from_stdin=password_stdin)
            return made_account, None if made_up is None else made_up.reveal(), made_admin

    made_account, made_up, made_admin = run_async(prepare())
    if json_output:
        print_json(
            {
                "data_dir": str(settings.data_dir.resolve()),
                "ca_file": None if ca_file is None else str(ca_file.resolve()),
                "account": {"account_id": account, "created": made_account},
                "admin": {"login_name": admin, "created": made_admin, "password": made_up},
            }
        )
        return
    print_fields(
        [
            ("data folder", settings.data_dir.resolve()),
            ("authority", None if ca_file is None else ca_file.resolve()),
            ("account", f"{account} ({'made' if made_account else 'was there'})"),
            ("administrator", f"{admin} ({'made' if made_admin else 'was there'})"),
            ("password", made_up),
        ]
    )
    if made_up is not None:
        note("The password was made up and is shown only now.")
    note("Next: switchbay serve")


def _prepare_certificates(settings: Settings) -> Path | None:
    if settings.tls != "local":
        return None
    ensure_certificate(settings.data_dir, settings.tls_hosts)
    return authority_file(settings.data_dir)


async def _ensure_account(accounts: Accounts, account_id: str, name: str) -> bool:
    if await accounts.find_account(account_id) is not None:
        return False
    await accounts.create_account(account_id, name, this_operator())
    return True


async def _ensure_admin(
    accounts: Accounts, account_id: str, login_name: str, *, from_stdin: bool
) -> tuple[Secret | None, bool]:
    """Make the administrator unless there is such a user; return the password if it was made up."""
    if await accounts.find_user_by_login(account_id, login_name) is not None:
        return None, False
    password, made_up = new_password(from_stdin=from_stdin)
    await accounts.create_user(account_id, login_name, password, [Role.ADMIN], this_operator())
    return password if made_up else None, True
