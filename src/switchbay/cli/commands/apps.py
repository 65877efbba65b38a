"""The commands ``apps …``: install and look after applications over the management API of a server."""

from typing import Annotated

import typer

from switchbay.cli.client import segment
from switchbay.cli.commands.manifest import read_manifest
from switchbay.cli.connection import AccountOption, CaFileOption, Connection, ServerOption, UserOption, connected
from switchbay.cli.output import (
    JsonFlag,
    is_interactive,
    mapping,
    note,
    objects,
    plain,
    print_fields,
    print_json,
    print_table,
    when,
)
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
AppArgument = Annotated[str, typer.Argument(metavar="APP", help="Installation id, or the app's client_name.")]
FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="Manifest; - reads standard input.")]
Variables = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Value of a placeholder such as {NAME}; repeatable."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse unknown members.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


@app.callback()
def apps_group() -> None:
    """Install and look after applications on a server.

    \b
    Examples:
      switchbay apps install app.json --set DOMAIN=app.example.com
      switchbay apps list
    """


@app.command("install")
def install(
    file: FileArgument,
    variables: Variables = None,
    strict: Strict = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Install an application from its manifest. The client secret is shown only now.

    \b
    Examples:
      switchbay apps install app.json --set DOMAIN=app.example.com
      switchbay apps install - --json < app.json | jq -r .client_secret
    """
    data = read_manifest(file)
    with connected(server, account, user, ca_file) as connection:
        try:
            answer = mapping(connection.call("POST", "/apps", body=data, query=_query(variables, strict=strict)))
        except AppError as error:
            _show_report(file, error.detail.get("report"), as_json=json_output)
            raise
    if json_output:
        print_json(answer)
        return
    _show_report(file, answer.get("report"), as_json=False)
    shown = mapping(answer.get("app"))
    print_fields(
        [
            ("installed", shown.get("client_name")),
            ("client_id", shown.get("client_id")),
            ("client_secret", answer.get("client_secret")),
            ("state", _state(shown)),
        ]
    )
    note("The client secret is shown only now; keep it where the application can read it.")


@app.command("list")
def list_apps(
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """List the installed applications.

    \b
    Examples:
      switchbay apps list
      switchbay apps list --json | jq -r '.apps[].client_id'
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", "/apps"))
    if json_output:
        print_json(answer)
        return
    print_table(
        ("APP", "NAME", "STATE", "EVENTS", "LOGO", "CREATED"),
        [
            (
                shown.get("id"),
                shown.get("client_name"),
                _state(shown),
                _count(shown.get("events")),
                mapping(shown.get("logo")).get("state"),
                when(shown.get("created_at")),
            )
            for shown in objects(answer.get("apps"))
        ],
    )


@app.command("show")
def show(
    app_id: AppArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Show an application, its secrets (without their text) and its health.

    \b
    Examples:
      switchbay apps show com.example.connector
    """
    with connected(server, account, user, ca_file) as connection:
        path = _path(connection, app_id)
        answer = mapping(connection.call("GET", path))
        health = mapping(connection.call("GET", f"{path}/health"))
    if json_output:
        print_json({**answer, "health": health})
        return
    shown = mapping(answer.get("app"))
    print_fields(
        [
            ("app", shown.get("id")),
            ("name", shown.get("client_name")),
            ("display name", shown.get("display_name")),
            ("state", _state(shown)),
            ("health", health.get("status")),
            ("scope", mapping(shown.get("manifest")).get("scope")),
            ("created", when(shown.get("created_at"))),
            ("updated", when(shown.get("updated_at"))),
            ("events", ", ".join(_words(shown.get("events")))),
        ]
    )
    for secret in objects(shown.get("secrets")):
        end, use = secret.get("not_after"), secret.get("last_used_at")
        facts = [
            f"made {when(secret.get('created_at'))}",
            f"last used {when(use)}" if use else "never used",
            *(["signs webhooks"] if secret.get("signs_webhooks") else []),
            *([f"ends {when(end)}"] if end else []),
        ]
        typer.echo(f"secret {plain(secret.get('secret_id'))}: {', '.join(facts)}")
    for finding in [*objects(health.get("findings")), *objects(mapping(health.get("logo")).get("findings"))]:
        typer.echo(plain(f"{finding.get('severity')} {finding.get('code')} {finding.get('message')}"))


@app.command("diff")
def diff(
    app_id: AppArgument,
    file: FileArgument,
    variables: Variables = None,
    strict: Strict = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Say in words what an update to a manifest would change. Lines that begin with ! widen the app's rights.

    \b
    Examples:
      switchbay apps diff com.example.connector new.json
    """
    data = read_manifest(file)
    with connected(server, account, user, ca_file) as connection:
        try:
            path = f"{_path(connection, app_id)}/diff"
            answer = mapping(connection.call("POST", path, body=data, query=_query(variables, strict=strict)))
        except AppError as error:
            _show_report(file, error.detail.get("report"), as_json=json_output)
            raise
    if json_output:
        print_json(answer)
        return
    for change in objects(answer.get("changes")):
        typer.echo(f"{'!' if change.get('widens') else ' '} {plain(change.get('sentence'))}")


@app.command("export")
def export(
    app_id: AppArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Print the installed manifest in canonical form, header values masked. It is always JSON.

    \b
    Examples:
      switchbay apps export com.example.connector > app.json
    """
    del json_output
    with connected(server, account, user, ca_file) as connection:
        print_json(connection.call("GET", f"{_path(connection, app_id)}/export"))


@app.command("update")
def update(
    app_id: AppArgument,
    file: FileArgument,
    variables: Variables = None,
    strict: Strict = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Replace an application's manifest. Header values masked by export keep what is stored.

    \b
    Examples:
      switchbay apps update com.example.connector app.json --set DOMAIN=app.example.com
    """
    data = read_manifest(file)
    with connected(server, account, user, ca_file) as connection:
        path = _path(connection, app_id)
        try:
            answer = mapping(connection.call("PUT", path, body=data, query=_query(variables, strict=strict)))
        except AppError as error:
            _show_report(file, error.detail.get("report"), as_json=json_output)
            raise
    if not json_output:
        _show_report(file, answer.get("report"), as_json=False)
    _show_changed("updated", answer, json_output)


@app.command("enable")
def enable(
    app_id: AppArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Enable an application.

    \b
    Examples:
      switchbay apps enable com.example.connector
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("POST", f"{_path(connection, app_id)}/enable"))
    _show_changed("enabled", answer, json_output)


@app.command("disable")
def disable(
    app_id: AppArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Disable an application: it gets no token and no webhook until it is enabled again.

    \b
    Examples:
      switchbay apps disable com.example.connector
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("POST", f"{_path(connection, app_id)}/disable"))
    _show_changed("disabled", answer, json_output)


@app.command("uninstall")
def uninstall(
    app_id: AppArgument,
    yes: Yes = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Uninstall an application. Its secrets end at once; its name is free again.

    \b
    Examples:
      switchbay apps uninstall com.example.connector --yes
    """
    with connected(server, account, user, ca_file) as connection:
        path = _path(connection, app_id)
        _confirm(f"Uninstall {plain(app_id)}?", yes=yes)
        answer = mapping(connection.call("DELETE", path))
    _show_changed("uninstalled", answer, json_output)


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
        answer = mapping(connection.call("POST", f"{_path(connection, app_id)}/rotate-secret", body=body))
    if json_output:
        print_json(answer)
        return
    shown = mapping(answer.get("app"))
    ends = [secret.get("not_after") for secret in objects(shown.get("secrets")) if secret.get("not_after")]
    print_fields(
        [
            ("app", shown.get("client_name")),
            ("client_secret", answer.get("client_secret")),
            ("old secret", f"valid until {when(ends[0])}" if ends else "ended"),
        ]
    )
    note("The new secret is shown only now. End the old one with: switchbay apps finish-rotation")


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
        answer = mapping(connection.call("POST", f"{_path(connection, app_id)}/finish-rotation"))
    _show_changed("has one secret", answer, json_output)


def find_app(connection: Connection, app: str) -> str | None:
    """The installation id of an app; a ``client_name`` is looked up, in whatever case it is written."""
    listed = objects(mapping(connection.call("GET", "/apps")).get("apps"))
    if any(shown.get("id") == app for shown in listed):
        return app
    return next(
        (str(shown["id"]) for shown in listed if str(shown.get("client_name")).casefold() == app.casefold()), None
    )


def _path(connection: Connection, app: str) -> str:
    found = find_app(connection, app)
    if found is None:
        raise AppError(Kind.NOT_FOUND, "app_unknown", f"The account has no app {app!r}.")
    return f"/apps/{segment(found)}"


def _query(variables: list[str] | None, *, strict: bool) -> list[tuple[str, str]]:
    return [*(("set", pair) for pair in variables or ()), *([("strict", "true")] if strict else [])]


def _show_report(file: str, report: JsonValue, *, as_json: bool) -> None:
    """Show what the check of a manifest found, on standard error; in JSON it is part of the answer already."""
    if as_json:
        return
    for finding in objects(mapping(report).get("issues")):
        place = f"{file}:{finding.get('line') or 1}:{finding.get('column') or 1}"
        words = f"{finding.get('severity')} {finding.get('code')} {finding.get('path') or '-'} {finding.get('message')}"
        note(plain(f"{place} {words}"))


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not is_interactive():
        raise AppError(Kind.NOT_ALLOWED, "confirmation_needed", "Confirm with --yes where nobody can be asked.")
    typer.confirm(question, abort=True, err=True)


def _show_changed(word: str, answer: dict[str, JsonValue], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    shown = mapping(answer.get("app"))
    note(f"{plain(shown.get('client_name'))} ({plain(shown.get('id'))}): {word}")


def _state(shown: dict[str, JsonValue]) -> str:
    return "enabled" if shown.get("enabled") else "disabled"


def _words(value: JsonValue) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _count(value: JsonValue) -> int:
    return len(value) if isinstance(value, list) else 0
