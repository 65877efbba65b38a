"""What was issued to applications: rotating their client secret, revoking their tokens."""

from typing import Annotated

import typer

from switchbay.cli.commands.apps.group import (
    AppArgument,
    Yes,
    app,
    app_path,
    confirm,
    show_changed,
)
from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, note, objects, plain, print_fields, print_json, when
from switchbay.kit.jsonvalue import JsonValue


@app.command("rotate-secret")
def rotate_secret(
    app_id: AppArgument,
    overlap: Annotated[
        int | None, typer.Option(min=0, metavar="SECONDS", help="How long the old secret stays valid; 0: ends now.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Rotate although an older rotation has not ended; its oldest secret ends.")
    ] = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Give an application a new client secret, which is shown only now.

    \b
    Examples:
      switchbay apps rotate-secret com.example.connector
      switchbay apps rotate-secret com.example.connector --overlap 3600 --json | jq -r .client_secret
    """
    body: dict[str, JsonValue] = {"force": force}
    if overlap is not None:
        body["overlap_seconds"] = overlap
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("POST", f"{app_path(connection, app_id)}/rotate-secret", body=body))
    if json_output:
        print_json(answer)
        return
    shown = mapping(answer.get("app"))
    ends = [secret.get("not_after") for secret in objects(shown.get("secrets")) if _is_ending(secret)]
    print_fields(
        [
            ("app", shown.get("client_name")),
            ("client_secret", answer.get("client_secret")),
            ("old secret", f"valid until {when(ends[0])}" if ends else "ended"),
        ]
    )
    note("The new secret is shown only now. End the old one with: switchbay apps finish-rotation")


def _is_ending(secret: dict[str, JsonValue]) -> bool:
    return secret.get("name") == "primary" and bool(secret.get("not_after"))


@app.command("finish-rotation")
def finish_rotation(
    app_id: AppArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """End the previous client secret of an application now.

    \b
    Examples:
      switchbay apps finish-rotation com.example.connector
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("POST", f"{app_path(connection, app_id)}/finish-rotation"))
    show_changed("has one secret", answer, json_output)


@app.command("revoke-tokens")
def revoke_tokens(
    app_id: AppArgument,
    yes: Yes = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """End everything that was issued to an application until now: codes, access and refresh tokens.

    \b
    Examples:
      switchbay apps revoke-tokens com.example.connector --yes
    """
    with connected(server, account, user, ca_file) as connection:
        path = app_path(connection, app_id)
        confirm(f"End every token of {plain(app_id)}?", yes=yes)
        answer = mapping(connection.call("POST", f"{path}/revoke-tokens"))
    show_changed("tokens revoked", answer, json_output)
