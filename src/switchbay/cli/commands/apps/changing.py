"""Changing applications: install, update, enable, disable, uninstall."""

from switchbay.cli.commands.apps.group import (
    AppArgument,
    FileArgument,
    Strict,
    Variables,
    Yes,
    app,
    app_path,
    confirm,
    send_manifest,
    show_changed,
    show_report,
    state_word,
)
from switchbay.cli.commands.manifest import read_manifest
from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, note, plain, print_fields, print_json


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
        answer = send_manifest(
            connection, "POST", "/apps", file, data, variables=variables, strict=strict, as_json=json_output
        )
    if json_output:
        print_json(answer)
        return
    show_report(file, answer.get("report"), as_json=False)
    shown = mapping(answer.get("app"))
    print_fields(
        [
            ("installed", shown.get("client_name")),
            ("client_id", shown.get("client_id")),
            ("client_secret", answer.get("client_secret")),
            ("state", state_word(shown)),
        ]
    )
    note("The client secret is shown only now; keep it where the application can read it.")


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
        path = app_path(connection, app_id)
        answer = send_manifest(
            connection, "PUT", path, file, data, variables=variables, strict=strict, as_json=json_output
        )
    if not json_output:
        show_report(file, answer.get("report"), as_json=False)
    show_changed("updated", answer, json_output)


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
        answer = mapping(connection.call("POST", f"{app_path(connection, app_id)}/enable"))
    show_changed("enabled", answer, json_output)


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
        answer = mapping(connection.call("POST", f"{app_path(connection, app_id)}/disable"))
    show_changed("disabled", answer, json_output)


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
        path = app_path(connection, app_id)
        confirm(f"Uninstall {plain(app_id)}?", yes=yes)
        answer = mapping(connection.call("DELETE", path))
    show_changed("uninstalled", answer, json_output)
