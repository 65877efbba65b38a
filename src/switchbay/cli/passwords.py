"""Where passwords come from: a prompt, standard input, the environment, or made up. Never from an argument.

And the codes of second factors, which are worth something for half a minute only.
"""

import os
import sys

import typer

from switchbay.cli.output import is_interactive
from switchbay.infra.machine import Randomness
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.secret import Secret

PASSWORD_VARIABLE = "SWITCHBAY_PASSWORD"  # noqa: S105 - the name of a variable
CODE_VARIABLE = "SWITCHBAY_OTP"
_LONGEST_LINE = 4_096


def new_password(*, from_stdin: bool) -> tuple[Secret, bool]:
    """A password for a user: read, asked for twice, or made up where nobody can be asked; True when made up."""
    if from_stdin:
        return _from_stdin(), False
    if is_interactive():
        text: str = typer.prompt(
            "Password (empty: make one up)", default="", show_default=False, hide_input=True, err=True
        )
        if text:
            if typer.prompt("Once more", hide_input=True, err=True) != text:
                raise AppError(Kind.INVALID, "passwords_differ", "The two passwords differ.")
            return Secret(text), False
    return Secret(Randomness().client_secret()), True


def given_password(login_name: str, *, from_stdin: bool = False) -> Secret:
    """The password of a user who logs in: from standard input, SWITCHBAY_PASSWORD, or a prompt."""
    if from_stdin:
        return _from_stdin()
    configured = os.environ.get(PASSWORD_VARIABLE)
    if configured:
        return Secret(configured)
    if not is_interactive():
        raise AppError(
            Kind.UNAUTHENTICATED,
            "password_missing",
            f"Give the password of {login_name} in {PASSWORD_VARIABLE} or with --password-stdin.",
        )
    return Secret(typer.prompt(f"Password of {login_name}", hide_input=True, err=True))


def given_code(login_name: str) -> Secret:
    """The code of the second factor of a user who logs in: from SWITCHBAY_OTP, or a prompt."""
    configured = os.environ.get(CODE_VARIABLE)
    if configured:
        return Secret(configured)
    if not is_interactive():
        raise AppError(
            Kind.UNAUTHENTICATED,
            "second_factor_missing",
            f"Give the code of {login_name}'s second factor, or a recovery code, in {CODE_VARIABLE}.",
        )
    return Secret(typer.prompt(f"Code of {login_name}", hide_input=False, err=True))


def given_secret(what: str, variable: str, *, from_stdin: bool) -> Secret:
    """A secret of somebody else's making: from standard input, the environment, or a prompt."""
    if from_stdin:
        return _from_stdin()
    configured = os.environ.get(variable)
    if configured:
        return Secret(configured)
    if not is_interactive():
        raise AppError(Kind.INVALID, "secret_missing", f"Give the {what} in {variable} or with --secret-stdin.")
    return Secret(typer.prompt(what.capitalize(), hide_input=True, err=True))


def _from_stdin() -> Secret:
    """The first line of standard input, without its end."""
    return Secret(sys.stdin.readline(_LONGEST_LINE).rstrip("\r\n"))
