"""The root of the command line, which loads a command's module only when that command is used.

Loading every room takes seconds; ``--help``, shell completion and ``manifest check`` must not wait for a database
library that they do not use. So the table says where each command lives and what its one line of help is.
"""

import importlib
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command as build_command

from switchbay.cli.output import json_asked, report_error
from switchbay.kit.errors import AppError


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command lives (``app`` in that module), and its line in the list of commands."""

    module: str
    help: str


COMMANDS = {
    "init": Entry("init", "Prepare this host: keys, certificates, database, first account."),
    "serve": Entry("serve", "Start the server."),
    "account": Entry("account", "Make and change accounts, on this host's database."),
    "user": Entry("user", "Make and change users of an account, on this host's database."),
    "login": Entry("session", "Log in to a server and remember the session."),
    "second-factor": Entry("second_factor", "Look after your own second factor on a server."),
    "logout": Entry("session", "End the remembered session, at the server too."),
    "upstream": Entry("upstream", "Let users of an account log in at another OpenID provider."),
    "manifest": Entry("manifest", "Check and compare application manifests, without a server."),
    "content": Entry("content", "Check structured content and quick replies, without a server."),
    "apps": Entry("apps", "Install and look after applications on a server."),
    "registration": Entry("registration", "Hand out tokens with which applications register themselves."),
    "consents": Entry("consents", "See, give and withdraw what users have allowed applications."),
    "keys": Entry("keys", "See and replace the keys that sign an account's tokens."),
    "oauth": Entry("oauth", "See and change what the authorization server of an account allows."),
    "skill": Entry("routing", "Look after the skills of an account."),
    "agent": Entry("routing", "See what agents do, and set what they are given."),
    "queue": Entry("routing", "Show the conversations that wait for an agent, the next one first."),
    "engagement": Entry("engagement", "Look after campaigns and what they offer to visitors."),
    "deliveries": Entry("deliveries", "See what became of webhooks."),
    "replays": Entry("replays", "See and cancel replays, which send many events again."),
    "operational": Entry(
        "operational", "Be told by webhook when endpoints of applications fail, recover or are disabled."
    ),
    "message": Entry("message", "Send messages, as a connector or as an agent."),
    "history": Entry("history", "Find messages, export conversations, erase what is kept of a consumer."),
    "listen": Entry("listen", "Receive webhooks over https, check their signatures and show them."),
}


class LazyCommands(TyperGroup):
    """Loads commands when they are used, and lets no expected failure end in a traceback."""

    _listing = False

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - what Typer gives to any group
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name=name, help=entry.help) for name, entry in COMMANDS.items()}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as above
        """Load a command; while commands are only listed, give its name and line of help."""
        entry = COMMANDS.get(cmd_name)
        if entry is None or self._listing:
            return super().get_command(ctx, cmd_name)
        command: Any = build_command(importlib.import_module(f"switchbay.cli.commands.{entry.module}").app)
        found = command.commands[cmd_name] if cmd_name in getattr(command, "commands", {}) else command
        found.name = cmd_name
        return found

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        """Write the list of commands for ``--help``."""
        self._listing = True
        try:
            super().format_commands(ctx, formatter)
        finally:
            self._listing = False

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:  # noqa: ANN401 - as above
        """Propose commands to the shell."""
        self._listing = True
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self._listing = False

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as above
        """Run the chosen command; an ``AppError`` becomes its line and its exit code."""
        try:
            return super().invoke(ctx)
        except AppError as error:
            report_error(error, as_json=json_asked(ctx))
            raise typer.Exit(error.kind.value.exit_code) from error
