"""The delivery engine: lanes in memory, slots for requests under way, recording of results, the dispatcher itself."""

from switchbay.webhooks.workers.dispatcher import LANES_ARE_DUE, Dispatcher
from switchbay.webhooks.workers.lane import Handoff

__all__ = ["LANES_ARE_DUE", "Dispatcher", "Handoff"]
