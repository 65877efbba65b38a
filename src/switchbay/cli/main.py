"""The ``switchbay`` command.

Exit codes: 0 done, 1 refused or invalid, 2 wrong usage, 3 not logged in or not allowed, 4 not found, 5 conflict,
6 server or database not available (try again), 70 a failure of ours, 130 interrupted.
"""

import typer

from switchbay import __version__
from switchbay.cli.lazy import LazyCommands

app = typer.Typer(
    name="switchbay",
    cls=LazyCommands,
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


def run() -> None:
    """Entry point of the installed command."""
    app()
