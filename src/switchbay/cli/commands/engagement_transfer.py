"""``engagement export`` and ``engagement import``: campaigns as files."""

import json
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from switchbay.cli.client import segment
from switchbay.cli.connection import AccountOption, CaFileOption, Connection, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, note, objects, plain, print_fields, print_json
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

MOST_BYTES: Final = 4 * 1024 * 1024
"""That the server takes; one more is read of a file, so that the server says that it is too large."""
CampaignArgument = Annotated[int, typer.Argument(metavar="ID", min=1, help="Id of the campaign.")]


def export_campaign(
    campaign: CampaignArgument,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Write to this file; else to standard output.")
    ] = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Write a campaign with its engagements and all that they use to a file.

    \b
    Examples:
      switchbay engagement export 12 --file spring.json
      switchbay engagement export 12 | jq .campaign
    """
    with connected(server, account, user, ca_file) as connection:
        found = mapping(_call(connection, "GET", f"/campaigns/{campaign}/export"))
    if file is None:
        print_json(found)
        return
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise AppError(Kind.INVALID, "file_unwritable", f"{file} cannot be written: {reason}.") from error
    if json_output:
        print_json({"file": str(file), "bytes": len(text.encode())})
    else:
        note(f"{plain(mapping(found.get('campaign')).get('name'))} is in {file}.")


def import_campaign(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What an export has written; - for standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only try whether it could be made.")] = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Make a campaign from a file: everything that is in it, with new ids, or nothing. It is a draft then.

    \b
    Examples:
      switchbay engagement import spring.json --dry-run
      switchbay engagement import spring.json
    """
    content = _read(file)
    query = [("dryRun", "true")] if dry_run else []
    with connected(server, account, user, ca_file) as connection:
        try:
            made = mapping(_call(connection, "POST", "/campaigns/import", body=content, query=query))
        except AppError as error:
            if not json_output:
                _show_findings(error)
            raise
    if json_output:
        print_json(made)
        return
    counts = {name: len(mapping(ids)) for name, ids in mapping(made.get("ids")).items()}
    print_fields([("campaign", made.get("campaignId")), ("name", made.get("name")), *counts.items()])
    if dry_run:
        note("Nothing was made; without --dry-run all of this would be.")


def _read(file: str) -> bytes:
    try:
        if file == "-":
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise AppError(Kind.INVALID, "file_unreadable", f"{file} cannot be read: {reason}.") from error


def _call(
    connection: Connection,
    method: str,
    path: str,
    *,
    body: bytes | None = None,
    query: list[tuple[str, str]] | None = None,
) -> JsonValue:
    """Call the configuration API of the account."""
    address = f"/api/account/{segment(connection.account)}/configuration/le-campaigns{path}"
    return connection.client.call(method, address, body=body, query=query, bearer=connection.bearer)


def _show_findings(error: AppError) -> None:
    """What is wrong with the file, one line each."""
    for finding in objects(error.detail.get("findings")):
        note(f"{plain(finding.get('path'))}: {plain(finding.get('message'))} ({plain(finding.get('code'))})")
