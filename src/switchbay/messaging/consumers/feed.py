"""What happens in a consumer's conversations, on whichever node, told to the sockets of that consumer on this one."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol

from switchbay.infra.websocket import FAILED
from switchbay.messaging.commit import Happening
from switchbay.messaging.domain import Changed, Conversation, Published

Who = tuple[str, str]
"""Account id and consumer id."""
MOST_SOCKETS: Final = 10


class Reader(Protocol):
    """A socket of a consumer. Calls come on the event loop, in the order of the commits, and must not block."""

    def changed(self, conversation: Conversation) -> None:
        """The conversation is new, or was changed."""
        ...

    def published(self, conversation: Conversation, published: Published) -> None:
        """Something was published, for whomever."""
        ...

    def end(self, code: int, reason: str) -> None:
        """Close the connection."""
        ...


class ConsumerFeed:
    """Knows which consumers have sockets here."""

    def __init__(self) -> None:
        self._readers: dict[Who, list[Reader]] = {}
        self._accounts: Counter[str] = Counter()

    def has_sockets(self, account_id: str) -> bool:
        """Whether an account has sockets of consumers here."""
        return self._accounts[account_id] > 0

    def end_all(self) -> None:
        """End every socket: what other nodes did may be missing here, and clients read on where they were."""
        for readers in tuple(self._readers.values()):
            for reader in tuple(readers):
                reader.end(FAILED, "something may have been missed")

    def heard(self, happenings: Sequence[Happening]) -> None:
        """Tell those whom it concerns what has happened."""
        for happening in happenings:
            conversation = happening.after
            readers = self._readers.get((conversation.account_id, conversation.consumer_id))
            if readers:
                for reader in tuple(readers):
                    _tell(reader, happening)

    def join(self, who: Who, reader: Reader) -> bool:
        """Begin to tell this socket; False when the consumer has too many of them."""
        readers = self._readers.setdefault(who, [])
        if len(readers) >= MOST_SOCKETS:
            return False
        readers.append(reader)
        self._accounts[who[0]] += 1
        return True

    def leave(self, who: Who, reader: Reader) -> None:
        """Tell this socket nothing more."""
        readers = self._readers.get(who, [])
        if reader in readers:
            readers.remove(reader)
            self._accounts[who[0]] -= 1
            if not self._accounts[who[0]]:
                del self._accounts[who[0]]
        if not readers:
            self._readers.pop(who, None)

    def is_here(self, who: Who) -> bool:
        """Whether the consumer has a socket on this node."""
        return who in self._readers


def _tell(reader: Reader, happening: Happening) -> None:
    for emitted in happening.emitted:
        match emitted:
            case Changed():
                reader.changed(emitted.conversation)
            case Published():
                reader.published(happening.after, emitted)
