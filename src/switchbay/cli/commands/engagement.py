"""The commands ``engagement …``: campaigns, what they offer to whom, and what became of it."""

import typer

from switchbay.cli.commands.engagement_report import report
from switchbay.cli.commands.engagement_targeting import explain, simulate
from switchbay.cli.commands.engagement_transfer import export_campaign, import_campaign

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)


@app.callback()
def group() -> None:
    """Look after campaigns and what they offer to visitors.

    \b
    Examples:
      switchbay engagement export 12 --file spring.json
      switchbay engagement import spring.json --dry-run
      switchbay engagement report --since 30d --by day,campaign
    """


app.command("export")(export_campaign)
app.command("import")(import_campaign)
app.command("report")(report)
app.command("explain")(explain)
app.command("simulate")(simulate)
