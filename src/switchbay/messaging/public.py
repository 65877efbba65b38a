"""The door of the messaging room: the services that assembly builds, their limits, and what they need of others.

Who is told what happens (``Messaging.record_with``) or has requests pass through (``Messaging.admit_with``) meets
commands, conversations and what has happened to them.
"""

from switchbay.messaging.commit import Happening
from switchbay.messaging.consumers.door import ConsumerDoor
from switchbay.messaging.domain import Command, ConsumerCaller, Conversation, Open, Origin
from switchbay.messaging.files.building import build_files
from switchbay.messaging.files.service import Files
from switchbay.messaging.history.room import HistoryRoom
from switchbay.messaging.history.service import Hit
from switchbay.messaging.routing.service import Routing
from switchbay.messaging.service import AccountBook, Limits, Messaging, Publisher
from switchbay.messaging.store import find_talking
from switchbay.messaging.watching import Glance, Line, Talk, Transcript, Watching
from switchbay.messaging.wire.notifications import origin_of

__all__ = [
    "AccountBook",
    "Command",
    "ConsumerCaller",
    "ConsumerDoor",
    "Conversation",
    "Files",
    "Glance",
    "Happening",
    "HistoryRoom",
    "Hit",
    "Limits",
    "Line",
    "Messaging",
    "Open",
    "Origin",
    "Publisher",
    "Routing",
    "Talk",
    "Transcript",
    "Watching",
    "build_files",
    "find_talking",
    "origin_of",
]
