"""Publishing in one process of a node and sending in another: the link hands over what a publish has just committed.

The two processes count as two nodes, with names of their own, so everything that holds between nodes holds between
them: what the link loses is found by the sweep when the lease runs out, or when the lane is released.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from switchbay.infra.link import Link
from switchbay.infra.machine import Clock
from switchbay.webhooks.owners import OwnerCache, hear_changes
from switchbay.webhooks.workers import Dispatcher, Handoff

_HANDOFFS, _DUE, _CHANGED, _ACCEPTING = b"h", b"d", b"c", b"a"

_encoder = msgspec.msgpack.Encoder()
_handoffs = msgspec.msgpack.Decoder(list[Handoff])
_change = msgspec.msgpack.Decoder(tuple[str, str])


class Taker(Protocol):
    """Who takes over the lanes of this process's publishes."""

    @property
    def is_accepting(self) -> bool:
        """Whether publishes should give it their lanes. Read from other threads, too."""
        ...

    def accept(self, handoffs: Sequence[Handoff], /) -> None:
        """Take over what a publish has just committed."""
        ...


class FarDispatcher:
    """The dispatcher in the other process, as the one that publishes sees it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._is_accepting = False
        link.handle(_ACCEPTING, self._accepting)
        hear_changes(self)

    @property
    def is_accepting(self) -> bool:
        """What the other process has told last."""
        return self._is_accepting and self._link.has_room

    def _accepting(self, message: bytes) -> None:
        self._is_accepting = message == b"1"

    def accept(self, handoffs: Sequence[Handoff]) -> None:
        """Hand over what a publish has just committed."""
        self._link.send(_HANDOFFS, _encoder.encode(handoffs))

    def sweep_soon(self) -> None:
        """Tell it that lanes wait for whoever comes."""
        self._link.send(_DUE)

    def drop(self, account_id: str, owner_id: str) -> None:
        """Have it forget what it knows of an owner that has changed."""
        self._link.send(_CHANGED, _encoder.encode((account_id, owner_id)))


class NearDispatcher:
    """The dispatcher of this process, as a service to the other one."""

    def __init__(self, link: Link, dispatcher: Dispatcher, remembered: OwnerCache, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        link.handle(_HANDOFFS, self._accept)
        link.handle(_DUE, lambda _: dispatcher.sweep_soon())
        link.handle(_CHANGED, lambda message: remembered.drop(*_change.decode(message)))
        dispatcher.on_accepting(lambda accepting: link.send(_ACCEPTING, b"1" if accepting else b"0"))

    def _accept(self, message: bytes) -> None:
        now = self._clock.now_ms()
        # What comes later than its lease may have been sent by whoever took the lane over.
        self._dispatcher.accept([each for each in _handoffs.decode(message) if each.lease_until > now])
