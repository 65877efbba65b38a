"""The command ``apps test-event``: see whether an application's endpoint takes an event."""

from typing import Annotated

import typer

from switchbay.cli.commands.apps.group import AppArgument, app, app_path
from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, note, plain, print_json


@app.command("test-event")
def send_test_event(
    app_id: AppArgument,
    event: Annotated[
        str, typer.Argument(metavar="EVENT", help="Event, such as ms.MessagingEventNotification.ContentEvent.")
    ],
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Send an application a test event of a kind that it subscribes to, signed like real ones and marked as a test.

    \b
    Examples:
      switchbay apps test-event com.example.bot ms.MessagingEventNotification.ContentEvent
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("POST", f"{app_path(connection, app_id)}/test-events", body={"event": event}))
    if json_output:
        print_json(answer)
    else:
        typer.echo(plain(answer.get("id")))
        note(f"follow it with: switchbay deliveries show {answer.get('id')}")
