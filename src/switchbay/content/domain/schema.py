"""The published JSON Schema (draft 2020-12) of structured content, made of the same kinds that the check reads with.

It refuses what the check refuses, as far as JSON Schema can say it; codes with ``in_schema=False`` in the catalogue are
what it cannot. Warnings are not in it.
"""

from typing import Final

from switchbay.content.domain.checking import EVENT, EVENT_TYPE
from switchbay.content.domain.elements import ELEMENT
from switchbay.content.domain.kinds import Schema
from switchbay.content.domain.quick_replies import QUICK_REPLIES, TYPE

SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_ID: Final = "urn:switchbay:schema:structured-content"


def json_schema() -> Schema:
    """The schema as a JSON value of its own, which the caller may change."""
    event = EVENT.schema()
    event["properties"] = {
        "content": {"$ref": "#/$defs/element"},
        "quickReplies": {"$ref": "#/$defs/quickReplies"},
    }
    return {
        "$schema": SCHEMA_DIALECT,
        "$id": SCHEMA_ID,
        "title": "Structured content",
        "description": "An element with those inside it, quick replies, or a whole RichContentEvent.",
        **_if_type(TYPE, "quickReplies", _if_type(EVENT_TYPE, "event", {"$ref": "#/$defs/element"})),
        "$defs": {"element": ELEMENT.schema(), "quickReplies": QUICK_REPLIES.schema(), "event": event},
    }


def _if_type(name: str, definition: str, otherwise: Schema) -> Schema:
    condition: Schema = {"type": "object", "required": ["type"], "properties": {"type": {"const": name}}}
    return {"if": condition, "then": {"$ref": f"#/$defs/{definition}"}, "else": otherwise}
