"""Messages of a transcript as a page shows them: what an event says, in a few forms that the page knows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from markupsafe import Markup

from switchbay.console.moments import moment
from switchbay.console.preview import render_previews
from switchbay.content.public import EVENT_TYPE
from switchbay.messaging.public import Line

_ROLES: Final = {
    "CONSUMER": "consumer",
    "ASSIGNED_AGENT": "agent",
    "AGENT": "bot",
    "MANAGER": "manager",
    "READER": "reader",
    "CONTROLLER": "system",
}


Form: TypeAlias = Literal["text", "rich", "file", "erased", "other"]


@dataclass(frozen=True, slots=True)
class Message:
    """A message. ``form``: what it is; ``text``: its words, a file's caption, or the name of what is not shown here.

    ``html`` is the preview of structured content and quick replies. ``file`` is the id of a file of this server's.
    """

    form: Form
    text: str
    html: Markup | None
    file: str
    has_preview: bool
    name: str
    role: str
    at: str
    is_consumers: bool
    is_private: bool
    is_read: bool


def show_messages(lines: Iterable[Line]) -> tuple[list[Message], str]:
    """The messages, and the style rules that their previews need."""
    given = list(lines)
    rich = [place for place, line in enumerate(given) if _is_rich(line.event)]
    previews, rules = render_previews(dict(given[place].event) for place in rich)
    by_place = dict(zip(rich, previews, strict=True))
    return [_message(line, by_place.get(place)) for place, line in enumerate(given)], rules


def _is_rich(event: Mapping[str, Any]) -> bool:
    has_replies = isinstance(event.get("message"), str) and isinstance(event.get("quickReplies"), dict)
    return event.get("type") == EVENT_TYPE or has_replies


def _message(line: Line, html: Markup | None) -> Message:
    event, said = line.event, line.event.get("message")
    form: Form = "other"
    text, file, has_preview = str(event.get("contentType") or event.get("type")), "", False
    if line.is_erased:
        form = "erased"
    elif html is not None:
        form, text = "rich", ""
    elif event.get("contentType") == "hosted/file" and isinstance(said, dict):
        form, text = "file", _words(said.get("caption"))
        file = _words(said.get("relativePath")).rpartition("/")[2]
        has_preview = bool(said.get("preview"))
    elif isinstance(said, str):
        form, text = "text", said
    return Message(
        form,
        text,
        html,
        file,
        has_preview,
        line.name,
        _ROLES.get(line.role, line.role),
        moment(line.at),
        line.is_consumers,
        line.is_private,
        line.is_read,
    )


def _words(value: object) -> str:
    return value if isinstance(value, str) else ""
