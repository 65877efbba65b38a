"""The command ``listen``; what it does is in ``switchbay.cli.listen``."""

import typer

from switchbay.cli.listen.command import listen

app = typer.Typer(rich_markup_mode=None, add_completion=False)
app.command()(listen)
