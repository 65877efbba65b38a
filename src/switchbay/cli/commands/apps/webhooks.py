"""How an application's webhooks are doing, and what an administrator may do about them."""

from typing import Annotated

import typer

from switchbay.cli.commands.apps.group import AppArgument, app, app_path
from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, note, objects, plain, print_fields, print_json, print_table, when
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

_NO_LIMIT = "none"


@app.command("webhooks-health")
def show_webhooks_health(
    app_id: AppArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Show how an application's endpoints are doing: state and reason, success rate and time of the last hour.

    \b
    Examples:
      switchbay apps webhooks-health com.example.bot
      switchbay apps webhooks-health com.example.bot --json | jq -r '.endpoints[].state'
    """
    with connected(server, account, user, ca_file) as connection:
        report = mapping(connection.call("GET", f"{app_path(connection, app_id)}/webhooks/health"))
    _show(report, json_output)


@app.command("webhooks-enable")
def enable_webhooks(
    app_id: AppArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Call an application's disabled webhooks again: those that answered 410, or were slow for too long.

    \b
    Examples:
      switchbay apps webhooks-enable com.example.bot
    """
    with connected(server, account, user, ca_file) as connection:
        report = mapping(connection.call("POST", f"{app_path(connection, app_id)}/webhooks/enable"))
    _show(report, json_output)


@app.command("webhooks-limit")
def limit_webhooks(
    app_id: AppArgument,
    rate: Annotated[
        str,
        typer.Argument(metavar="RATE", help="Most requests a second to each endpoint, 1 to 1000; none for no limit."),
    ],
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Limit how many requests a second each endpoint of an application gets from a node.

    \b
    Examples:
      switchbay apps webhooks-limit com.example.bot 20
      switchbay apps webhooks-limit com.example.bot none
    """
    if rate != _NO_LIMIT and not (rate.isascii() and rate.isdigit()):
        raise AppError(Kind.INVALID, "invalid_request", f"{rate!r} is neither a number nor none.")
    body: dict[str, JsonValue] = {"requests_per_second": None if rate == _NO_LIMIT else int(rate[:9])}
    with connected(server, account, user, ca_file) as connection:
        report = mapping(connection.call("PUT", f"{app_path(connection, app_id)}/webhooks/rate-limit", body=body))
    _show(report, json_output)


def _show(report: dict[str, JsonValue], as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    gate = mapping(report.get("gate"))
    limit = report.get("requests_per_second")
    print_fields(
        [
            ("app", report.get("app")),
            ("state", report.get("state")),
            ("gate", None if gate.get("state") == "up" else f"{gate.get('state')} since {when(gate.get('since'))}"),
            ("rate limit", None if limit is None else f"{limit} requests a second from each node"),
        ]
    )
    endpoints = objects(report.get("endpoints"))
    print_table(
        ("ENDPOINT", "STATE", "CALLS (1H)", "SUCCESS", "P50 MS", "P95 MS"), [_row(endpoint) for endpoint in endpoints]
    )
    for endpoint in endpoints:
        note(plain(f"{endpoint.get('url')}: {endpoint.get('reason')}"))


def _row(endpoint: dict[str, JsonValue]) -> tuple[object, ...]:
    hour = mapping(mapping(endpoint.get("windows")).get("1h"))
    rate = hour.get("success_rate")
    return (
        endpoint.get("url"),
        endpoint.get("state"),
        hour.get("requests"),
        f"{rate:.1%}" if isinstance(rate, int | float) else None,
        hour.get("p50_ms"),
        hour.get("p95_ms"),
    )
