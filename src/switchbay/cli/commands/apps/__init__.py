"""The commands ``apps …``: install and look after applications over the management API of a server."""

from switchbay.cli.commands.apps import (
    certificates,
    changing,
    conversations,
    credentials,
    reading,
    secrets,
    trying,
    webhooks,
)
from switchbay.cli.commands.apps.group import app, find_app

__all__ = [
    "app",
    "certificates",
    "changing",
    "conversations",
    "credentials",
    "find_app",
    "reading",
    "secrets",
    "trying",
    "webhooks",
]
