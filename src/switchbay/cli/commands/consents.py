"""The commands ``consents …``: what users, or an administrator for everybody, have allowed applications."""

from typing import Annotated

import typer

from switchbay.cli.client import segment
from switchbay.cli.commands.apps.group import AppArgument, Yes, confirm, find_app
from switchbay.cli.connection import AccountOption, CaFileOption, Connection, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, note, objects, plain, print_json, print_table, when
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
EVERYBODY = "*"


@app.callback()
def consents_group() -> None:
    """See, give and withdraw what users have allowed applications.

    \b
    Examples:
      switchbay consents list
      switchbay consents grant com.example.web
    """


@app.command("list")
def list_consents(
    app_id: Annotated[
        str | None, typer.Option("--app", help="Only of this app: installation id or client_name.")
    ] = None,
    of: Annotated[str | None, typer.Option(help="Only of this user: user id or login name.")] = None,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier list ended.")] = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """List what users have allowed applications; * stands for everybody. Who is no administrator sees their own.

    \b
    Examples:
      switchbay consents list
      switchbay consents list --app com.example.web --of ada@example.com
    """
    with connected(server, account, user, ca_file) as connection:
        query = [("cursor", cursor)] if cursor is not None else []
        if app_id is not None:  # an app that was uninstalled has no name any more
            query.append(("app", find_app(connection, app_id) or app_id))
        if of is not None:
            query.append(("user", _user_id(connection, of)))
        answer = mapping(connection.call("GET", "/consents", query=query))
    if json_output:
        print_json(answer)
        return
    print_table(
        ("APP", "USER", "SCOPE", "SINCE", "GIVEN BY"),
        [
            (
                shown.get("app"),
                shown.get("user"),
                shown.get("scope"),
                when(shown.get("granted_at")),
                shown.get("granted_by"),
            )
            for shown in objects(answer.get("items"))
        ],
    )
    if answer.get("next_cursor"):
        note(f"more: --cursor {plain(answer.get('next_cursor'))}")


@app.command("grant")
def grant(
    app_id: AppArgument,
    scope: Annotated[
        str | None, typer.Option(help="Words with spaces between; without it all that the app may ask for.")
    ] = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Allow an application on behalf of everybody in the account: no user is asked about this scope any more.

    \b
    Examples:
      switchbay consents grant com.example.web
      switchbay consents grant com.example.web --scope "openid profile"
    """
    with connected(server, account, user, ca_file) as connection:
        body: dict[str, JsonValue] = {"app": _app_id(connection, app_id), "scope": scope}
        answer = mapping(connection.call("POST", "/consents", body=body))
    if json_output:
        print_json(answer)
        return
    note(f"{plain(app_id)} is allowed for everybody: {plain(answer.get('scope'))}")


@app.command("withdraw")
def withdraw(
    app_id: AppArgument,
    of: Annotated[
        str | None,
        typer.Option(help="The consent of this user: user id or login name; without it the one for everybody."),
    ] = None,
    yes: Yes = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Take a consent back and end what was granted on it: codes, refresh tokens, access tokens.

    \b
    Examples:
      switchbay consents withdraw com.example.web --yes
      switchbay consents withdraw com.example.web --of ada@example.com
    """
    with connected(server, account, user, ca_file) as connection:
        whose = EVERYBODY if of is None else _user_id(connection, of)
        found = find_app(connection, app_id) or app_id
        who = "everybody" if of is None else plain(of)
        confirm(f"Withdraw the consent of {who} to {plain(app_id)}?", yes=yes)
        answer = mapping(connection.call("DELETE", f"/consents/{segment(found)}/{segment(whose)}"))
    if json_output:
        print_json(answer)
        return
    note(f"{plain(app_id)}: withdrawn, {plain(answer.get('grants_ended'))} grants ended")


def _app_id(connection: Connection, app: str) -> str:
    found = find_app(connection, app)
    if found is None:
        raise AppError(Kind.NOT_FOUND, "app_unknown", f"The account has no app {app!r}.")
    return found


def _user_id(connection: Connection, named: str) -> str:
    """The id of a user; a login name is looked up, in whatever case it is written."""
    if named.isdecimal() or named == EVERYBODY:
        return named
    cursor: JsonValue = None
    while True:
        query = [("cursor", str(cursor))] if cursor is not None else []
        answer = mapping(connection.call("GET", "/users", query=query))
        for shown in objects(answer.get("items")):
            if str(shown.get("login_name")).casefold() == named.casefold():
                return str(shown.get("user_id"))
        cursor = answer.get("next_cursor")
        if cursor is None:
            raise AppError(Kind.NOT_FOUND, "user_unknown", f"The account has no user {named!r}.")
