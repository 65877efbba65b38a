"""A preview of structured content: HTML of which every text is escaped, and that does nothing when it is clicked.

Buttons and links are shown with what they would do. Pictures stand in a frame with their words unless they are asked
for; then those with an https address are loaded, by the reader's browser, without a referrer. The content may be any
JSON: what is not understood is named, what is too much is left out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from markupsafe import Markup

from switchbay.console.looks import Looks
from switchbay.content.public import EVENT_TYPE, MAX_ELEMENTS, MAX_LEVELS, MAX_PER_ROW, TEXT_EVENT_TYPE
from switchbay.kit.jsonvalue import JsonValue

_MOST_ORIGINS: Final = 20
_LONGEST_CHIP: Final = 25
_CUT_CHIP: Final = 22
_HOST_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
_NOTHING: Final = Markup("")

Members = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Preview:
    """``html`` to put into a page, the style ``rules`` that it needs, and whose pictures it shows."""

    html: Markup
    rules: str
    picture_origins: tuple[str, ...]


def render_preview(value: JsonValue, *, with_pictures: bool = False) -> Preview:
    """Show an element, quick replies, or an event with them."""
    renderer = _Renderer(with_pictures=with_pictures)
    html = renderer.document(value)
    return Preview(html, renderer.looks.rules, tuple(renderer.origins))


def render_previews(values: Iterable[JsonValue]) -> tuple[list[Markup], str]:
    """Show several of them in one page, without their pictures; the style rules are those of all."""
    renderer = _Renderer(with_pictures=False)
    return [renderer.document(value) for value in values], renderer.looks.rules


def picture_origin(url: str) -> str | None:
    """The origin of a picture that may be loaded: https, a host in plain letters, no user name."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    if parts.scheme != "https" or not host or not set(host) <= _HOST_LETTERS or "@" in parts.netloc:
        return None
    return f"https://{host}" if port is None else f"https://{host}:{port}"


