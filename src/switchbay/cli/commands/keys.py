"""The commands ``keys …``: the keys that sign an account's tokens, over the management API of a server."""

from typing import Annotated, Literal

import typer

from switchbay.cli.commands.apps.group import Yes, confirm
from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, note, objects, print_json, print_table, when
from switchbay.kit.jsonvalue import JsonValue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)


@app.callback()
def keys_group() -> None:
    """See and replace the keys that sign an account's tokens.

    \b
    Examples:
      switchbay keys list
      switchbay keys rotate oidc
    """


@app.command("list")
def list_keys(
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """List the signing keys of the account: what each signs, where it is in its life, and until when.

    \b
    Examples:
      switchbay keys list
      switchbay keys list --json
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", "/keys"))
    _show(answer, json_output)


@app.command("rotate")
def rotate(
    purpose: Annotated[
        Literal["app_v1", "app_v2", "consumer", "oidc"],
        typer.Argument(metavar="PURPOSE", help="What the key signs: app_v1, app_v2, consumer or oidc."),
    ],
    alg: Annotated[Literal["RS256", "ES256"], typer.Option(help="How it signs; ES256 for oidc only.")] = "RS256",
    emergency: Annotated[
        bool,
        typer.Option(
            "--emergency", help="Drop every key of this purpose and algorithm now; what they signed is good no more."
        ),
    ] = False,
    yes: Yes = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Replace a signing key ahead of its time.

    The successor of a published key (app_v2, oidc) is published now and signs once every cached key set has it; one
    that is not published signs at once. What was signed before stays good, except in an emergency.

    \b
    Examples:
      switchbay keys rotate oidc --alg ES256
      switchbay keys rotate oidc --emergency
    """
    with connected(server, account, user, ca_file) as connection:
        if emergency:
            confirm(f"Drop every {alg} key for {purpose}, and with it every token that they signed?", yes=yes)
        body: dict[str, JsonValue] = {"purpose": purpose, "alg": alg, "emergency": emergency}
        answer = mapping(connection.call("POST", "/keys/rotate", body=body))
    _show(answer, json_output)


def _show(answer: dict[str, JsonValue], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    found = objects(answer.get("items"))
    if not found:
        note("There are no keys yet: each is made when it is first needed.")
        return
    print_table(
        ("PURPOSE", "ALG", "STATE", "SINCE", "UNTIL", "KEY"),
        [
            (
                key.get("purpose"),
                key.get("alg"),
                key.get("state"),
                when(key.get("state_at")),
                when(key.get("until")),
                key.get("kid"),
            )
            for key in found
        ],
    )
