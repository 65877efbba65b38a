"""Whoever watches how endpoints are doing while they are called."""

from typing import Protocol

from switchbay.webhooks.store.deliveries import AttemptRow
from switchbay.webhooks.workers.lane import DoorKey


class Observer(Protocol):
    """Hears of each attempt. It must be quick: it is called between one request and the next."""

    def attempted(self, key: DoorKey, attempt: AttemptRow) -> None:
        """An attempt was made."""
        ...

    def paused(self, key: DoorKey, until: int | None) -> None:
        """A breaker has opened until a time, or has closed."""
        ...