class _Renderer:
    """One rendering: counts elements, collects style rules and the origins of pictures."""

    def __init__(self, *, with_pictures: bool) -> None:
        self.looks = Looks()
        self.origins: dict[str, None] = {}
        self._with_pictures = with_pictures
        self._left = MAX_ELEMENTS
        self._shown: Mapping[str, Callable[[Members, int], Markup]] = {
            "vertical": self._stack,
            "horizontal": self._row,
            "list": self._stack,
            "carousel": self._carousel,
            "text": self._text,
            "image": self._image,
            "button": self._button,
            "map": self._map,
            "linkPreview": self._link,
            "template": self._template,
        }

    def document(self, value: JsonValue) -> Markup:
        self._left = MAX_ELEMENTS
        if not isinstance(value, dict):
            return _unknown("There is nothing to show: this is no object.")
        match value.get("type"):
            case "quickReplies":
                return self._replies(value)
            case name if name == EVENT_TYPE:
                return self._card(value.get("content")) + self._replies(value.get("quickReplies"))
            case name if name == TEXT_EVENT_TYPE:
                said = Markup('<p class="sc-said">{}</p>').format(_text(value, "message"))
                return said + self._replies(value.get("quickReplies"))
            case _:
                return self._card(value)

    def _card(self, value: JsonValue) -> Markup:
        inner = self._element(value, 0)
        if isinstance(value, dict) and value.get("type") == "carousel":
            return inner
        return Markup('<div class="sc-card">{}</div>').format(inner)

    # Elements

    def _element(self, value: JsonValue, level: int) -> Markup:
        self._left -= 1
        if self._left < 0 or level > MAX_LEVELS:
            return _NOTHING
        if not isinstance(value, dict):
            return _unknown("Something that is no element is not shown.")
        name = value.get("type")
        show = self._shown.get(name) if isinstance(name, str) else None
        if show is None:
            told = _unknown(f"An element of the type {name if isinstance(name, str) else '?'} is not shown here.")
            return told + self._inside(value, level)
        return show(value, level)

    def _inside(self, element: Members, level: int) -> Markup:
        return _NOTHING.join(self._element(child, level + 1) for child in _list(element, "elements"))

    def _box(self, kind: str, element: Members, inner: Markup, more: Sequence[str] = ()) -> Markup:
        """An element's box: its looks, its direction and its tooltip."""
        names = [*self.looks.classes(element.get("style")), *more]
        opening = Markup('<div class="{}"').format(" ".join((f"sc-{kind}", *names)))
        if element.get("rtl") is True:
            opening += Markup(' dir="rtl"')
        if tooltip := _text(element, "tooltip"):
            opening += Markup(' title="{}"').format(tooltip)
        return Markup("{}>{}</div>{}").format(opening, inner, _effects(element))

    def _stack(self, element: Members, level: int) -> Markup:
        return self._box("stack", element, self._inside(element, level))

    def _row(self, element: Members, level: int) -> Markup:
        cells = [Markup("<div>{}</div>").format(self._element(one, level + 1)) for one in _list(element, "elements")]
        return self._box(
            "row", element, _NOTHING.join(cells), self.looks.columns(element.get("percentages"), len(cells))
        )

    def _carousel(self, element: Members, level: int) -> Markup:
        cards = [
            Markup('<li class="sc-card">{}</li>').format(self._element(card, level + 1))
            for card in _list(element, "elements")
        ]
        label = f"Carousel, cards: {len(cards)}"
        scrolled = Markup('<div class="sc-carousel" role="region" tabindex="0" aria-label="{}"><ol>{}</ol></div>')
        return self._box("cards", element, scrolled.format(label, _NOTHING.join(cards)))

    def _text(self, element: Members, _level: int) -> Markup:
        return self._box("text", element, Markup("<p>{}</p>").format(_text(element, "text")))

    def _button(self, element: Members, _level: int) -> Markup:
        subtitle = _text(element, "subtitle")
        inner = Markup("{}").format(_text(element, "title"))
        if subtitle:
            inner += Markup("<small>{}</small>").format(subtitle)
        return self._box("button", element, inner)

    def _image(self, element: Members, _level: int) -> Markup:
        url = _text(element, "url")
        words = _text(element, "alt") or _text(element, "tooltip") or _text(element, "caption")
        origin = picture_origin(url) if self._with_pictures else None
        if origin is not None and (origin in self.origins or len(self.origins) < _MOST_ORIGINS):
            self.origins[origin] = None
            picture = Markup('<img src="{}" alt="{}" referrerpolicy="no-referrer" loading="lazy">').format(url, words)
        else:
            frame = Markup('<div class="sc-frame"><strong>Picture</strong> {} <small>{}</small></div>')
            picture = frame.format(words, url)
        caption = _text(element, "caption")
        under = Markup('<p class="sc-caption">{}</p>').format(caption) if caption else _NOTHING
        return self._box("image", element, picture + under)

    def _map(self, element: Members, _level: int) -> Markup:
        place = f"{_number(element, 'la')}, {_number(element, 'lo')}"
        frame = Markup('<div class="sc-frame"><strong>Map</strong> {} <small>{}</small></div>')
        return self._box("map", element, frame.format(_text(element, "tooltip"), place))

    def _link(self, element: Members, _level: int) -> Markup:
        inner = Markup('<div class="sc-frame"><strong>{}</strong> <small>{}</small></div>')
        return self._box("link", element, inner.format(_text(element, "title") or "Link", _text(element, "url")))

    def _template(self, element: Members, _level: int) -> Markup:
        answers = [
            Markup('<li class="sc-reply">{}</li>').format(one) for one in _list(element, "resp") if isinstance(one, str)
        ]
        inner = Markup('<p>{}</p><ul class="sc-replies">{}</ul>')
        return self._box("text", element, inner.format(_text(element, "title"), _NOTHING.join(answers)))

    # Quick replies

    def _replies(self, value: JsonValue) -> Markup:
        if not isinstance(value, dict):
            return _NOTHING
        replies = [self._reply(reply) for reply in _list(value, "replies") if isinstance(reply, dict)]
        per_row = value.get("itemsPerRow")
        known = isinstance(per_row, int) and 1 <= per_row <= MAX_PER_ROW
        names = f"sc-replies sc-per-{per_row}" if known else "sc-replies"
        listed = Markup('<ul class="{}" aria-label="Quick replies">{}</ul>')
        return listed.format(names, _NOTHING.join(replies))

    def _reply(self, reply: Members) -> Markup:
        title = _text(reply, "title")
        shown = title if len(title) <= _LONGEST_CHIP else f"{title[:_CUT_CHIP]}…"
        names = " ".join(("sc-chip", *self.looks.classes(reply.get("style"))))
        tooltip = _text(reply, "tooltip")
        chip = Markup('<li class="sc-reply"><span class="{}" title="{}">{}</span>{}</li>')
        return chip.format(names, tooltip, shown, _effects(reply))


def _effects(element: Members) -> Markup:
    """What a click would do, in words."""
    told = list(_actions(element.get("click")))
    return Markup('<p class="sc-effect">{}</p>').format(f"→ {'; '.join(told)}") if told else _NOTHING


def _actions(click: JsonValue) -> Iterator[str]:
    for action in _list(click, "actions") if isinstance(click, dict) else ():
        if not isinstance(action, dict):
            continue
        match action.get("type"):
            case "publishText":
                yield f"says “{_text(action, 'text')}”"
            case "link":
                yield f"opens {_text(action, 'uri')}"
            case "navigate":
                yield f"leads to {_number(action, 'la')}, {_number(action, 'lo')}"
            case str(other):
                yield f"does {other}"


def _unknown(sentence: str) -> Markup:
    return Markup('<p class="sc-unknown">{}</p>').format(sentence)


def _text(members: Members, name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""


def _number(members: Members, name: str) -> str:
    value = members.get(name)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else "?"


def _list(members: Members, name: str) -> list[JsonValue]:
    value = members.get(name)
    return value if isinstance(value, list) else []
