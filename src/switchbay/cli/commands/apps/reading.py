"""Looking at applications: list, show, log, diff, export."""

import json

import typer

from switchbay.cli.commands.apps.group import (
    AppArgument,
    FileArgument,
    Strict,
    Variables,
    app,
    app_path,
    send_manifest,
    state_word,
)
from switchbay.cli.commands.manifest import read_manifest
from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, objects, plain, print_fields, print_json, print_table, when
from switchbay.kit.jsonvalue import JsonValue


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
                state_word(shown),
                _count(shown.get("events")),
                mapping(shown.get("logo")).get("state"),
                when(shown.get("created_at")),
            )
            for shown in objects(answer.get("items"))
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
        path = app_path(connection, app_id)
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
            ("state", state_word(shown)),
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
        typer.echo(plain(f"secret {secret.get('secret_id')} ({secret.get('name')}): {', '.join(facts)}"))
    webhooks = mapping(health.get("webhooks"))
    if webhooks.get("state") not in {None, "up"}:
        again = webhooks.get("next_attempt_at")
        facts = [f"{webhooks.get('state')} since {when(webhooks.get('since'))}"]
        typer.echo(plain(f"webhooks {', '.join([*facts, *([f'tried again {when(again)}'] if again else [])])}"))
    if reason := mapping(health.get("conversations")).get("reason"):
        typer.echo(plain(f"conversations: {reason}"))
    for disabled in objects(webhooks.get("disabled")):
        since = when(disabled.get("since"))
        typer.echo(plain(f"webhook {disabled.get('event')}: disabled since {since}, {disabled.get('reason')}"))
    for ending in objects(webhooks.get("client_certificates")):
        verb = "ended" if ending.get("state") == "ended" else "ends"
        typer.echo(plain(f"client certificate of {ending.get('event')}: {verb} {when(ending.get('not_after'))}"))
    for finding in [*objects(health.get("findings")), *objects(mapping(health.get("logo")).get("findings"))]:
        typer.echo(plain(f"{finding.get('severity')} {finding.get('code')} {finding.get('message')}"))


@app.command("log")
def show_log(
    app_id: AppArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Show why the last token and authorize requests of an application were refused, the newest last.

    \b
    Examples:
      switchbay apps log com.example.connector
      switchbay apps log com.example.connector --json | jq '.items[0]'
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", f"{app_path(connection, app_id)}/refusals"))
    if json_output:
        print_json(answer)
        return
    for refusal in reversed(objects(answer.get("items"))):
        words = [refusal.get(name) for name in ("endpoint", "error", "reason")]
        details = [f"{name}={json.dumps(text)}" for name, text in mapping(refusal.get("detail")).items()]
        place = [f"from {refusal.get('address')}"] if refusal.get("address") else []
        typer.echo(plain(" ".join(str(word) for word in (when(refusal.get("at")), *words, *details, *place))))


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
        path = f"{app_path(connection, app_id)}/diff"
        answer = send_manifest(
            connection, "POST", path, file, data, variables=variables, strict=strict, as_json=json_output
        )
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
        print_json(connection.call("GET", f"{app_path(connection, app_id)}/export"))


def _words(value: JsonValue) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _count(value: JsonValue) -> int:
    return len(value) if isinstance(value, list) else 0
