"""The commands ``history …``: find messages, export conversations, erase what is kept of a consumer."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from switchbay.cli.client import segment
from switchbay.cli.commands.apps.group import Yes, confirm
from switchbay.cli.connection import AccountOption, CaFileOption, Connection, ServerOption, UserOption, connected
from switchbay.cli.export_file import ExportFile
from switchbay.cli.moments import moment
from switchbay.cli.output import JsonFlag, mapping, note, objects, plain, print_fields, print_json, print_table, when
from switchbay.kit.jsonvalue import JsonValue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
_POLL_SECONDS = 1.0
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Not older than this: 2h, 7d, 2026-01-31T12:00.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Older than this.")]
ErasureArgument = Annotated[str, typer.Argument(metavar="ERASURE", help="Id of an erasure.")]


@app.callback()
def history_group() -> None:
    """Find messages, export conversations, erase what is kept of a consumer.

    \b
    Examples:
      switchbay history search "wrong size"
      switchbay history export --output history.jsonl
    """


@app.command("search")
def search(
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="Words that must all be there; begin* too.")],
    phrase: Annotated[bool, typer.Option("--phrase", help="The words must follow each other.")] = False,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most messages to show.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier search ended.")] = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Find messages by their words, newest first. What was said in the last seconds may not be found yet.

    \b
    Examples:
      switchbay history search refund
      switchbay history search wrong size --phrase --since 7d
      switchbay history search deliver* --json
    """
    text = " ".join(words)
    query = [("q", f'"{text}"' if phrase else text), ("limit", str(limit)), *_times(since, until)]
    if cursor is not None:
        query.append(("cursor", cursor))
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", "/history/messages", query=query))
    if json_output:
        print_json(answer)
        return
    print_table(
        ("SAID", "BY", "CONVERSATION", "SEQUENCE", "MESSAGE"),
        [
            (
                when(one.get("at")),
                one.get("role"),
                one.get("conversation_id"),
                one.get("sequence"),
                plain(" ".join(str(one.get("snippet")).split())),
            )
            for one in objects(answer.get("items"))
        ],
    )
    if answer.get("next_cursor"):
        note(f"more: --cursor {plain(answer.get('next_cursor'))}")


@app.command("export")
def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file, not to the output.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after the last whole line that the file has; needs --output.")
    ] = False,
    since: Since = None,
    until: Until = None,
    cursor: Annotated[str | None, typer.Option(help="Go on after the line with this cursor.")] = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Write a line of JSON for each conversation, those that began first come first.

    With --output it ends with how many lines were written. For administrators.

    \b
    Examples:
      switchbay history export --since 30d > history.jsonl
      switchbay history export --output history.jsonl
      switchbay history export --output history.jsonl --resume
    """
    if resume and (output is None or cursor is not None):
        raise typer.BadParameter("--resume goes with --output and without --cursor")
    query = _times(since, until)
    with connected(server, account, user, ca_file) as connection:
        if output is None:
            for piece in _export(connection, query, cursor):
                _write(typer.get_binary_stream("stdout"), piece)
            return
        with ExportFile.open(output, resume=resume) as file:
            for piece in _export(connection, query, cursor or file.cursor):
                file.write(piece)
    if json_output:
        print_json({"file": str(output), "lines": file.lines})
        return
    note(f"{output}: {file.lines} conversations")


def _export(connection: Connection, query: list[tuple[str, str]], cursor: str | None) -> Iterator[bytes]:
    return connection.stream("/history/export", [*query, *([] if cursor is None else [("cursor", cursor)])])


def _write(stream: BinaryIO, piece: bytes) -> None:
    stream.write(piece)
    stream.flush()


@app.command("erase")
def erase(
    consumer: Annotated[str, typer.Argument(metavar="CONSUMER", help="Id of the consumer, as conversations show it.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is done.")] = False,
    yes: Yes = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Erase everything that is kept of a consumer: messages, files, profile. Open conversations are closed.

    It cannot be undone. For administrators.

    \b
    Examples:
      switchbay history erase 9d1f0c7b… --wait
      switchbay history erase 9d1f0c7b… --yes --json
    """
    confirm(f"Erase everything that is kept of {plain(consumer)}?", yes=yes)
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("POST", "/history/erasures", body={"consumer_id": consumer}))
        while wait and answer.get("finished_at") is None:
            time.sleep(_POLL_SECONDS)
            answer = mapping(connection.call("GET", f"/history/erasures/{segment(str(answer.get('id')))}"))
    _show(answer, as_json=json_output)


@app.command("erasures")
def list_erasures(
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most erasures to show.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier list ended.")] = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """List erasures, newest first. For administrators.

    \b
    Examples:
      switchbay history erasures
      switchbay history erasures --json
    """
    query = [("limit", str(limit)), *([] if cursor is None else [("cursor", cursor)])]
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", "/history/erasures", query=query))
    if json_output:
        print_json(answer)
        return
    names = ("id", "phase", "conversations", "events", "pseudonym")
    print_table(
        ("ERASURE", "PHASE", "CONVERSATIONS", "EVENTS", "PSEUDONYM", "REQUESTED", "FINISHED"),
        [
            (*(one.get(name) for name in names), when(one.get("requested_at")), when(one.get("finished_at")))
            for one in objects(answer.get("items"))
        ],
    )
    if answer.get("next_cursor"):
        note(f"more: --cursor {plain(answer.get('next_cursor'))}")


@app.command("erasure")
def show_erasure(
    erasure: ErasureArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Show how far an erasure is. For administrators.

    \b
    Examples:
      switchbay history erasure era_01hf…
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", f"/history/erasures/{segment(erasure)}"))
    _show(answer, as_json=json_output)


def _times(since: str | None, until: str | None) -> list[tuple[str, str]]:
    given = {"from": since, "to": until}
    return [(name, str(moment(value))) for name, value in given.items() if value is not None]


def _show(answer: dict[str, JsonValue], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    print_fields(
        [
            (name.replace("_", " "), when(value) if name.endswith("_at") and value else value)
            for name, value in answer.items()
        ]
    )
