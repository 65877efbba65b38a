"""The commands ``login`` and ``logout``."""

import time
from pathlib import Path
from typing import Annotated

import typer

from switchbay.cli.connection import (
    AccountOption,
    CaFileOption,
    ServerOption,
    chosen_account,
    find_session,
    log_in,
    log_out,
    open_client,
)
from switchbay.cli.output import JsonFlag, note, print_json, when
from switchbay.cli.passwords import given_password
from switchbay.cli.sessions import RememberedSession, forget, remember
from switchbay.kit.errors import AppError, Kind

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def login(
    user: Annotated[str, typer.Option("--user", envvar="SWITCHBAY_USER", help="Login name.")],
    server: ServerOption = None,
    account: AccountOption = None,
    ca_file: CaFileOption = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    json_output: JsonFlag = False,
) -> None:
    """Log in to a server and remember the session.

    The commands that talk to a server use the last login. The session is kept in sessions.json in the configuration
    folder, readable by you only; the password is not kept. For a user with a second factor its code is asked for, or
    taken from SWITCHBAY_OTP.

    \b
    Examples:
      switchbay login --account demo --user admin
      switchbay login --server https://bay.example.com --account 4711001 --user ada --password-stdin < password.txt
    """
    client = open_client(server, ca_file)
    chosen = chosen_account(account, server)
    bearer, lifetime = log_in(client, chosen, user, given_password(user, from_stdin=password_stdin))
    expires_at = int(time.time() * 1000) + lifetime
    trusted = "" if client.ca_file is None else str(Path(client.ca_file).resolve())
    remember(RememberedSession(client.server, chosen, user, bearer, expires_at, trusted))
    if json_output:
        print_json({"server": client.server, "account": chosen, "user": user, "expires_at": expires_at})
        return
    note(f"logged in to {client.server} as {user} of {chosen} until {when(expires_at)}")


@app.command()
def logout(
    server: ServerOption = None,
    account: AccountOption = None,
    json_output: JsonFlag = False,
) -> None:
    """End the remembered session, at the server too.

    \b
    Examples:
      switchbay logout
      switchbay logout --server https://bay.example.com --account 4711001
    """
    session = find_session(server, account)
    if session is None:
        raise AppError(Kind.UNAUTHENTICATED, "not_logged_in", "There is no remembered session to end.")
    forget(session)
    client = open_client(session.server, Path(session.ca_file) if session.ca_file else None)
    try:
        log_out(client, session.account, session.bearer)
    except AppError as error:
        if error.kind is not Kind.UNAUTHENTICATED:  # it had ended already
            raise
    if json_output:
        print_json({"server": session.server, "account": session.account, "user": session.user})
        return
    note(f"logged out of {session.server}, account {session.account}")
