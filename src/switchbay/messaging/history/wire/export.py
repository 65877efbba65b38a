"""One line of an export, in pieces: a head with everything but the events, which follow."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from switchbay.accounts.public import User
from switchbay.infra.web import json_bytes
from switchbay.kit.jsonvalue import JsonValue
from switchbay.messaging.domain import Conversation
from switchbay.messaging.history.domain.transcript import PastEvent, PastMove, Transcript
from switchbay.messaging.wire.agents import render_event
from switchbay.messaging.wire.cursors import write_cursor

LINE_END: Final = b"]}\n"
_decode: Final = msgspec.json.Decoder().decode


def line_head(transcript: Transcript, users: Iterable[User]) -> bytes:
    """The line up to the events."""
    one = transcript.conversation
    head: dict[str, JsonValue] = {
        "cursor": write_cursor(one.started_at, one.conversation_id),
        "conversation": _conversation(one),
        "profile": dict(transcript.profile),
        "agents": {
            user.user_pid: {"user_id": user.user_id, "login_name": user.login_name, "display_name": user.display_name}
            for user in users
        },
        "moves": [_move(made) for made in transcript.moves],
    }
    return json_bytes(head)[:-1] + b',"events":['


def line_events(conversation_id: str, events: list[PastEvent], *, is_first: bool) -> bytes:
    """Events of the line, without brackets."""
    shown = b",".join(json_bytes(render_event(conversation_id, one.dialog_id, one.stored)) for one in events)
    return shown if is_first or not shown else b"," + shown


def _conversation(one: Conversation) -> JsonValue:
    """Everything that is stored of a conversation itself, defaults included."""
    found: dict[str, Any] = {name: getattr(one, name) for name in one.__struct_fields__}
    found["opening"] = _decode(one.opening)
    found["dialogs"] = [{name: getattr(dialog, name) for name in dialog.__struct_fields__} for dialog in one.dialogs]
    shown: JsonValue = msgspec.to_builtins(found)
    return shown


def _move(made: PastMove) -> JsonValue:
    move = made.move
    return {
        "revision": made.revision,
        "at": made.at,
        "kind": move.kind.value,
        "by": move.by,
        "dialog_id": move.dialog_id,
        "participant_id": move.participant_id,
        "role": None if move.role is None else move.role.value,
        "before": move.before,
        "after": move.after,
    }
