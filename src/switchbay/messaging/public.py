"""The door of the messaging room: the services that assembly builds, their limits, and what they need of others."""

from switchbay.messaging.consumers.door import ConsumerDoor
from switchbay.messaging.files.building import build_files
from switchbay.messaging.files.service import Files
from switchbay.messaging.history.room import HistoryRoom
from switchbay.messaging.routing.service import Routing
from switchbay.messaging.service import AccountBook, Limits, Messaging, Publisher

__all__ = [
    "AccountBook",
    "ConsumerDoor",
    "Files",
    "HistoryRoom",
    "Limits",
    "Messaging",
    "Publisher",
    "Routing",
    "build_files",
]
