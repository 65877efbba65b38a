"""The timeline of a delivery: published, queued, held by what, each attempt, done. Times are the log's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from switchbay.webhooks.domain import Status
from switchbay.webhooks.store.listing import AttemptDetail, DeliverySummary, Holder


class Step(StrEnum):
    """What a line of the timeline tells of."""

    PUBLISHED = "published"
    QUEUED = "queued"
    HELD = "held"
    ATTEMPT = "attempt"
    DONE = "done"


class HeldBy(StrEnum):
    """What kept a delivery from being sent."""

    CONVERSATION = "conversation"
    RETRY = "retry"
    GATE = "gate"
    BREAKER = "breaker"
    APP_DISABLED = "app_disabled"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Moment:
    """One line. ``until`` is None while it lasts; ``delivery_id`` is what a conversation waited for."""

    at: int
    step: Step
    held_by: HeldBy | None = None
    until: int | None = None
    delivery_id: str | None = None
    attempt: AttemptDetail | None = None


def timeline(
    delivery: DeliverySummary, published_at: int, attempts: Sequence[AttemptDetail], holder: Holder
) -> tuple[Moment, ...]:
    """Everything that is known of a delivery, in the order in which it happened."""
    return tuple(_moments(delivery, published_at, attempts, holder))


def _moments(
    delivery: DeliverySummary, published_at: int, attempts: Sequence[AttemptDetail], holder: Holder
) -> Iterator[Moment]:
    yield Moment(published_at, Step.PUBLISHED)
    queued_at = delivery.created_at
    yield Moment(queued_at, Step.QUEUED)
    is_pending = delivery.status == Status.PENDING
    if holder.earlier_id is not None and (holder.earlier_until is None or holder.earlier_until > queued_at):
        yield Moment(queued_at, Step.HELD, HeldBy.CONVERSATION, holder.earlier_until, holder.earlier_id)
    free_since: int | None = None
    for attempt in attempts:
        if free_since is not None:
            yield Moment(free_since, Step.HELD, HeldBy.RETRY, attempt.started_at)
        yield Moment(attempt.started_at, Step.ATTEMPT, attempt=attempt)
        free_since = attempt.started_at + attempt.total_ms
    if is_pending:
        if holder.disabled_since is not None:
            yield Moment(max(holder.disabled_since, queued_at), Step.HELD, HeldBy.APP_DISABLED)
        elif holder.gate_since is not None:
            yield Moment(max(holder.gate_since, queued_at), Step.HELD, HeldBy.GATE)
        elif holder.paused_until is not None and holder.earlier_id is None:
            yield Moment(free_since or queued_at, Step.HELD, HeldBy.BREAKER, holder.paused_until)
        elif delivery.next_attempt_at is not None:
            yield Moment(free_since or queued_at, Step.HELD, HeldBy.RETRY, delivery.next_attempt_at)
        elif holder.earlier_id is None:
            yield Moment(free_since or queued_at, Step.HELD, HeldBy.NODE)
    elif delivery.finished_at is not None:
        yield Moment(delivery.finished_at, Step.DONE)
