"""Whether a ring may end as somebody wants it to."""

from enum import StrEnum

from msgspec.structs import replace

from switchbay.messaging.routing.domain.rings import Ring, RingAnswer


class RingRefusal(StrEnum):
    """Why not. Each is also the code of the error."""

    UNKNOWN = "ring_unknown"
    FOREIGN = "ring_foreign"
    ENDED = "ring_ended"


def answered(ring: Ring | None, conversation_id: str, answer: RingAnswer, now: int) -> Ring | RingRefusal:
    """The ring as it has ended, or why it does not end like this.

    An agent answers their own ring while it waits and its time is not over. Whether it is over counts here, not whether
    somebody has noticed.
    """
    if ring is None or ring.conversation_id != conversation_id:
        return RingRefusal.UNKNOWN
    if answer.user_pid is not None and answer.user_pid != ring.user_pid:
        return RingRefusal.FOREIGN
    if not ring.is_waiting or (answer.user_pid is not None and now >= ring.expires_at):
        return RingRefusal.ENDED
    return replace(ring, state=answer.state, ended_at=now)
