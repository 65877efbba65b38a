"""``engagement report``: what became of offers."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.moments import moment
from switchbay.cli.output import JsonFlag, mapping, objects, print_json, print_table
from switchbay.kit.jsonvalue import JsonValue

_COUNTS = ("offered", "displayed", "accepted", "closed", "conversations", "conversions", "conversion_value")
_PARTS = ("hour", "day", "campaign_id", "campaign_name", "engagement_id", "engagement_name")


def report(
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From this hour on: 2h, 7d, 2026-01-31T12:00.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Up to this hour.")] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="PARTS", help="Some of hour or day, campaign, engagement, separated by commas."),
    ] = None,
    campaign: Annotated[int | None, typer.Option(min=0, help="Only this campaign, by its id.")] = None,
    engagement: Annotated[int | None, typer.Option(min=0, help="Only this engagement, by its id.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")] = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Show what became of offers, by campaign and engagement: the last seven days, or as asked. Times are UTC.

    \b
    Examples:
      switchbay engagement report
      switchbay engagement report --since 30d --by day,campaign
      switchbay engagement report --since 2026-11-01 --until 2026-12-01 --csv > november.csv
    """
    if csv and json_output:
        raise typer.BadParameter("--csv does not go with --json")
    query = [(name, _time(text)) for name, text in (("from", since), ("to", until)) if text is not None]
    query += [("by", by)] if by is not None else []
    query += [(name, str(value)) for name, value in (("campaign", campaign), ("engagement", engagement)) if value]
    with connected(server, account, user, ca_file) as connection:
        if csv:
            out = typer.get_binary_stream("stdout")
            for piece in connection.stream("/reports/engagements", [*query, ("format", "csv")]):
                out.write(piece)
            out.flush()
            return
        answer = mapping(connection.call("GET", "/reports/engagements", query=query))
    if json_output:
        print_json(answer)
        return
    _show(answer)


def _time(text: str) -> str:
    """A time as the server reads it; ages are counted from now."""
    return datetime.fromtimestamp(moment(text) / 1_000, UTC).isoformat()


def _show(answer: dict[str, JsonValue]) -> None:
    lines = objects(answer.get("lines"))
    parts = [name for name in _PARTS if lines and name in lines[0]]
    titles = [name.upper().replace("_", " ") for name in (*parts, *_COUNTS)]
    rows: list[list[object]] = [[line.get(name) for name in (*parts, *_COUNTS)] for line in lines]
    if lines:
        totals = mapping(answer.get("totals"))
        rows.append(["total", *[""] * (len(parts) - 1), *(totals.get(name) for name in _COUNTS)])
    print_table(titles, rows)
