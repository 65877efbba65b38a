"""The door of the engagement room: what assembly builds."""

from switchbay.engagement.monitoring.service import Options
from switchbay.engagement.room import Engagements

__all__ = ["Engagements", "Options"]
