"""The commands ``apps secrets …``: the client secrets of an application, of which several are valid at once."""

import time
from typing import Annotated

import typer

from switchbay.cli.client import segment
from switchbay.cli.commands.apps.group import AppArgument, Yes, app, app_path, confirm, show_changed
from switchbay.cli.connection import AccountOption, CaFileOption, Connection, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, note, objects, plain, print_fields, print_json, print_table, when
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

_DAY_MS = 86_400_000
secrets = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
app.add_typer(secrets, name="secrets")


@secrets.callback()
def secrets_group() -> None:
    """List, add and remove the client secrets of an application.

    \b
    Examples:
      switchbay apps secrets add com.example.connector "second data centre"
      switchbay apps secrets list com.example.connector
    """


@secrets.command("list")
def list_secrets(
    app_id: AppArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """List the valid client secrets of an application, without their texts.

    \b
    Examples:
      switchbay apps secrets list com.example.connector
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", f"{app_path(connection, app_id)}/secrets"))
    if json_output:
        print_json(answer)
        return
    print_table(
        ("NAME", "SECRET", "CREATED", "LAST USED", "ENDS", "SIGNS WEBHOOKS"),
        [
            (
                secret.get("name"),
                secret.get("secret_id"),
                when(secret.get("created_at")),
                when(secret.get("last_used_at")) or "never",
                when(secret.get("not_after")) or "never",
                "yes" if secret.get("signs_webhooks") else "no",
            )
            for secret in objects(answer.get("items"))
        ],
    )


@secrets.command("add")
def add(
    app_id: AppArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the secret is called; who uses it, for example.")],
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="After how many days it ends; without, it does not.")
    ] = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Give an application one more client secret, which is shown only now.

    \b
    Examples:
      switchbay apps secrets add com.example.connector "second data centre"
      switchbay apps secrets add com.example.connector contractor --days 30 --json | jq -r .client_secret
    """
    body: dict[str, JsonValue] = {"name": name}
    if days is not None:
        body["not_after"] = time.time_ns() // 1_000_000 + days * _DAY_MS
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("POST", f"{app_path(connection, app_id)}/secrets", body=body))
    if json_output:
        print_json(answer)
        return
    shown = mapping(answer.get("app"))
    theirs = [each for each in objects(shown.get("secrets")) if each.get("secret_id") == answer.get("secret_id")]
    print_fields(
        [
            ("app", shown.get("client_name")),
            *(("name", secret.get("name")) for secret in theirs),
            ("client_secret", answer.get("client_secret")),
            *(("ends", when(secret.get("not_after")) or "never") for secret in theirs),
        ]
    )
    note("The client secret is shown only now; keep it where the application can read it.")


@secrets.command("remove")
def remove(
    app_id: AppArgument,
    secret: Annotated[str, typer.Argument(metavar="SECRET", help="Id or name of the secret.")],
    yes: Yes = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """End a client secret of an application now.

    \b
    Examples:
      switchbay apps secrets remove com.example.connector "second data centre" --yes
    """
    with connected(server, account, user, ca_file) as connection:
        path = f"{app_path(connection, app_id)}/secrets"
        secret_id = _find_secret(connection, path, secret)
        confirm(f"End the secret {plain(secret)} of {plain(app_id)}?", yes=yes)
        answer = mapping(connection.call("DELETE", f"{path}/{segment(secret_id)}"))
    show_changed("secret removed", answer, json_output)


def _find_secret(connection: Connection, path: str, wanted: str) -> str:
    """The id of a secret that was named by its id or its name. Raises ``secret_unknown``."""
    listed = objects(mapping(connection.call("GET", path)).get("items"))
    by_id = [secret for secret in listed if secret.get("secret_id") == wanted]
    named = by_id or [secret for secret in listed if str(secret.get("name")).casefold() == wanted.casefold()]
    if len(named) > 1:
        raise AppError(Kind.CONFLICT, "secret_ambiguous", f"Several secrets are called {wanted!r}; name one by its id.")
    if not named:
        raise AppError(Kind.NOT_FOUND, "secret_unknown", f"The app has no secret {wanted!r}.")
    return str(named[0].get("secret_id"))
