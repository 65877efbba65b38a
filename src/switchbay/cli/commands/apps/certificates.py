"""The commands ``apps client-certificates …``: what an application's endpoints are shown when they ask who calls."""

from pathlib import Path
from typing import Annotated

import typer

from switchbay.cli.client import segment
from switchbay.cli.commands.apps.group import AppArgument, Yes, app, app_path, confirm
from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.output import JsonFlag, mapping, note, objects, plain, print_fields, print_json, print_table, when
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

_DEFAULT = "default"
_MOST_BYTES = 65_536
certificates = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
app.add_typer(certificates, name="client-certificates")
EventOption = Annotated[
    str, typer.Option("--event", help="Only for the endpoint of this event; else for all that have none of their own.")
]


@certificates.callback()
def certificates_group() -> None:
    """See and set the client certificates that an application's endpoints are shown (mutual TLS).

    \b
    Examples:
      switchbay apps client-certificates set com.example.bot --certificate bot.pem --key bot.key
      switchbay apps client-certificates list com.example.bot
    """


@certificates.command("list")
def list_certificates(
    app_id: AppArgument,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """List the client certificates of an application: what they say, never their keys.

    \b
    Examples:
      switchbay apps client-certificates list com.example.bot
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", f"{app_path(connection, app_id)}/client-certificates"))
    if json_output:
        print_json(answer)
        return
    print_table(
        ("EVENT", "SUBJECT", "ISSUER", "ENDS", "STATE", "SHA-256"),
        [
            (
                each.get("event"),
                each.get("subject"),
                each.get("issuer"),
                when(each.get("not_after")),
                str(each.get("state")).replace("_", " "),
                each.get("fingerprint_sha256"),
            )
            for each in objects(answer.get("items"))
        ],
    )


@certificates.command("set")
def set_certificate(
    app_id: AppArgument,
    certificate: Annotated[
        Path, typer.Option("--certificate", metavar="FILE", help="PEM chain, the application's own certificate first.")
    ],
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="PEM private key, not encrypted; else it is in the certificate's."),
    ] = None,
    event: EventOption = _DEFAULT,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Have the endpoints of an application shown a client certificate from now on, in place of the one before.

    \b
    Examples:
      switchbay apps client-certificates set com.example.bot --certificate bot.pem --key bot.key
      switchbay apps client-certificates set com.example.bot --certificate both.pem --event EVENT
    """
    body: dict[str, JsonValue] = {"certificate": _read(certificate), "private_key": _read(key or certificate)}
    with connected(server, account, user, ca_file) as connection:
        path = f"{app_path(connection, app_id)}/client-certificates/{segment(event)}"
        answer = mapping(connection.call("PUT", path, body=body))
    if json_output:
        print_json(answer)
        return
    print_fields(
        [
            ("event", answer.get("event")),
            ("subject", answer.get("subject")),
            ("issuer", answer.get("issuer")),
            ("ends", when(answer.get("not_after"))),
            ("sha-256", answer.get("fingerprint_sha256")),
        ]
    )


@certificates.command("remove")
def remove_certificate(
    app_id: AppArgument,
    event: EventOption = _DEFAULT,
    yes: Yes = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Show the endpoints of an application no client certificate any more.

    \b
    Examples:
      switchbay apps client-certificates remove com.example.bot --yes
    """
    with connected(server, account, user, ca_file) as connection:
        path = f"{app_path(connection, app_id)}/client-certificates/{segment(event)}"
        confirm(f"Remove the client certificate of {plain(app_id)} ({plain(event)})?", yes=yes)
        connection.call("DELETE", path)
    if json_output:
        print_json({"event": event, "removed": True})
    else:
        note(f"{plain(app_id)}: client certificate removed ({plain(event)})")


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise ValueError("it is too large")
        return text.decode("ascii")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise AppError(
            Kind.INVALID, "certificate_file_unreadable", f"The file {str(path)!r} cannot be read: {why}."
        ) from error
