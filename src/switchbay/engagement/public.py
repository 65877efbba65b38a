"""The door of the engagement room: what assembly builds."""

from switchbay.engagement.room import Engagements

__all__ = ["Engagements"]
