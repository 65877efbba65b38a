"""The door of the apps room: what an installed application is to the rooms that serve it."""

from switchbay.apps.domain.clients import Client, localise
from switchbay.apps.domain.engagements import EngagementSource, EngagementSources
from switchbay.apps.domain.secrets import SecretCheck
from switchbay.apps.service import Apps

__all__ = [
    "Apps",
    "Client",
    "EngagementSource",
    "EngagementSources",
    "SecretCheck",
    "localise",
]
