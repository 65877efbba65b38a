"""The commands ``replays …``: how far the sending again of many events is, over the management API of a server."""

from typing import Annotated

import typer

from switchbay.cli.client import segment
from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, note, objects, plain, print_fields, print_json, print_table, when
from switchbay.kit.jsonvalue import JsonValue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
_Replay = Annotated[str, typer.Argument(metavar="REPLAY", help="Replay id.")]


@app.callback()
def replays_group() -> None:
    """See and cancel replays, which send many events again. Begin one with `deliveries replay`.

    \b
    Examples:
      switchbay replays list
      switchbay replays show rpl_01hf…
    """


@app.command("list")
def list_replays(
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most replays to show.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier list ended.")] = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """List replays, newest first.

    \b
    Examples:
      switchbay replays list
    """
    query = [("limit", str(limit)), *([] if cursor is None else [("cursor", cursor)])]
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", "/replays", query=query))
    if json_output:
        print_json(answer)
        return
    print_table(
        ("REPLAY", "STATE", "PROGRESS", "REPLAYED", "SKIPPED", "CREATED"),
        [
            (
                shown.get("id"),
                shown.get("state"),
                _percent(shown),
                shown.get("replayed"),
                shown.get("skipped"),
                when(shown.get("created_at")),
            )
            for shown in objects(answer.get("items"))
        ],
    )
    if answer.get("next_cursor"):
        note(f"more: --cursor {plain(answer.get('next_cursor'))}")


@app.command("show")
def show(
    replay: _Replay,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Show a replay: what it sends again and how far it is.

    \b
    Examples:
      switchbay replays show rpl_01hf…
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", f"/replays/{segment(replay)}"))
    _show(answer, as_json=json_output)


@app.command("cancel")
def cancel(
    replay: _Replay,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Cancel a replay, and what it has queued and is not yet being sent.

    \b
    Examples:
      switchbay replays cancel rpl_01hf…
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("DELETE", f"/replays/{segment(replay)}"))
    _show(answer, as_json=json_output)


def _show(answer: dict[str, JsonValue], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    wanted = mapping(answer.get("filter"))
    print_fields(
        [
            ("id", answer.get("id")),
            ("state", answer.get("state")),
            ("progress", _percent(answer)),
            ("replayed", answer.get("replayed")),
            ("skipped", answer.get("skipped")),
            *((name, when(value) if name in {"since", "until"} else value) for name, value in wanted.items()),
            *((name.removesuffix("_at"), when(answer.get(name))) for name in ("created_at", "finished_at")),
        ]
    )


def _percent(shown: dict[str, JsonValue]) -> str:
    progress = shown.get("progress")
    return f"{progress:.0%}" if isinstance(progress, int | float) else ""
