"""The delivery engine: lanes in memory, slots for requests under way, recording of results, the dispatcher itself."""

from switchbay.webhooks.workers.dispatcher import Dispatcher
from switchbay.webhooks.workers.lane import Handoff
from switchbay.webhooks.workers.rounds import LANES_ARE_DUE

__all__ = ["LANES_ARE_DUE", "Dispatcher", "Handoff"]
