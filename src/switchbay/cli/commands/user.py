"""The commands ``user …``: users of an account, by the host's operator, directly on the database."""

from typing import Annotated

import typer

from switchbay.accounts.public import Accounts, Role, User, UserChange
from switchbay.cli.commands import user_second_factor
from switchbay.cli.commands.user_choice import AccountId, LoginName, with_user
from switchbay.cli.configuration import DatabaseUrl, DataDir, load_settings
from switchbay.cli.local import open_accounts, this_operator
from switchbay.cli.output import JsonFlag, note, print_fields, print_json, print_table, when
from switchbay.cli.passwords import new_password
from switchbay.cli.servers import run_async
from switchbay.infra.settings import Settings
from switchbay.kit.jsonvalue import JsonValue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
app.add_typer(user_second_factor.app, name="second-factor")
Roles = Annotated[list[Role], typer.Option("--role", help="Role; may be repeated.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
]


@app.callback()
def users_group() -> None:
    """Make and change users of an account, on this host's database.

    \b
    Examples:
      switchbay user create demo anna --role agent
      switchbay user list demo
    """


@app.command("create")
def create(
    account: AccountId,
    login: LoginName,
    role: Roles,
    name: Annotated[str | None, typer.Option(help="Name that consumers see; the login name when left out.")] = None,
    password_stdin: PasswordStdin = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json_output: JsonFlag = False,
) -> None:
    """Make a user.

    Without a terminal and --password-stdin a password is made up and shown once.

    \b
    Examples:
      switchbay user create demo anna --role agent --name "Anna A."
      switchbay user create demo dev --role developer --role agent --password-stdin < password.txt
    """
    settings = load_settings(data_dir=data_dir, database_url=database_url)
    password, made_up = new_password(from_stdin=password_stdin)

    async def make() -> User:
        async with open_accounts(settings) as accounts:
            return await accounts.create_user(account, login, password, role, this_operator(), display_name=name)

    _show(run_async(make()), json_output, password.reveal() if made_up else None)


@app.command("list")
def list_users(
    account: AccountId, data_dir: DataDir = None, database_url: DatabaseUrl = None, json_output: JsonFlag = False
) -> None:
    """List the users of an account.

    \b
    Examples:
      switchbay user list demo
    """
    settings = load_settings(data_dir=data_dir, database_url=database_url)

    async def read() -> list[User]:
        found: list[User] = []
        async with open_accounts(settings) as accounts:
            await accounts.get_account(account)
            while page := await accounts.list_users(account, after=found[-1].user_id if found else None):
                found.extend(page)
        return found

    found = run_async(read())
    if json_output:
        print_json([_to_json(user) for user in found])
        return
    print_table(
        ("ID", "LOGIN", "NAME", "ROLES", "STATE", "CREATED"),
        [
            (user.user_id, user.login_name, user.display_name, _roles(user), _state(user), when(user.created_at))
            for user in found
        ],
    )


@app.command("set-password")
def set_password(
    account: AccountId,
    login: LoginName,
    password_stdin: PasswordStdin = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json_output: JsonFlag = False,
) -> None:
    """Give a user a new password. It ends the user's sessions and any wait after failed logins.

    \b
    Examples:
      switchbay user set-password demo anna
    """
    settings = load_settings(data_dir=data_dir, database_url=database_url)
    password, made_up = new_password(from_stdin=password_stdin)
    user = _update(settings, account, login, UserChange(password=password))
    _show(user, json_output, password.reveal() if made_up else None)


@app.command("disable")
def disable(
    account: AccountId,
    login: LoginName,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json_output: JsonFlag = False,
) -> None:
    """Disable a user and end the user's sessions. The last administrator stays.

    \b
    Examples:
      switchbay user disable demo anna
    """
    settings = load_settings(data_dir=data_dir, database_url=database_url)
    _show(_update(settings, account, login, UserChange(enabled=False)), json_output, None)


@app.command("enable")
def enable(
    account: AccountId,
    login: LoginName,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json_output: JsonFlag = False,
) -> None:
    """Enable a disabled user.

    \b
    Examples:
      switchbay user enable demo anna
    """
    settings = load_settings(data_dir=data_dir, database_url=database_url)
    _show(_update(settings, account, login, UserChange(enabled=True)), json_output, None)


@app.command("set-roles")
def set_roles(
    account: AccountId,
    login: LoginName,
    role: Roles,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json_output: JsonFlag = False,
) -> None:
    """Replace a user's roles.

    \b
    Examples:
      switchbay user set-roles demo anna --role agent --role developer
    """
    settings = load_settings(data_dir=data_dir, database_url=database_url)
    _show(_update(settings, account, login, UserChange(roles=frozenset(role))), json_output, None)


@app.command("release")
def release(
    account: AccountId,
    login: LoginName,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json_output: JsonFlag = False,
) -> None:
    """End the wait that failed logins of a user began.

    \b
    Examples:
      switchbay user release demo anna
    """
    settings = load_settings(data_dir=data_dir, database_url=database_url)

    async def act(accounts: Accounts, user: User) -> User:
        await accounts.release_user(account, user.user_id, this_operator())
        return user

    _show(with_user(settings, account, login, act), json_output, None)


def _update(settings: Settings, account: str, login: str, change: UserChange) -> User:
    async def act(accounts: Accounts, user: User) -> User:
        return await accounts.update_user(account, user.user_id, change, this_operator())

    return with_user(settings, account, login, act)


def _roles(user: User) -> str:
    return ", ".join(sorted(user.roles))


def _state(user: User) -> str:
    return "enabled" if user.enabled else "disabled"


def _to_json(user: User) -> dict[str, JsonValue]:
    return {
        "account_id": user.account_id,
        "user_id": user.user_id,
        "user_pid": user.user_pid,
        "login_name": user.login_name,
        "display_name": user.display_name,
        "roles": [*sorted(role.value for role in user.roles)],
        "enabled": user.enabled,
        "created_at": user.created_at,
        "password_changed_at": user.password_changed_at,
    }


def _show(user: User, as_json: bool, made_up: str | None) -> None:
    if as_json:
        print_json(_to_json(user) | ({} if made_up is None else {"password": made_up}))
        return
    print_fields(
        [
            ("user", user.login_name),
            ("id", user.user_id),
            ("pid", user.user_pid),
            ("name", user.display_name),
            ("roles", _roles(user)),
            ("state", _state(user)),
            ("password", made_up),
        ]
    )
    if made_up is not None:
        note("The password was made up and is shown only now.")
