"""What the commands ``apps …`` share: their arguments, how an app is found, how a manifest is sent."""

from typing import Annotated

import typer

from switchbay.cli.client import segment
from switchbay.cli.connection import Connection
from switchbay.cli.output import (
    is_interactive,
    mapping,
    note,
    objects,
    plain,
    print_json,
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


def find_app(connection: Connection, app: str) -> str | None:
    """The installation id of an app; a ``client_name`` is looked up, in whatever case it is written."""
    listed = objects(mapping(connection.call("GET", "/apps")).get("items"))
    if any(shown.get("id") == app for shown in listed):
        return app
    return next(
        (str(shown["id"]) for shown in listed if str(shown.get("client_name")).casefold() == app.casefold()), None
    )


def app_path(connection: Connection, app: str) -> str:
    """The path of an app that was named by id or ``client_name``. Raises ``app_unknown``."""
    found = find_app(connection, app)
    if found is None:
        raise AppError(Kind.NOT_FOUND, "app_unknown", f"The account has no app {app!r}.")
    return f"/apps/{segment(found)}"


def send_manifest(
    connection: Connection,
    method: str,
    path: str,
    file: str,
    data: bytes,
    *,
    variables: list[str] | None,
    strict: bool,
    as_json: bool,
) -> dict[str, JsonValue]:
    """Send the manifest ``data``, which ``file`` holds; when the server refuses it, show what it found wrong."""
    query = [*(("set", pair) for pair in variables or ()), *([("strict", "true")] if strict else [])]
    try:
        return mapping(connection.call(method, path, body=data, query=query))
    except AppError as error:
        show_report(file, error.detail.get("report"), as_json=as_json)
        raise


def show_report(file: str, report: JsonValue, *, as_json: bool) -> None:
    """Show what the check of a manifest found, on standard error; in JSON it is part of the answer already."""
    if as_json:
        return
    for finding in objects(mapping(report).get("issues")):
        place = f"{file}:{finding.get('line') or 1}:{finding.get('column') or 1}"
        words = f"{finding.get('severity')} {finding.get('code')} {finding.get('path') or '-'} {finding.get('message')}"
        note(plain(f"{place} {words}"))


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone; refuse where nobody can be asked."""
    if yes:
        return
    if not is_interactive():
        raise AppError(Kind.NOT_ALLOWED, "confirmation_needed", "Confirm with --yes where nobody can be asked.")
    typer.confirm(question, abort=True, err=True)


def show_changed(word: str, answer: dict[str, JsonValue], as_json: bool) -> None:
    """Show the outcome of a change."""
    if as_json:
        print_json(answer)
        return
    shown = mapping(answer.get("app"))
    note(f"{plain(shown.get('client_name'))} ({plain(shown.get('id'))}): {word}")


def state_word(shown: dict[str, JsonValue]) -> str:
    """Whether an app is enabled, in a word."""
    return "enabled" if shown.get("enabled") else "disabled"
