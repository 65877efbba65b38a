"""The commands ``deliveries …``: what became of webhooks, over the management API of a server."""

import json
import time
from collections.abc import Iterator
from typing import Annotated, Literal

import typer

from switchbay.cli.client import segment
from switchbay.cli.commands.apps import find_app
from switchbay.cli.connection import AccountOption, CaFileOption, Connection, ServerOption, UserOption, connected
from switchbay.cli.moments import moment
from switchbay.cli.output import JsonFlag, mapping, note, objects, plain, print_fields, print_json, print_table, when
from switchbay.kit.jsonvalue import JsonValue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
_FOLLOW_SECONDS = 1.0
AppFilter = Annotated[str | None, typer.Option("--app", help="Only of this app: installation id or client_name.")]
ConversationFilter = Annotated[str | None, typer.Option("--conversation", help="Only of this conversation.")]
EventFilter = Annotated[
    str | None, typer.Option("--event", help="Only of this event, such as ms.MessagingEventNotification.ContentEvent.")
]
OutcomeFilter = Annotated[
    str | None,
    typer.Option(
        "--outcome", help="Only where the last attempt led to this: gave_up, an HTTP status, response_timeout …"
    ),
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Not older than this: 2h, 7d, 2026-01-31T12:00.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Older than this.")]


@app.callback()
def deliveries_group() -> None:
    """See what became of webhooks: sent, waiting, failed, and every attempt.

    \b
    Examples:
      switchbay deliveries list --status failed
      switchbay deliveries show dlv_01hf…
    """


@app.command("list")
def list_deliveries(
    app_id: AppFilter = None,
    conversation: ConversationFilter = None,
    event: EventFilter = None,
    status: Annotated[
        Literal["pending", "delivered", "failed", "cancelled"] | None, typer.Option(help="Only with this status.")
    ] = None,
    outcome: OutcomeFilter = None,
    since: Since = None,
    until: Until = None,
    replay: Annotated[str | None, typer.Option(help="Only what this replay sent again.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most deliveries to show.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier list ended.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on showing deliveries as they finish, until stopped.")
    ] = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """List deliveries, newest first.

    \b
    Examples:
      switchbay deliveries list
      switchbay deliveries list --status failed --json
      switchbay deliveries list --outcome response_timeout --since 2h
      switchbay deliveries list --app 3f0c… --follow
    """
    filters = {
        "conversation": conversation,
        "event": event,
        "status": status,
        "outcome": outcome,
        "since": None if since is None else str(moment(since)),
        "until": None if until is None else str(moment(until)),
        "replay": replay,
        "cursor": cursor,
    }
    query = [("limit", str(limit)), *((name, value) for name, value in filters.items() if value is not None)]
    with connected(server, account, user, ca_file) as connection:
        if app_id is not None:  # an app that was uninstalled has deliveries still, but no name
            query.append(("app", find_app(connection, app_id) or app_id))
        if follow:
            _follow(connection, query, as_json=json_output)
        answer = mapping(connection.call("GET", "/deliveries", query=query))
    if json_output:
        print_json(answer)
        return
    _print(objects(answer.get("items")))
    if answer.get("next_cursor"):
        note(f"more: --cursor {plain(answer.get('next_cursor'))}")


@app.command("show")
def show(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="Delivery id.")],
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Show a delivery: its timeline with every attempt, its body, and the last request and its answer.

    \b
    Examples:
      switchbay deliveries show dlv_01hf…
      switchbay deliveries show dlv_01hf… --json | jq .attempts
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", f"/deliveries/{segment(delivery)}"))
    if json_output:
        print_json(answer)
        return
    print_fields(
        [
            (name.replace("_", " "), when(value) if name.endswith("_at") and value else value)
            for name, value in answer.items()
            if not isinstance(value, dict | list)
        ]
    )
    attempts = objects(answer.get("attempts_made"))
    details = {attempt.get("number"): attempt.get("detail") for attempt in attempts}
    for step in objects(answer.get("timeline")):
        typer.echo(plain(f"{when(step.get('at'))}  {_step(step, details)}").rstrip())
    typer.echo(_body(answer))
    for attempt in attempts[-1:]:
        for line in _exchange(attempt):
            typer.echo(line)


@app.command("replay")
def replay(
    delivery: Annotated[
        str | None, typer.Argument(metavar="[DELIVERY]", help="Delivery id; without it all that the options want.")
    ] = None,
    since: Since = None,
    until: Until = None,
    app_id: AppFilter = None,
    conversation: ConversationFilter = None,
    event: EventFilter = None,
    status: Annotated[
        Literal["delivered", "failed", "cancelled"] | None, typer.Option(help="Only with this status.")
    ] = None,
    outcome: OutcomeFilter = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Send events again, from the ends of their conversations: one, or all since a time.

    \b
    Examples:
      switchbay deliveries replay dlv_01hf…
      switchbay deliveries replay --since 2h --status failed --app com.example.bot
    """
    filters = (since, until, app_id, conversation, event, status, outcome)
    if (delivery is None) == (since is None) or (delivery is not None and any(each is not None for each in filters)):
        raise typer.BadParameter("give the id of one delivery, or --since for many")
    with connected(server, account, user, ca_file) as connection:
        if delivery is not None:
            answer = mapping(connection.call("POST", f"/deliveries/{segment(delivery)}/replay"))
        else:
            body: dict[str, JsonValue] = {
                "app": None if app_id is None else find_app(connection, app_id) or app_id,
                "conversation": conversation,
                "event": event,
                "status": status,
                "outcome": outcome,
                "until": None if until is None else moment(until),
            }
            wanted = {name: value for name, value in body.items() if value is not None}
            answer = mapping(connection.call("POST", "/replays", body={"since": moment(since or ""), **wanted}))
    if json_output:
        print_json(answer)
    else:
        typer.echo(plain(answer.get("id")))
        note("follow it with: switchbay " + ("deliveries show" if delivery else "replays show") + f" {answer['id']}")


def _step(step: dict[str, JsonValue], details: dict[JsonValue, JsonValue]) -> str:
    """One line of a timeline, after its time."""
    match step.get("step"):
        case "held":
            until = f" until {when(step.get('until'))}" if step.get("until") else ""
            behind = f" behind {step.get('delivery')}" if step.get("delivery") else ""
            return f"held by {step.get('by')}{behind}{until}"
        case "attempt":
            connect = "kept connection" if step.get("connect_ms") is None else f"connect {step.get('connect_ms')} ms"
            first = "" if step.get("first_byte_ms") is None else f"first byte {step.get('first_byte_ms')} ms  "
            result = step.get("failure") or step.get("status") or ""
            return (
                f"attempt {step.get('number')}  {result}  {connect}  {first}total {step.get('total_ms')} ms"
                f"  {step.get('outcome')}  {details.get(step.get('number')) or ''}"
            )
        case "done":
            return f"{step.get('status')}  {step.get('reason') or ''}"
        case other:
            return str(other)


def _body(shown: dict[str, JsonValue]) -> str:
    body = mapping(shown.get("body"))
    return plain(body.get("text") or body.get("base64") or "")


def _exchange(attempt: dict[str, JsonValue]) -> Iterator[str]:
    """The head of a request, and what of its answer is kept; nothing of the latter if there was none."""
    request, response = mapping(attempt.get("request") or {}), mapping(attempt.get("response"))
    if request:
        yield ""
        yield plain(f"> {request.get('method')} {request.get('url')}")
        yield from _headers(request, ">")
    if attempt.get("status") is not None:
        yield ""
        yield f"< {attempt.get('status')}"
        yield from _headers(response, "<")
        yield _body(response)


def _headers(shown: dict[str, JsonValue], mark: str) -> Iterator[str]:
    for header in objects(shown.get("headers")):
        yield plain(f"{mark} {header.get('name')}: {header.get('value')}")


def _follow(connection: Connection, query: list[tuple[str, str]], *, as_json: bool) -> None:
    """Show each delivery when it is first seen and whenever its state changed, one a line; ends with Ctrl-C."""
    known: dict[str, tuple[JsonValue, JsonValue]] = {}
    while True:
        found = objects(mapping(connection.call("GET", "/deliveries", query=query)).get("items"))
        for shown in reversed(found):
            state = (shown.get("status"), shown.get("attempts"))
            if known.get(str(shown.get("id"))) != state:
                typer.echo(json.dumps(shown) if as_json else _line(shown))
        # Only what the last list held can come again.
        known = {str(shown.get("id")): (shown.get("status"), shown.get("attempts")) for shown in found}
        time.sleep(_FOLLOW_SECONDS)


def _line(shown: dict[str, JsonValue]) -> str:
    return plain(
        f"{when(shown.get('created_at'))}  {shown.get('id')}  {shown.get('event')}  {shown.get('status')}"
        f"  {shown.get('attempts')} attempts  {shown.get('reason') or ''}"
    ).rstrip()


def _print(found: list[dict[str, JsonValue]]) -> None:
    print_table(
        ("DELIVERY", "EVENT", "STATUS", "ATTEMPTS", "CREATED", "CONVERSATION", "REASON"),
        [
            (
                shown.get("id"),
                str(shown.get("event")).removeprefix("ms.MessagingEventNotification."),
                shown.get("status"),
                shown.get("attempts"),
                when(shown.get("created_at")),
                shown.get("conversation"),
                shown.get("reason"),
            )
            for shown in found
        ],
    )
