"""The commands ``upstream …``: other OpenID providers at which users of an account may log in."""

from typing import Annotated

import typer

from switchbay.cli.client import segment
from switchbay.cli.connection import AccountOption, CaFileOption, Connection, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, note, objects, print_fields, print_json, print_table
from switchbay.cli.passwords import given_secret
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
SECRET_VARIABLE = "SWITCHBAY_UPSTREAM_SECRET"  # noqa: S105 - the name of a variable
UpstreamArgument = Annotated[str, typer.Argument(metavar="PROVIDER", help="Id of the provider, or its label.")]
Scope = Annotated[str | None, typer.Option(help="What to ask for; openid profile email when never set.")]
LoginClaim = Annotated[
    str | None, typer.Option(help="Claim that is the login name here: preferred_username, email or sub.")
]
CreateRoles = Annotated[
    list[str] | None, typer.Option("--create-role", help="Role of users who are made at their first login; repeatable.")
]
SecretStdin = Annotated[
    bool, typer.Option("--secret-stdin", help="Read the client secret from the first line of standard input.")
]


@app.callback()
def upstreams_group() -> None:
    """Let users of an account log in at another OpenID provider.

    \b
    Examples:
      switchbay upstream add --label "Corp SSO" --issuer https://login.corp.example --client-id switchbay
      switchbay upstream test "Corp SSO"
    """


@app.command("add")
def add(
    label: Annotated[str, typer.Option(help="What the button on the login page says.")],
    issuer: Annotated[str, typer.Option(help="The provider, as its discovery document has it.")],
    client_id: Annotated[str, typer.Option(help="Under which this server is registered there.")],
    scope: Scope = None,
    login_claim: LoginClaim = None,
    create_role: CreateRoles = None,
    secret_stdin: SecretStdin = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Add a provider. Its client secret is asked for, or taken from SWITCHBAY_UPSTREAM_SECRET.

    Whoever runs the provider can log in as any user whose login name they can have it say.

    \b
    Examples:
      switchbay upstream add --label "Corp SSO" --issuer https://login.corp.example --client-id switchbay
      switchbay upstream add --label SSO --issuer https://login.corp.example --client-id bay --create-role agent
    """
    secret = given_secret("client secret", SECRET_VARIABLE, from_stdin=secret_stdin)
    body = _body(label=label, client_id=client_id, scope=scope, login_claim=login_claim, create_roles=create_role)
    body |= {"issuer": issuer, "client_secret": secret.reveal()}
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("POST", "/upstreams", body=body))
    _show(answer, json_output)
    if not json_output:
        note("Register the redirect_uri at the provider, then: switchbay upstream test")


@app.command("list")
def list_upstreams(
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """List the providers of an account.

    \b
    Examples:
      switchbay upstream list
    """
    with connected(server, account, user, ca_file) as connection:
        found = objects(mapping(connection.call("GET", "/upstreams")).get("items"))
    if json_output:
        print_json(found)
        return
    print_table(
        ("ID", "LABEL", "ISSUER", "STATE"),
        [
            (each.get("upstream_id"), each.get("label"), each.get("issuer"), "on" if each.get("enabled") else "off")
            for each in found
        ],
    )


@app.command("show")
def show(
    upstream: UpstreamArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Show a provider, without its secret.

    \b
    Examples:
      switchbay upstream show "Corp SSO"
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", _path(connection, upstream)))
    _show(answer, json_output)


@app.command("set")
def change(
    upstream: UpstreamArgument,
    label: Annotated[str | None, typer.Option(help="What the button on the login page says.")] = None,
    client_id: Annotated[str | None, typer.Option(help="Under which this server is registered there.")] = None,
    scope: Scope = None,
    login_claim: LoginClaim = None,
    create_role: CreateRoles = None,
    create_none: Annotated[bool, typer.Option("--create-none", help="Make no users any more.")] = False,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it is offered.")] = None,
    secret_stdin: SecretStdin = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Change a provider; what is not named stays. A new secret comes with --secret-stdin.

    \b
    Examples:
      switchbay upstream set "Corp SSO" --disable
      switchbay upstream set "Corp SSO" --secret-stdin < secret.txt
    """
    roles = [] if create_none else create_role
    body = _body(label=label, client_id=client_id, scope=scope, login_claim=login_claim, create_roles=roles)
    if enabled is not None:
        body["enabled"] = enabled
    if secret_stdin:
        body["client_secret"] = given_secret("client secret", SECRET_VARIABLE, from_stdin=True).reveal()
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("PATCH", _path(connection, upstream), body=body))
    _show(answer, json_output)


