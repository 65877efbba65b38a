"""Whatever bytes arrive, parsing ends in a request or in a refusal, and what is accepted can be rendered."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.domain import Open, Publish
from switchbay.messaging.wire import requests
from switchbay.messaging.wire.events import parse_event

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
TYPES = [
    "ms.PublishEvent",
    "cm.ConsumerRequestConversation",
    "cm.UpdateConversationField",
    "userprofile.SetUserProfile",
    "ms.GenerateURLForUploadFile",
    "nonsense",
]
MEMBERS = {
    "brandId": st.just("4711001") | values,
    "conversationId": values,
    "dialogId": st.just("") | values,
    "conversationField": st.dictionaries(
        st.sampled_from(["field", "type", "dialog", "conversationState"]),
        st.sampled_from(["ConversationStateField", "DialogChange", "CLOSE", "UPDATE"])
        | st.dictionaries(st.sampled_from(["dialogId", "state", "closedCause"]), st.just("CLOSE") | values)
        | values,
    ),
    "event": st.dictionaries(
        st.sampled_from(["type", "contentType", "message", "content", "status", "sequenceList", "chatState"]),
        st.sampled_from(["ContentEvent", "RichContentEvent", "AcceptStatusEvent", "ChatStateEvent"])
        | st.sampled_from(["text/plain", "READ", "ACTIVE"])
        | values,
    ),
    "campaignInfo": values,
    "conversationContext": values,
    "skillId": values,
    "ttrDefName": st.just("NORMAL") | values,
}  # fmt: skip
bodies = st.fixed_dictionaries({}, optional=MEMBERS) | values
envelopes = st.fixed_dictionaries(
    {"id": st.just("1") | values, "type": st.sampled_from(TYPES), "body": bodies},
    optional={"kind": st.just("req") | values, "metadata": st.none() | values},
)
SENT = st.binary(max_size=60) | (envelopes | values | st.lists(envelopes, max_size=3)).map(msgspec.json.encode)


Parsed = TypeVar("Parsed")


def understood(parse: Callable[[], Parsed]) -> Parsed | AppError:
    """What came of it: nothing but ``AppError`` may be raised."""
    try:
        return parse()
    except AppError as error:
        return error


def understand(body: bytes) -> object:
    """Parse a request as the route does, down to what the rules get."""
    parsed = requests.parse_one(body)
    match parsed:
        case requests.PublishRequest():
            return requests.to_publish(parsed, characters=10, client_properties=None)[1]
        case requests.UpdateRequest():
            return requests.to_steps(parsed.body)
        case requests.OpenRequest():
            return requests.to_open(parsed.body, "4711001", {"NORMAL": 600}, '{"type":"x"}')
        case _:
            return parsed.body


@given(SENT)
@example(b'{"id":"1","type":"ms.PublishEvent","body":{"event":{"type":"ContentEvent","contentType":"text/plain"}}}')
def test_a_request_is_understood_or_refused(body: bytes) -> None:
    found = understood(lambda: understand(body))
    assert not isinstance(found, AppError) or found.kind in {Kind.INVALID, Kind.TOO_LARGE}
    assert isinstance(found, AppError | Publish | Open | tuple | dict)


@given(SENT)
def test_a_batch_is_understood_or_refused(body: bytes) -> None:
    found = understood(lambda: requests.parse_batch(body))
    assert not isinstance(found, AppError) or found.kind is Kind.INVALID


@given(MEMBERS["event"])
def test_an_event_is_passed_on_whole_or_refused(event: dict[str, object]) -> None:
    found = understood(lambda: parse_event(event, characters=100))
    if isinstance(found, AppError):
        assert found.code in {"event_invalid", "message_too_long"}
    else:
        assert msgspec.json.decode(found.json) == event


@given(st.none() | st.text())
def test_client_properties_are_an_object_or_nothing(header: str | None) -> None:
    found = requests.parse_client_properties(header)
    assert found is None or isinstance(msgspec.json.decode(found), dict)
