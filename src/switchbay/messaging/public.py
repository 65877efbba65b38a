"""The door of the messaging room: the services that assembly builds, their limits, and what they need of others."""

from switchbay.messaging.consumers.door import ConsumerDoor
from switchbay.messaging.files.building import build_files
from switchbay.messaging.files.service import Files
from switchbay.messaging.history.room import HistoryRoom
from switchbay.messaging.history.service import Hit
from switchbay.messaging.routing.service import Routing
from switchbay.messaging.service import AccountBook, Limits, Messaging, Publisher
from switchbay.messaging.watching import Glance, Line, Talk, Transcript, Watching

__all__ = [
    "AccountBook",
    "ConsumerDoor",
    "Files",
    "Glance",
    "HistoryRoom",
    "Hit",
    "Limits",
    "Line",
    "Messaging",
    "Publisher",
    "Routing",
    "Talk",
    "Transcript",
    "Watching",
    "build_files",
]