@app.command("remove")
def remove(
    upstream: UpstreamArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Remove a provider, and who is who there. Users and their sessions stay.

    \b
    Examples:
      switchbay upstream remove "Corp SSO"
    """
    with connected(server, account, user, ca_file) as connection:
        connection.call("DELETE", _path(connection, upstream))
    if json_output:
        print_json({"removed": upstream})
        return
    note(f"{upstream} is removed.")


@app.command("unlink")
def unlink(
    upstream: UpstreamArgument,
    user_id: Annotated[str, typer.Argument(metavar="USER_ID", help="Id of the user here.")],
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Forget who a user is at a provider: their next login is as their first.

    \b
    Examples:
      switchbay upstream unlink "Corp SSO" 1000003
    """
    with connected(server, account, user, ca_file) as connection:
        connection.call("DELETE", f"{_path(connection, upstream)}/users/{segment(user_id)}")
    if json_output:
        print_json({"unlinked": user_id})
        return
    note(f"User {user_id} is not known at {upstream} any more.")


@app.command("test")
def probe(
    upstream: UpstreamArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Have the server fetch the provider's document and keys, as a login does. Exit code 1 when that fails.

    \b
    Examples:
      switchbay upstream test "Corp SSO"
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("POST", f"{_path(connection, upstream)}/test"))
    problem = mapping(answer.get("problem"))
    if json_output:
        print_json(answer)
    else:
        names = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "auth_method", "usable_keys")
        print_fields([("provider", "answers" if answer.get("reachable") else "is not usable")])
        print_fields([(name, answer.get(name)) for name in names])
        print_fields([(name, text) for name, text in problem.items() if text])
    if not answer.get("reachable"):
        raise typer.Exit(1)


def _path(connection: Connection, named: str) -> str:
    """The path of a provider, which may be named by its label."""
    found = objects(mapping(connection.call("GET", "/upstreams")).get("items"))
    ids = [each.get("upstream_id") for each in found if named in (each.get("upstream_id"), each.get("label"))]
    if len(ids) != 1:
        many = f"Several providers are called {named!r}: name one by its id." if ids else f"There is no {named!r}."
        raise AppError(Kind.CONFLICT if ids else Kind.NOT_FOUND, "upstream_unknown", many)
    return f"/upstreams/{segment(str(ids[0]))}"


def _body(**members: "str | list[str] | None") -> dict[str, JsonValue]:
    body: dict[str, JsonValue] = {}
    for name, value in members.items():
        if value is not None:
            body[name] = [*value] if isinstance(value, list) else value
    return body


def _show(answer: dict[str, JsonValue], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    roles = answer.get("create_roles")
    print_fields(
        [
            ("id", answer.get("upstream_id")),
            ("label", answer.get("label")),
            ("issuer", answer.get("issuer")),
            ("client_id", answer.get("client_id")),
            ("scope", answer.get("scope")),
            ("login claim", answer.get("login_claim")),
            ("new users", ", ".join(map(str, roles)) if isinstance(roles, list) and roles else "are not made"),
            ("state", "on" if answer.get("enabled") else "off"),
            ("redirect_uri", answer.get("redirect_uri")),
        ]
    )
