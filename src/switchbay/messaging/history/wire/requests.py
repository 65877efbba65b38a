"""Reading what the calls of the messaging interactions API ask for.

Numbers may come as strings, as clients send both. Members and parameters that are not known are ignored, but for
documented filters that are not kept here: an answer that leaves them out would be wrong, so they are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

import msgspec
from starlette.datastructures import QueryParams

from switchbay.infra.web import decode_as
from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.history.domain.selection import ANY, Page, SortBy, Span
from switchbay.messaging.history.wire.records import BY_DEFAULT

MOST_PER_PAGE: Final = 100
MOST_OFFSET: Final = 10_000
_LONGEST_START_MS: Final = 93 * 86_400_000
_LATEST_MS: Final = 253_402_300_800_000  # the year 10000: what a date can still say
_NO_BOUND: Final = -1
_UNSUPPORTED: Final = frozenset(
    {
        "agentGroupIds",
        "agentSurveySearch",
        "alertedMcsValues",
        "annotationStates",
        "answerText",
        "conversationsWithStepUpOnly",
        "csat",
        "device",
        "fcr",
        "fullDialogEndTime",
        "invalidFreeTextAnswer",
        "latestUpdateTime",
        "mcs",
        "messageContentTypes",
        "nps",
        "questionBrick",
        "responseTime",
        "sdeSearch",
        "source",
        "summary",
        "surveyBotConversations",
        "surveyIds",
        "userPermissions",
    }
)
_Number = int | str
_Id = Annotated[str, msgspec.Meta(max_length=200)] | int
_Ids = Annotated[list[_Id], msgspec.Meta(max_length=100)]
_Names = Annotated[list[str], msgspec.Meta(max_length=100)]


class _Span(msgspec.Struct, rename={"since": "from", "until": "to"}):
    since: _Number | None = None
    until: _Number | None = None


class _Conversation(msgspec.Struct, rename="camel"):
    conversation_id: str | None = None
    conversation_ids: _Names | None = None
    content_to_retrieve: _Names | None = None


class _Consumer(msgspec.Struct, rename="camel"):
    consumer: str
    status: list[Literal["OPEN", "CLOSE"]] | Literal["OPEN", "CLOSE"] | None = None
    content_to_retrieve: _Names | None = None


class _Search(msgspec.Struct, rename="camel"):
    start: _Span
    end: _Span | None = None
    duration: _Span | None = None
    status: list[Literal["OPEN", "CLOSE"]] | Literal["OPEN", "CLOSE"] | None = None
    skill_ids: _Ids | None = None
    latest_skill_ids: _Ids | None = None
    agent_ids: _Ids | None = None
    latest_agent_ids: _Ids | None = None
    keyword: str | None = None
    latest_conversation_queue_state: Literal["IN_QUEUE", "ACTIVE"] | None = None
    content_to_retrieve: _Names | None = None


class _Agents(msgspec.Struct, rename="camel"):
    agent_ids: _Ids | None = None
    status: _Names | None = None


_objects: Final = msgspec.json.Decoder(dict[str, Any])
_conversation: Final = msgspec.json.Decoder(_Conversation)
_consumer: Final = msgspec.json.Decoder(_Consumer)
_search: Final = msgspec.json.Decoder(_Search)
_agents: Final = msgspec.json.Decoder(_Agents)


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as it was asked for: agents are numbers of users or their UUIDs."""

    wanted: frozenset[str]
    conversation_ids: tuple[str, ...] | None = None
    consumer_id: str | None = None
    start: Span = ANY
    end: Span = ANY
    duration: Span = ANY
    states: frozenset[Literal["OPEN", "CLOSE"]] = frozenset()
    skill_ids: frozenset[str] = frozenset()
    latest_skill_ids: frozenset[str] = frozenset()
    agent_ids: frozenset[str] | None = None
    latest_agent_ids: frozenset[str] | None = None
    keyword: str | None = None
    is_queued: bool | None = field(default=None)


def parse_conversation(body: bytes) -> Asked:
    """One conversation by its id, or up to 100."""
    given = decode_as(body, _conversation)
    ids = list(given.conversation_ids or [])
    if given.conversation_id is not None:
        ids.insert(0, given.conversation_id)
    if not ids:
        raise AppError(Kind.INVALID, "parameter_missing", "conversationId is missing.", {"parameter": "conversationId"})
    return Asked(_wanted(given.content_to_retrieve), conversation_ids=tuple(dict.fromkeys(ids)))


