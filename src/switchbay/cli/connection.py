"""Commands that talk to a server: which server, which account, and who is logged in.

In this order: options, environment variables, the last remembered login, the local server's address. A password is
only used for the one command: its session is ended afterwards.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from switchbay.cli.client import Client, is_loopback, segment, server_address
from switchbay.cli.output import mapping
from switchbay.cli.passwords import given_code, given_password
from switchbay.cli.sessions import RememberedSession, load_sessions
from switchbay.infra.tls import authority_file
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.secret import Secret

DEFAULT_SERVER = "https://localhost:8443"

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="SWITCHBAY_SERVER",
        help=f"Address of the server; else the last login's, else {DEFAULT_SERVER}.",
    ),
]
AccountOption = Annotated[
    str | None, typer.Option("--account", envvar="SWITCHBAY_ACCOUNT", help="Account id; else the last login's.")
]
UserOption = Annotated[
    str | None,
    typer.Option(
        "--user",
        envvar="SWITCHBAY_USER",
        help="Log in as this user for this command only; password in SWITCHBAY_PASSWORD or asked for.",
    ),
]
CaFileOption = Annotated[
    Path | None,
    typer.Option(
        "--ca-file",
        envvar="SWITCHBAY_CA_FILE",
        help="Authority to trust; else the last login's; for a server on this host, that in the data folder.",
    ),
]


@dataclass(frozen=True, slots=True)
class Connection:
    """A logged-in user at a server."""

    client: Client
    account: str
    bearer: str

    def call(
        self,
        method: str,
        path: str = "",
        *,
        body: "JsonValue | bytes" = None,
        query: list[tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> JsonValue:
        """Call the management API of the account; ``path`` is what follows the account."""
        return self.client.call(
            method,
            f"/switchbay/v1/accounts/{segment(self.account)}{path}",
            body=body,
            query=query,
            headers=headers,
            bearer=self.bearer,
        )

    def stream(self, path: str, query: list[tuple[str, str]]) -> Iterator[bytes]:
        """Get what may be long from the management API of the account, a piece at a time."""
        return self.client.stream(
            f"/switchbay/v1/accounts/{segment(self.account)}{path}", query=query, bearer=self.bearer
        )


def open_client(server: str | None, ca_file: Path | None) -> Client:
    """A client for the chosen server, trusting the chosen authority."""
    remembered = find_session(server, None)
    address = server_address(server or (remembered.server if remembered else DEFAULT_SERVER))
    return Client(address, ca_file or _authority(address, remembered))


def find_session(server: str | None, account: str | None) -> RememberedSession | None:
    """The last login, at this server and account if they are given."""
    wanted = None if server is None else server_address(server)
    for session in load_sessions():
        if wanted in {None, session.server} and account in {None, session.account}:
            return session
    return None


def chosen_account(account: str | None, server: str | None) -> str:
    """The account that was asked for, else that of the last login."""
    if account:
        return account
    session = find_session(server, None)
    if session is None:
        raise AppError(
            Kind.INVALID, "account_missing", "Name the account with --account or SWITCHBAY_ACCOUNT, or log in first."
        )
    return session.account


@contextlib.contextmanager
def connected(server: str | None, account: str | None, user: str | None, ca_file: Path | None) -> Iterator[Connection]:
    """Be logged in for one command: with the remembered session, or as ``user``, whose session is ended after."""
    if user is None:
        session = find_session(server, account)
        if session is None:
            raise AppError(
                Kind.UNAUTHENTICATED, "not_logged_in", "Log in first with switchbay login, or name a user with --user."
            )
        client = open_client(session.server, ca_file or (Path(session.ca_file) if session.ca_file else None))
        yield Connection(client, session.account, session.bearer)
        return
    client = open_client(server, ca_file)
    chosen = chosen_account(account, server)
    bearer, _ = log_in(client, chosen, user, given_password(user))
    try:
        yield Connection(client, chosen, bearer)
    finally:
        with contextlib.suppress(AppError):  # the session ends by itself soon; the command's own outcome counts
            log_out(client, chosen, bearer)


def log_in(client: Client, account: str, user: str, password: Secret) -> tuple[str, int]:
    """Log in, with the code of the second factor if the user has one; return the bearer and the session's length in
    milliseconds.
    """
    path = f"/api/account/{segment(account)}/login"
    body: dict[str, JsonValue] = {"username": user, "password": password.reveal()}
    try:
        answer = mapping(client.call("POST", path, query={"v": "1.3"}, body=body))
    except AppError as error:
        if error.code != "second_factor_missing":
            raise
        body["otp"] = given_code(user).reveal()
        answer = mapping(client.call("POST", path, query={"v": "1.3"}, body=body))
    bearer, lifetime = answer.get("bearer"), str(answer.get("sessionTTl", ""))
    if not isinstance(bearer, str) or not lifetime.isdigit():
        raise AppError(Kind.INTERNAL, "server_answer_malformed", "The server's answer to the login has no bearer.")
    return bearer, int(lifetime)


def log_out(client: Client, account: str, bearer: str) -> None:
    """End a session."""
    client.call("POST", f"/api/account/{segment(account)}/logout", bearer=bearer)


def _authority(address: str, remembered: RememberedSession | None) -> Path | None:
    """The authority of the last login at this server; for this host's own server the one in the data folder.

    A file that happens to lie in the current folder must not decide whom to trust elsewhere.
    """
    if remembered is not None and remembered.server == address and remembered.ca_file:
        return Path(remembered.ca_file)
    local = authority_file(Path(os.environ.get("SWITCHBAY_DATA_DIR") or "var"))
    return local if is_loopback(address) and local.exists() else None
