"""What a person sees who sets up a second factor: the secret, its picture, the recovery codes."""

import sys

import segno
import typer

from switchbay.cli.output import note, print_fields, print_json
from switchbay.kit.jsonvalue import JsonValue


def show_enrolment(secret: str, uri: str, confirm: str, *, as_json: bool) -> None:
    """Show a new secret; at a terminal as a picture to scan too. ``confirm`` is the command that comes next."""
    if as_json:
        print_json({"secret": secret, "uri": uri})
        return
    print_fields([("secret", secret), ("uri", uri)])
    if sys.stdout.isatty():
        segno.make(uri, error="m").terminal(compact=True)
    note(f"Add it to an authenticator app, then: {confirm}")


def show_recovery_codes(codes: list[str], *, as_json: bool) -> None:
    """Show recovery codes, one a line."""
    if as_json:
        shown: list[JsonValue] = [*codes]
        print_json({"recovery_codes": shown})
        return
    for code in codes:
        typer.echo(code)
    note("Keep these recovery codes; each works once in place of a code. They are shown only now.")
