"""The commands ``operational …``: who is told by webhook how the endpoints of an account's applications are doing."""

from typing import Annotated

import typer

from switchbay.cli.client import segment
from switchbay.cli.commands.apps.group import Yes, confirm
from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, note, objects, print_fields, print_json, print_table, when
from switchbay.cli.passwords import given_secret
from switchbay.kit.jsonvalue import JsonValue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
SECRET_VARIABLE = "SWITCHBAY_OPERATIONAL_SECRET"  # noqa: S105 - the name of a variable


@app.callback()
def operational_group() -> None:
    """Be told by webhook when endpoints of applications fail, recover or are disabled.

    \b
    Examples:
      switchbay operational add https://ops.example.com/switchbay
      switchbay operational list
    """


@app.command("add")
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Address that is told.")],
    secret_stdin: Annotated[
        bool,
        typer.Option("--secret-stdin", help="Read the secret that signs from standard input; else one is made up."),
    ] = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Tell an address from now on. The secret that signs is shown only now.

    \b
    Examples:
      switchbay operational add https://ops.example.com/switchbay
      switchbay operational add https://ops.example.com/switchbay --secret-stdin < secret.txt
    """
    body: dict[str, JsonValue] = {"url": url}
    if secret_stdin:
        body["secret"] = given_secret("secret", SECRET_VARIABLE, from_stdin=True).reveal()
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("POST", "/operational-webhooks", body=body))
    if json_output:
        print_json(answer)
        return
    print_fields([("id", answer.get("id")), ("url", answer.get("url")), ("secret", answer.get("secret"))])
    note("The secret is shown only now.")


@app.command("list")
def list_operational(
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """List who is told.

    \b
    Examples:
      switchbay operational list
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", "/operational-webhooks"))
    if json_output:
        print_json(answer)
        return
    rows = [(each.get("id"), each.get("url"), when(each.get("created_at"))) for each in objects(answer.get("items"))]
    print_table(("ID", "URL", "CREATED"), rows)


@app.command("remove")
def remove(
    subscription: Annotated[str, typer.Argument(metavar="ID", help="Id, as the list shows it.")],
    yes: Yes = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Tell an address no more; what is pending for it is cancelled.

    \b
    Examples:
      switchbay operational remove ops_01hf7yat00fhwpv713z11x78q3 --yes
    """
    confirm(f"Tell {subscription} no more?", yes=yes)
    with connected(server, account, user, ca_file) as connection:
        connection.call("DELETE", f"/operational-webhooks/{segment(subscription)}")
    if json_output:
        print_json({"removed": subscription})
    else:
        note(f"{subscription} is told no more")