def parse_consumer(body: bytes) -> Asked:
    """The conversations of one consumer."""
    given = decode_as(body, _consumer)
    return Asked(_wanted(given.content_to_retrieve), consumer_id=given.consumer, states=_states(given.status))


def parse_search(body: bytes, now: int) -> Asked:
    """Conversations that began within three months, with filters. ``now`` is in epoch milliseconds."""
    given = decode_as(body, _search)
    for name in sorted(_UNSUPPORTED & decode_as(body, _objects).keys()):
        raise AppError(
            Kind.INVALID, "filter_unsupported", f"Conversations cannot be searched by {name} here.", {"filter": name}
        )
    start = _span("start", given.start)
    if start.since is None:
        raise AppError(Kind.INVALID, "parameter_missing", "start.from is missing.", {"parameter": "start.from"})
    if (now if start.until is None else start.until) - start.since > _LONGEST_START_MS:
        raise AppError(Kind.INVALID, "time_range_invalid", "start: from and to are more than three months apart.")
    seconds = _span("duration", given.duration)
    queue = given.latest_conversation_queue_state
    return Asked(
        _wanted(given.content_to_retrieve),
        start=start,
        end=_span("end", given.end),
        duration=Span(*(None if bound is None else bound * 1_000 for bound in (seconds.since, seconds.until))),
        states=_states(given.status),
        skill_ids=_ids(given.skill_ids) or frozenset(),
        latest_skill_ids=_ids(given.latest_skill_ids) or frozenset(),
        agent_ids=_ids(given.agent_ids),
        latest_agent_ids=_ids(given.latest_agent_ids),
        keyword=given.keyword or None,
        is_queued=None if queue is None else queue == "IN_QUEUE",
    )


def parse_agents(body: bytes) -> tuple[tuple[str, ...] | None, frozenset[str]]:
    """Whose state is asked for (None: everybody's), and which states."""
    given = decode_as(body, _agents)
    ids = None if given.agent_ids is None else tuple(dict.fromkeys(str(one) for one in given.agent_ids))
    return ids, frozenset(given.status or ())


def parse_page(query: QueryParams) -> Page:
    """Offset, limit and sort of the query."""
    offset = _whole("offset", query.get("offset", "0"), MOST_OFFSET)
    limit = _whole("limit", query.get("limit", "50"), None)
    field_, _, order = query.get("sort", "start:desc").lower().partition(":")
    fields: Mapping[str, SortBy] = {"start": "start", "end": "end"}
    if field_ not in fields or order not in {"", "asc", "desc"}:
        raise _parameter_invalid("sort", "start or end, with :asc or :desc")
    return Page(offset, max(1, min(limit, MOST_PER_PAGE)), fields[field_], order != "asc")


def _whole(name: str, text: str, most: int | None) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or (most is not None and int(text) > most):  # noqa: PLR2004 - longer is beyond any limit
        raise _parameter_invalid(name, "a whole number from 0" if most is None else f"0 to {most}")
    return int(text)


def _parameter_invalid(name: str, wanted: str) -> AppError:
    return AppError(Kind.INVALID, "parameter_invalid", f"{name} must be {wanted}.", {"parameter": name})


def _wanted(names: list[str] | None) -> frozenset[str]:
    if names is None:
        return BY_DEFAULT
    return frozenset("sdes" if name == "SDEs" else name for name in names)


def _states(given: "list[Literal['OPEN', 'CLOSE']] | Literal['OPEN', 'CLOSE'] | None") -> frozenset[Any]:
    if given is None:
        return frozenset()
    return frozenset(given if isinstance(given, list) else [given])


def _ids(given: list[Any] | None) -> frozenset[str] | None:
    return None if not given else frozenset(str(one) for one in given)


def _span(name: str, given: _Span | None) -> Span:
    if given is None:
        return ANY
    return Span(_bound(name, given.since), _bound(name, given.until))


def _bound(name: str, given: _Number | None) -> int | None:
    try:
        bound = None if given is None else int(given)
    except ValueError:
        raise _parameter_invalid(name, "numbers from and to") from None
    if bound is None or bound == _NO_BOUND:
        return None
    if not 0 <= bound < _LATEST_MS:
        raise _parameter_invalid(name, "numbers from and to")
    return bound
