"""What the receiver's log tells: which messages arrived, when, in what order, how often, and whether they were signed.

A line of the log is one webhook request: the time of its answer (epoch seconds with milliseconds), the answer's status,
the request id, the app's client id, the signature, and the body as it came. A message carries its number and the time
of its POST in microseconds.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from switchbay.kit.signatures import verify

_MESSAGE = re.compile(
    rb'"sequence":(\d+),.*"message":"bench (\d+) (\d+) .*"conversationId":"([0-9a-f-]+)"', flags=re.DOTALL
)
_OK = 200


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request to an endpoint. ``at_ms`` is the receiver's time."""

    at_ms: int
    status: int
    request_id: str
    client_id: str
    signature: str
    body: bytes = field(repr=False)


def arrivals(log: Path, since: int = 0) -> Iterator[Arrival]:
    """The requests that the log has from byte ``since`` on; a last line that is not whole yet is left out."""
    with log.open("rb") as lines:
        lines.seek(since)
        for line in lines:
            if line.endswith(b"\n"):
                at, status, request_id, client_id, signature, body = line[:-1].split(b" ", 5)
                yield Arrival(
                    round(float(at) * 1000),
                    int(status),
                    request_id.decode(),
                    client_id.decode(),
                    signature.decode(),
                    body,
                )


def numbers(accepted: Path) -> list[int]:
    """The messages whose POST was answered 200, in the order of the answers."""
    whole, _, _ = accepted.read_text().rpartition("\n")
    return [int(line) for line in whole.split()]


@dataclass(slots=True)
class Received:
    """What came of messages. ``out_of_order`` ones came after a later one of their conversation, for the first time."""

    received: int = 0
    lost: int = 0
    out_of_order: int = 0
    duplicates: int = 0
    bad_signatures: int = 0
    refused: int = 0
    first_at_ms: int = 0
    last_at_ms: int = 0
    latencies_ms: list[float] = field(default_factory=list, repr=False)

    @property
    def per_second(self) -> float:
        """Deliveries a second from the first to the last."""
        return self.received * 1000 / max(1, self.last_at_ms - self.first_at_ms)

    def percentile(self, share: float) -> float:
        """The time, in milliseconds, within which this share of the messages arrived after their POST was begun."""
        ordered = sorted(self.latencies_ms)
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1) if ordered else 0.0


def count(came: Iterable[Arrival], accepted: Collection[int], secrets: Mapping[str, bytes]) -> Received:
    """Compare what came with what was accepted. ``secrets`` are those of the apps, by client id."""
    result = Received()
    seen: set[int] = set()
    latest: dict[bytes, int] = {}
    for each in came:
        if each.status != _OK:
            result.refused += 1
            continue
        message = _MESSAGE.search(each.body)
        if message is None or not verify(secrets.get(each.client_id, b""), each.body, each.signature):
            result.bad_signatures += 1
            continue
        sequence, number, conversation = int(message[1]), int(message[2]), message[4]
        if number in seen:
            result.duplicates += 1
            continue
        seen.add(number)
        if latest.get(conversation, -1) > sequence:
            result.out_of_order += 1
        latest[conversation] = max(sequence, latest.get(conversation, -1))
        result.latencies_ms.append(each.at_ms - int(message[3]) / 1000)
        result.first_at_ms = result.first_at_ms or each.at_ms
        result.last_at_ms = each.at_ms
    result.received = len(seen)
    result.lost = len(set(accepted) - seen)
    return result
