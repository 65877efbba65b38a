"""The door of the messaging room: what assembly builds, its limits, and what it needs of other rooms."""

from switchbay.messaging.history.files import FilesEraser
from switchbay.messaging.history.room import HistoryRoom
from switchbay.messaging.history.service import AgentStates
from switchbay.messaging.service import AccountBook, Limits, Messaging, Publisher

__all__ = ["AccountBook", "AgentStates", "FilesEraser", "HistoryRoom", "Limits", "Messaging", "Publisher"]
