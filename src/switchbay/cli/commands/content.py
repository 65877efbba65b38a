"""The commands ``content …``: check structured content and quick replies, without a server."""

from typing import Annotated

import typer

from switchbay.cli.findings import Unreadable, note_unmendable, print_findings, print_mended, read_document
from switchbay.cli.output import JsonFlag, print_json
from switchbay.content import public as contents
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsontext import parse

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
File = Annotated[str, typer.Argument(metavar="FILE", help="Content, or an event with it; - reads standard input.")]


@app.callback()
def content_group() -> None:
    """Check structured content and quick replies, without a server.

    \b
    Examples:
      switchbay content check card.json
      switchbay content schema > structured-content.schema.json
    """


@app.command("check")
def check(
    file: File,
    fix: Annotated[
        bool, typer.Option("--fix", help="Print the content with every known fix applied; findings go to stderr.")
    ] = False,
    json_output: JsonFlag = False,
) -> None:
    """Check structured content and report every finding at once.

    The file holds an element with those inside it, quick replies, or a whole event with them. One line for each
    finding: file:line:column severity code pointer message; - stands for the pointer to the whole document. Exit
    codes: 0 valid, 1 errors were found, 2 the check could not run. With --fix the codes are those of the mended
    content.

    \b
    Examples:
      switchbay content check card.json
      switchbay content check - --json < card.json
      switchbay content check card.json --fix > mended.json
    """
    data = _read(file)
    report = contents.check_text(data)
    if fix:
        print_findings(file, report.issues, report.summary, to_stderr=True)
        raise typer.Exit(_mend(data))
    if json_output:
        print_json(report.to_json())
    else:
        print_findings(file, report.issues, report.summary)
    raise typer.Exit(0 if report.valid else 1)


def _read(file: str) -> bytes:
    try:
        return read_document(file)
    except Unreadable as error:
        # NOT_ALLOWED carries the exit code 2: the check could not run.
        raise AppError(Kind.NOT_ALLOWED, "content_unreadable", str(error)) from error


def _mend(data: bytes) -> int:
    text = parse(data)
    if not text.complete:
        return note_unmendable()
    mended = contents.fix_all(text.value)
    return print_mended(mended, contents.check_value(mended).summary)


@app.command("schema")
def schema(json_output: JsonFlag = False) -> None:
    """Print the JSON Schema of structured content, for editors and other tools. It is always JSON.

    \b
    Examples:
      switchbay content schema > structured-content.schema.json
    """
    del json_output
    print_json(contents.json_schema())
