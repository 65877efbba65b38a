"""Deciding about applications that ask for the events of all conversations of the account."""

from typing import Annotated, Literal

import typer

from switchbay.cli.commands.apps.group import AppArgument, app, app_path
from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, print_fields, print_json, when


@app.command("conversations")
def conversations(
    app_id: AppArgument,
    decision: Annotated[
        Literal["approve", "refuse", "withdraw"] | None,
        typer.Argument(metavar="DECISION", help="approve, refuse or withdraw; left out, the state is shown."),
    ] = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Decide whether an application that asks for it gets the events of all conversations of the account.

    \b
    Examples:
      switchbay apps conversations com.example.archive
      switchbay apps conversations com.example.archive approve
    """
    with connected(server, account, user, ca_file) as connection:
        path = app_path(connection, app_id)
        if decision is None:
            answer = mapping(connection.call("GET", path))
        else:
            answer = mapping(connection.call("POST", f"{path}/conversations/{decision}"))
    if json_output:
        print_json(answer)
        return
    shown = mapping(answer.get("app"))
    access = mapping(shown.get("conversations"))
    decided_at = access.get("decided_at")
    print_fields(
        [
            ("app", shown.get("client_name")),
            ("asks for", access.get("asked")),
            ("state", access.get("state") or "-"),
            ("decided", when(decided_at) if decided_at else "-"),
        ]
    )
