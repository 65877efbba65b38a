"""Clicks: what happens, and what bots are told of it."""

from collections.abc import Mapping
from typing import Final

from switchbay.content.domain.addresses import Address
from switchbay.content.domain.kinds import (
    Anything,
    Check,
    Choice,
    Flag,
    Kind,
    ListOf,
    Number,
    Record,
    Schema,
    Text,
    name_of,
)
from switchbay.content.domain.limits import (
    MAX_ACTIONS,
    MAX_METADATA,
    MAX_METADATA_TEXT,
    MAX_TEXT,
    MAX_WORDS,
    SHOWN_NAME,
    SHOWN_PUBLISHED,
)
from switchbay.content.domain.tagged import Tagged
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path

LATITUDE: Final = Number(-90, 90, code="coordinates")
LONGITUDE: Final = Number(-180, 180, code="coordinates")
_TAG: Final = Text(MAX_WORDS)
_NAME: Final = Text(MAX_WORDS, SHOWN_NAME)
_SHORT: Final = Text(MAX_METADATA_TEXT)
_COMMON: Final[Mapping[str, Kind]] = {"type": _TAG, "customSettings": Anything(), "accessibility": Anything()}
_ON_A_DEVICE: Final = Record("the address for a device", {"uri": Address()})

PUBLISH_TEXT: Final = Record(
    "publishText",
    {**_COMMON, "text": Text(MAX_TEXT, SHOWN_PUBLISHED, wanted=True)},
    {"type": None, "text": None},
)
NAVIGATE: Final = Record(
    "navigate",
    {**_COMMON, "la": LATITUDE, "lo": LONGITUDE, "name": _NAME},
    {"type": None, "la": None, "lo": None},
)
LINK: Final = Record(
    "link",
    {
        **_COMMON,
        "uri": Address(),
        "name": _NAME,
        "ios": _ON_A_DEVICE,
        "android": _ON_A_DEVICE,
        "web": _ON_A_DEVICE,
        "target": Choice(("self", "blank", "slideout"), "unusual_value"),
    },
    {"type": None, "uri": None},
)
ACTION: Final = Tagged(
    "an action",
    {"publishText": PUBLISH_TEXT, "navigate": NAVIGATE, "link": LINK},
    Record("an action", {**_COMMON, "uri": Address()}, open=True),
    "unknown_action",
)

_INTENT: Final = Record(
    "an intent", {"name": _SHORT, "id": _SHORT, "confidence": Number(0, 1)}, {"id": None, "confidence": None}
)
_SHORTS: Final = ListOf(_SHORT, MAX_METADATA)
METADATA: Final = Tagged(
    "metadata",
    {
        "ExternalId": Record("ExternalId", {"type": _TAG, "id": _SHORT}, {"id": None}),
        "ActionReason": Record("ActionReason", {"type": _TAG, "reasonId": _SHORT, "reason": _SHORT}),
        "BotResponse": Record(
            "BotResponse",
            {
                "type": _TAG,
                "externalConversationId": _SHORT,
                "businessCases": _SHORTS,
                "intents": ListOf(_INTENT, MAX_METADATA),
            },
        ),
        "IBMWatsonInfo": Record(
            "IBMWatsonInfo",
            {
                "type": _TAG,
                "branch_exited": Flag(),
                "branch_exited_reason": _SHORT,
                "capability": _SHORT,
                "nodes_visited": _SHORTS,
                "referred_capability": _SHORT,
                "referred_nodes": _SHORTS,
                "referred_visitor_message_sequences": ListOf(Number(0, 2**53, whole=True), MAX_METADATA),
                "entities": Anything(),
            },
            {"referred_visitor_message_sequences": None},
        ),
    },
    Record("metadata", {"type": _TAG}, open=True),
    "unknown_metadata",
)


_CLICK: Final = Record("a click", {"actions": ListOf(ACTION, MAX_ACTIONS), "metadata": ListOf(METADATA, MAX_METADATA)})


class Click:
    """What a click does: up to four actions, and metadata for bots."""

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Check the click; one that neither does nor says anything is warned of."""
        _CLICK.read(check, path, value)
        if isinstance(value, dict) and not any(value.get(name) for name in _CLICK.members):
            expected = "actions or metadata"
            check.add("without_effect", path, f"{name_of(path)} has neither actions nor metadata", expected=expected)

    def schema(self) -> Schema:
        """The two lists."""
        return _CLICK.schema()
