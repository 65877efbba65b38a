"""``engagement explain`` and ``engagement simulate``: who would be offered what, and why."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, objects, plain, print_fields, print_json, print_table
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

_MOST_BYTES: Final = 4 * 1024 * 1024
AppOption = Annotated[
    str | None, typer.Option("--app", metavar="ID", help="The app that asks; by default the engagement's own.")
]
AtOption = Annotated[int | None, typer.Option("--at", metavar="MS", help="When, in Unix milliseconds; else now.")]


def explain(
    engagement: Annotated[int, typer.Argument(metavar="ID", min=1, help="Id of the engagement.")],
    visit: Annotated[
        str | None, typer.Option("--visit", metavar="FILE", help="A made-up visit as JSON; - for standard input.")
    ] = None,
    visitor: Annotated[str | None, typer.Option("--visitor", metavar="VID", help="A visitor's id.")] = None,
    session: Annotated[str | None, typer.Option("--session", metavar="SID", help="The visitor's session.")] = None,
    app_id: AppOption = None,
    at: AtOption = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Say why an engagement may be offered to a visitor, or why not: every check, with what was read for it.

    \b
    Examples:
      switchbay engagement explain 14 --visitor hSNbPk… --session 5xq…
      echo '{"cart": {"total": 80}}' | switchbay engagement explain 14 --visit -
    """
    given = (visitor is not None, session is not None)
    if (visit is None and not all(given)) or (visit is not None and any(given)):
        raise typer.BadParameter("give --visit, or --visitor with --session")
    body: dict[str, JsonValue] = {"visitorId": visitor, "sessionId": session}
    if visit is not None:
        body = {"visit": _json(visit, _read(visit))}
    body |= {name: value for name, value in (("appInstallationId", app_id), ("at", at)) if value is not None}
    with connected(server, account, user, ca_file) as connection:
        found = mapping(connection.call("POST", f"/engagements/{engagement}/explain", body=body))
    if json_output:
        print_json(found)
    else:
        _show_explanation(found)


def _show_explanation(found: dict[str, JsonValue]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    name = f"{found.get('engagementId')} {plain(found.get('engagementName'))}"
    if found.get("eligible"):
        others = found.get("competing")
        competing = f" among {len(others) + 1}" if isinstance(others, list) and others else ""
        chance = found.get("chance")
        share = f"{chance:.0%}" if isinstance(chance, int | float) else "?"
        console.print(f"[bold]{escape(name)} may be offered[/]; the chance that it is chosen{competing} is {share}.")
    else:
        console.print(f"[bold]{escape(name)} is not offered.[/]")
    for check in objects(found.get("checks")):
        line = f"{check.get('number'):>3} {plain(check.get('name'))}: {plain(check.get('because'))}"
        console.print(f"{_mark(check.get('holds'))} {escape(line)}")
        for part in objects(check.get("parts")):
            note = f" ({plain(part.get('note'))})" if part.get("note") else ""
            line = f"{plain(part.get('part'))} {part.get('id')}{note}"
            console.print(f"       {_mark(part.get('holds'))} {escape(line)}")
            for condition in objects(part.get("conditions")):
                _show_condition(console, condition)


def _show_condition(console: Console, condition: dict[str, JsonValue]) -> None:
    asks = json.dumps(condition.get("condition"), ensure_ascii=False)
    read = json.dumps(condition.get("read"), ensure_ascii=False)
    excluded = " (excluded)" if condition.get("excluded") else ""
    line = f"{plain(condition.get('type'))}{excluded}: asks {plain(asks)}; read {plain(read)}"
    console.print(f"           {_mark(condition.get('holds'))} {escape(line)}")


def _mark(holds: JsonValue) -> str:
    if holds is None:
        return "[dim]-  [/]"
    return "[green]yes[/]" if holds else "[red]no [/]"


def simulate(
    campaign: Annotated[int, typer.Argument(metavar="ID", min=1, help="Id of the campaign, published or not.")],
    crowd: Annotated[
        str | None,
        typer.Option("--crowd", metavar="FILE", help="Recorded visits, one JSON object a line; - for standard input."),
    ] = None,
    visitors: Annotated[
        int, typer.Option("--visitors", min=1, help="How many visits to make up without a file.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all chance: the same seed, the same result.")] = 1,
    at: AtOption = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Run a crowd over a campaign as if it were published: who would see what, and what holds the others back.

    \b
    Examples:
      switchbay engagement simulate 12
      switchbay engagement simulate 12 --visitors 5000 --seed 7
      switchbay engagement simulate 12 --crowd visits.jsonl
    """
    body: dict[str, JsonValue] = {"seed": seed}
    if at is not None:
        body["at"] = at
    if crowd is None:
        body["count"] = visitors
    else:
        body["visits"] = list(_lines(crowd))
    with connected(server, account, user, ca_file) as connection:
        found = mapping(connection.call("POST", f"/campaigns/{campaign}/simulate", body=body))
    if json_output:
        print_json(found)
        return
    print_fields(
        [
            ("visits", found.get("visits")),
            ("offered", found.get("offered")),
            ("offered from other campaigns", found.get("offeredOthers")),
            ("in the account's control group", found.get("inAccountControl")),
            ("in the campaign's control group", found.get("inCampaignControl")),
        ]
    )
    rows = [
        (
            one.get("engagementId"),
            one.get("engagementName"),
            one.get("eligible"),
            one.get("offered"),
            _counts(one.get("heldBy")),
            _counts(one.get("notMet")),
        )
        for one in objects(found.get("engagements"))
    ]
    print_table(("id", "name", "may see it", "offered", "held by", "conditions not met"), rows)


def _counts(value: JsonValue) -> str:
    return ", ".join(f"{name} {count}" for name, count in mapping(value).items()) if value else ""


def _read(file: str) -> str:
    try:
        content = sys.stdin.buffer.read(_MOST_BYTES + 1) if file == "-" else _bytes_of(Path(file))
        return content.decode("utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise AppError(Kind.INVALID, "file_unreadable", f"{file} cannot be read: {reason}.") from error
    except UnicodeDecodeError as error:
        raise AppError(Kind.INVALID, "file_unreadable", f"{file} is not UTF-8.") from error


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as opened:
        return opened.read(_MOST_BYTES + 1)


def _json(place: str, text: str) -> JsonValue:
    try:
        found: JsonValue = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AppError(Kind.INVALID, "file_unreadable", f"{place} is not JSON: {error}.") from error
    return found


def _lines(file: str) -> Iterator[JsonValue]:
    for number, line in enumerate(_read(file).splitlines(), start=1):
        if line.strip():
            yield _json(f"{file}:{number}", line)
