"""The door of the messaging room: the services that assembly builds, its limits, and what it needs of other rooms."""

from switchbay.messaging.files.building import build_files
from switchbay.messaging.files.service import Files
from switchbay.messaging.service import AccountBook, Limits, Messaging, Publisher

__all__ = ["AccountBook", "Files", "Limits", "Messaging", "Publisher", "build_files"]
