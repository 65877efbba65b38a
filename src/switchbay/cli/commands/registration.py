"""The commands ``registration …``: tokens with which applications register themselves (RFC 7591)."""

from typing import Annotated

import typer

from switchbay.cli.client import segment
from switchbay.cli.commands.apps.group import Yes, confirm
from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, note, objects, plain, print_fields, print_json, print_table, when
from switchbay.kit.jsonvalue import JsonValue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
_DAY_SECONDS = 86_400


@app.callback()
def registration_group() -> None:
    """Hand out tokens with which applications register themselves.

    \b
    Examples:
      switchbay registration token "team A" --uses 3
      switchbay registration list
    """


@app.command("token")
def make_token(
    label: Annotated[str, typer.Argument(metavar="LABEL", help="What the token is for.")],
    uses: Annotated[int, typer.Option(min=1, max=1_000, help="How many applications it may register.")] = 1,
    days: Annotated[int, typer.Option(min=1, max=365, help="After how many days it ends.")] = 7,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Make an initial access token, which is shown only now. Whoever has it can install applications.

    \b
    Examples:
      switchbay registration token "team A" --uses 3 --days 30
      switchbay registration token ci --json | jq -r .token
    """
    body: dict[str, JsonValue] = {"label": label, "uses": uses, "expires_in": days * _DAY_SECONDS}
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("POST", "/registration-tokens", body=body))
    if json_output:
        print_json(answer)
        return
    print_fields(
        [
            ("token", answer.get("token")),
            ("id", answer.get("token_id")),
            ("uses", answer.get("uses_left")),
            ("ends", when(answer.get("expires_at"))),
        ]
    )
    note("The token is shown only now; hand it out as you would a password.")


@app.command("list")
def list_tokens(
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """List the initial access tokens of the account, without their texts.

    \b
    Examples:
      switchbay registration list
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", "/registration-tokens"))
    if json_output:
        print_json(answer)
        return
    rows = [
        (
            shown.get("token_id"),
            shown.get("label"),
            shown.get("uses_left"),
            when(shown.get("expires_at")),
            shown.get("created_by"),
        )
        for shown in objects(answer.get("items"))
    ]
    print_table(("id", "label", "uses left", "ends", "made by"), rows)


@app.command("revoke")
def revoke_token(
    token: Annotated[str, typer.Argument(metavar="ID", help="Id of the token, as the list shows it.")],
    yes: Yes = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Take an initial access token back. Applications that were registered with it stay.

    \b
    Examples:
      switchbay registration revoke iat_01hf7yat00fhwpv713z11x78q3 --yes
    """
    with connected(server, account, user, ca_file) as connection:
        confirm(f"Take {plain(token)} back?", yes=yes)
        connection.call("DELETE", f"/registration-tokens/{segment(token)}")
    if json_output:
        print_json({"token_id": token, "revoked": True})
        return
    note(f"{plain(token)}: revoked")
