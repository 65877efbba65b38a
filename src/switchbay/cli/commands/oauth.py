"""The commands ``oauth …``: what an account's authorization server allows, over the management API of a server."""

from typing import Annotated, Literal

import typer

from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, print_fields, print_json
from switchbay.kit.jsonvalue import JsonValue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)


@app.callback()
def oauth_group() -> None:
    """See and change what the authorization server of an account allows.

    \b
    Examples:
      switchbay oauth show
      switchbay oauth set --algorithm ES256
    """


@app.command("show")
def show(
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Show what the account's administrators have decided.

    \b
    Examples:
      switchbay oauth show
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", "/oauth-policy"))
    _show(answer, json_output)


@app.command("set")
def change(
    implicit: Annotated[
        bool | None,
        typer.Option("--implicit/--no-implicit", help="Whether apps may get tokens without a code in between."),
    ] = None,
    algorithm: Annotated[
        Literal["RS256", "ES256"] | None, typer.Option(help="How tokens of the account's OpenID issuer are signed.")
    ] = None,
    resource: Annotated[
        list[str] | None,
        typer.Option(metavar="URI", help="Resource that tokens may be asked for; repeatable, replaces all."),
    ] = None,
    no_resources: Annotated[bool, typer.Option("--no-resources", help="Tokens are for the issuer only.")] = False,
    registration: Annotated[
        Literal["off", "token"] | None,
        typer.Option(help="Whether apps may register themselves: not at all, or with an initial access token."),
    ] = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Change what the account's authorization server allows; what is not named stays.

    \b
    Examples:
      switchbay oauth set --algorithm ES256 --registration off
      switchbay oauth set --resource https://api.example.com/orders
    """
    if resource and no_resources:
        raise typer.BadParameter("Give either --resource or --no-resources.")
    body: dict[str, JsonValue] = {}
    if implicit is not None:
        body["implicit_enabled"] = implicit
    if algorithm is not None:
        body["token_algorithm"] = algorithm
    if resource or no_resources:
        body["resources"] = [*(resource or ())]
    if registration is not None:
        body["registration"] = registration
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("PATCH", "/oauth-policy", body=body))
    _show(answer, json_output)


def _show(answer: dict[str, JsonValue], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    resources = answer.get("resources")
    shown = ", ".join(str(each) for each in resources) if isinstance(resources, list) else ""
    print_fields(
        [
            ("implicit types", "on" if answer.get("implicit_enabled") else "off"),
            ("algorithm", answer.get("token_algorithm")),
            ("resources", shown or "the issuer only"),
            ("registration", "off" if answer.get("registration") == "off" else "with an initial access token"),
        ]
    )
