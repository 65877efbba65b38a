"""The door of the messaging room: the service that assembly builds, its limits, and what it needs of other rooms."""

from switchbay.messaging.service import AccountBook, Limits, Messaging, Publisher

__all__ = ["AccountBook", "Limits", "Messaging", "Publisher"]
