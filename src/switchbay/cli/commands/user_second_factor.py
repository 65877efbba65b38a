"""The commands ``user second-factor …``: second factors of users, by the host's operator, on the database."""

from typing import Annotated

import typer

from switchbay.accounts.public import Accounts, User
from switchbay.cli.commands.second_factor import show_state
from switchbay.cli.commands.user_choice import AccountId, LoginName, with_user
from switchbay.cli.configuration import DatabaseUrl, DataDir, load_settings
from switchbay.cli.enrolment import show_enrolment, show_recovery_codes
from switchbay.cli.local import this_operator
from switchbay.cli.output import JsonFlag, note, print_json
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.secret import Secret

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)


@app.callback()
def second_factors_group() -> None:
    """Set up and remove second factors of users, on this host's database.

    \b
    Examples:
      switchbay user second-factor remove demo anna
    """


@app.command("show")
def show(
    account: AccountId,
    login: LoginName,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json_output: JsonFlag = False,
) -> None:
    """Show whether a user has a second factor.

    \b
    Examples:
      switchbay user second-factor show demo anna
    """

    async def act(accounts: Accounts, user: User) -> dict[str, JsonValue]:
        state = await accounts.find_second_factor(account, user.user_id)
        if state is None:
            return {"state": "none"}
        return {
            "state": "pending" if state.confirmed_at is None else "confirmed",
            "created_at": state.created_at,
            "confirmed_at": state.confirmed_at,
            "recovery_codes_left": state.recovery_codes_left,
        }

    settings = load_settings(data_dir=data_dir, database_url=database_url)
    show_state(with_user(settings, account, login, act), as_json=json_output)


@app.command("begin")
def begin(
    account: AccountId,
    login: LoginName,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json_output: JsonFlag = False,
) -> None:
    """Set up a second factor for a user. It is in use once a code of it has confirmed it.

    \b
    Examples:
      switchbay user second-factor begin demo anna
    """

    async def act(accounts: Accounts, user: User) -> tuple[str, str]:
        made = await accounts.begin_second_factor(account, user.user_id, this_operator())
        return made.secret.reveal(), made.uri.reveal()

    settings = load_settings(data_dir=data_dir, database_url=database_url)
    secret, uri = with_user(settings, account, login, act)
    show_enrolment(secret, uri, f"switchbay user second-factor confirm {account} {login} CODE", as_json=json_output)


@app.command("confirm")
def confirm(
    account: AccountId,
    login: LoginName,
    code: Annotated[str, typer.Argument(metavar="CODE", help="Code that the authenticator app shows.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json_output: JsonFlag = False,
) -> None:
    """Put the second factor of a user into use; prints ten recovery codes.

    \b
    Examples:
      switchbay user second-factor confirm demo anna 123456
    """

    async def act(accounts: Accounts, user: User) -> list[str]:
        made = await accounts.confirm_second_factor(account, user.user_id, Secret(code), this_operator())
        return [each.reveal() for each in made]

    settings = load_settings(data_dir=data_dir, database_url=database_url)
    show_recovery_codes(with_user(settings, account, login, act), as_json=json_output)


@app.command("remove")
def remove(
    account: AccountId,
    login: LoginName,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json_output: JsonFlag = False,
) -> None:
    """Remove the second factor of a user, for a lost device. From then on the password is enough.

    \b
    Examples:
      switchbay user second-factor remove demo anna
    """

    async def act(accounts: Accounts, user: User) -> None:
        await accounts.take_second_factor(account, user.user_id, this_operator())

    settings = load_settings(data_dir=data_dir, database_url=database_url)
    with_user(settings, account, login, act)
    if json_output:
        print_json({"state": "none"})
        return
    note(f"The second factor of {login} is removed.")
