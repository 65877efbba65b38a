"""What the commands ``message …`` share: who speaks, and where."""

import os
from pathlib import Path
from typing import Annotated

import typer

from switchbay.cli.connection import chosen_account, open_client
from switchbay.cli.connector import Connector
from switchbay.cli.output import is_interactive
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.secret import Secret

ConversationOption = Annotated[
    str | None, typer.Option(help="Conversation to speak in; without it a consumer opens a new one.")
]
AsAgentFlag = Annotated[bool, typer.Option("--as-agent", help="Speak as the logged-in user.")]
ConsumerOption = Annotated[str, typer.Option(metavar="ID", help="Who the consumer is, in the connector's own words.")]
ClientIdOption = Annotated[str | None, typer.Option(envvar="SWITCHBAY_CLIENT_ID", help="The connector's client id.")]


def sign_in(
    server: str | None, account: str | None, ca_file: Path | None, client_id: str | None, consumer: str
) -> Connector:
    """A connector with its tokens; the client secret is in SWITCHBAY_CLIENT_SECRET or asked for."""
    if client_id is None:
        raise typer.BadParameter("A connector needs --client-id (or SWITCHBAY_CLIENT_ID).")
    client = open_client(server, ca_file)
    return Connector.sign_in(client, chosen_account(account, server), client_id, _client_secret(), consumer)


def _client_secret() -> Secret:
    configured = os.environ.get("SWITCHBAY_CLIENT_SECRET")
    if configured:
        return Secret(configured)
    if not is_interactive():
        raise AppError(
            Kind.UNAUTHENTICATED, "client_secret_missing", "Give the client secret in SWITCHBAY_CLIENT_SECRET."
        )
    return Secret(typer.prompt("Client secret", hide_input=True, err=True))
