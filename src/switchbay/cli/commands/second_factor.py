"""The commands ``second-factor …``: a logged-in user's own second factor, over the management API."""

from typing import Annotated

import typer

from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.enrolment import show_enrolment, show_recovery_codes
from switchbay.cli.output import JsonFlag, mapping, note, print_fields, print_json, when
from switchbay.kit.jsonvalue import JsonValue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
CodeArgument = Annotated[
    str, typer.Argument(metavar="CODE", help="Code that the authenticator app shows, or a recovery code.")
]
_PATH = "/me/second-factor"


@app.callback()
def second_factor_group() -> None:
    """Look after your own second factor on a server.

    \b
    Examples:
      switchbay second-factor begin
      switchbay second-factor confirm 123456
    """


@app.command("show")
def show(
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Show whether you have a second factor.

    \b
    Examples:
      switchbay second-factor show
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", _PATH))
    show_state(answer, as_json=json_output)


@app.command("begin")
def begin(
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Set up a second factor. It needs a login of the last fifteen minutes, and is in use once you confirm it.

    \b
    Examples:
      switchbay second-factor begin
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("POST", _PATH))
    secret, uri = str(answer.get("secret", "")), str(answer.get("uri", ""))
    show_enrolment(secret, uri, "switchbay second-factor confirm CODE", as_json=json_output)


@app.command("confirm")
def confirm(
    code: CodeArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Put your second factor into use; prints ten recovery codes.

    \b
    Examples:
      switchbay second-factor confirm 123456
    """
    with connected(server, account, user, ca_file) as connection:
        answer = connection.call("POST", f"{_PATH}/confirm", body={"code": code})
    show_recovery_codes(_codes(answer), as_json=json_output)


@app.command("recovery-codes")
def recovery_codes(
    code: CodeArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Make ten new recovery codes; the old ones end.

    \b
    Examples:
      switchbay second-factor recovery-codes 123456
    """
    with connected(server, account, user, ca_file) as connection:
        answer = connection.call("POST", f"{_PATH}/recovery-codes", body={"code": code})
    show_recovery_codes(_codes(answer), as_json=json_output)


@app.command("remove")
def remove(
    code: CodeArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Remove your second factor.

    \b
    Examples:
      switchbay second-factor remove 123456
    """
    with connected(server, account, user, ca_file) as connection:
        connection.call("POST", f"{_PATH}/remove", body={"code": code})
    if json_output:
        print_json({"state": "none"})
        return
    note("The second factor is removed.")


def show_state(state: dict[str, JsonValue], *, as_json: bool) -> None:
    """Show the state of a second factor."""
    if as_json:
        print_json(state)
        return
    print_fields(
        [
            ("second factor", state.get("state")),
            ("set up", when(state.get("created_at")) or None),
            ("in use since", when(state.get("confirmed_at")) or None),
            ("recovery codes left", state.get("recovery_codes_left")),
        ]
    )


def _codes(answer: JsonValue) -> list[str]:
    codes = mapping(answer).get("recovery_codes")
    return [code for code in codes if isinstance(code, str)] if isinstance(codes, list) else []
