"""The ``switchbay`` command: joins the commands and turns errors into exit codes.

Exit codes: 0 done, 1 refused or invalid, 2 wrong usage, 3 not logged in or not allowed, 4 not found, 5 conflict,
6 server or database not available (try again), 70 a failure of ours, 130 interrupted.
"""

from typing import Any

import typer
from typer.core import TyperGroup

from switchbay import __version__
from switchbay.cli.listen.command import listen
from switchbay.cli.output import json_asked, report_error
from switchbay.kit.errors import AppError


class _Commands(TyperGroup):
    """The root group: no expected failure ends in a traceback."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - the types are Typer's own, and private
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except AppError as error:
            report_error(error, as_json=json_asked(ctx))
            raise typer.Exit(error.kind.value.exit_code) from error


app = typer.Typer(
    name="switchbay",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=_show_version, is_eager=True),
) -> None:
    """Switchbay: a self-hosted application platform for conversational messaging.

    Exit codes: 0 done, 1 refused or invalid, 2 wrong usage, 3 not logged in or not allowed, 4 not found, 5 conflict,
    6 not available now, 70 internal failure, 130 interrupted.

    \b
    Examples:
      switchbay init --account demo --admin admin
      switchbay serve
      switchbay COMMAND --help
    """
    del version


app.command()(listen)


def run() -> None:
    """Entry point of the installed command."""
    app()
