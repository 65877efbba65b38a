"""Elements: the types that are known, and how they stand in each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from switchbay.content.domain import limits
from switchbay.content.domain.actions import LATITUDE, LONGITUDE, Click
from switchbay.content.domain.addresses import Address
from switchbay.content.domain.kinds import (
    Anything,
    Check,
    Choice,
    Colour,
    Flag,
    Kind,
    ListOf,
    Number,
    Record,
    Schema,
    Text,
    name_of,
)
from switchbay.content.domain.tagged import Tagged
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path

CHILDREN: Final = "elements"

STYLE: Final = Record(
    "a style",
    {
        "bold": Flag(),
        "italic": Flag(),
        "size": Choice(("small", "medium", "large")),
        "color": Colour(),
        "color-hover": Colour(),
        "color-active": Colour(),
        "background-color": Colour(),
        "background-color-hover": Colour(),
        "background-color-active": Colour(),
        "border-color": Colour(),
        "border-color-hover": Colour(),
        "border-color-selected": Colour(),
        "border-radius": Number(0, 1_000, code="unusual_value"),
        "fill": Colour(),
        "font-family": Text(limits.MAX_WORDS),
        "text-alignment": Choice(("leading", "center", "trailing"), "unusual_value"),
        "padding": Anything(),
    },
)

_ANY_ELEMENT: Final[Mapping[str, Kind]] = {
    "type": Text(limits.MAX_WORDS),
    "tooltip": Text(limits.MAX_WORDS, limits.SHOWN_TOOLTIP),
    "alt": Text(limits.MAX_WORDS),
    "rtl": Flag(),
    "tag": Text(limits.MAX_WORDS, limits.SHOWN_TAG),
    "tagVersion": Text(limits.MAX_WORDS, limits.SHOWN_TAG),
    "style": STYLE,
    "click": Click(),
    "metadata": Anything(),
    "accessibility": Anything(),
    "customSettings": Anything(),
}


class Child:
    """An element inside another one: checked as any element is, as deep as elements may stand in each other."""

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Check the element."""
        ELEMENT.read(check, path, value)

    def schema(self) -> Schema:
        """A reference, since elements hold elements."""
        return {"$ref": "#/$defs/element"}


@dataclass(frozen=True, slots=True)
class Children:
    """The elements of a container."""

    most: int = limits.MAX_CHILDREN

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Check the elements, unless they stand too deep."""
        if path.count(CHILDREN) > limits.MAX_LEVELS:
            message = f"elements stand in each other deeper than {limits.MAX_LEVELS} levels; these were not looked at"
            check.add("too_deep", path, message, expected=f"at most {limits.MAX_LEVELS} levels")
            return
        ListOf(Child(), self.most, wanted=True).read(check, path, value)

    def schema(self) -> Schema:
        """A list of elements."""
        return ListOf(Child(), self.most).schema()


_BORDERS: Final = ("border", "borderLess", "dropShadow")


def _container(name: str, members: Mapping[str, Kind], most: int = limits.MAX_CHILDREN) -> Record:
    own: Mapping[str, Kind] = {CHILDREN: Children(most), "border": Choice(_BORDERS, "unusual_value")}
    layout: Mapping[str, Kind] = {"display": Anything(), "separator": Anything(), "customContainerSettings": Anything()}
    grouped: Mapping[str, Kind] = {"groupAsSingleAccessibleElement": Flag(), "quickReplies": Anything()}
    return Record(name, {**_ANY_ELEMENT, **own, **layout, **grouped, **members}, {CHILDREN: None})


def _basic(name: str, members: Mapping[str, Kind], *required: str) -> Record:
    return Record(name, {**_ANY_ELEMENT, **members}, dict.fromkeys(required))


_TITLE: Final = Text(limits.MAX_TITLE, wanted=True)
_PERCENTAGE: Final = Number(0, 100, code="unusual_value")

CONTAINERS: Final[Mapping[str, Record]] = {
    "vertical": _container("vertical", {"scroll": Choice(("disable", "enable"), "unusual_value")}),
    "horizontal": _container(
        "horizontal",
        {"borderLine": Flag(), "percentages": ListOf(Number(0, 100, code="unusual_value"), limits.MAX_CHILDREN)},
    ),
    "carousel": _container("carousel", {"padding": Number(0, 10, code="unusual_value")}, limits.MAX_CARDS),
    "list": _container("list", {}),
}
BASICS: Final[Mapping[str, Record]] = {
    "text": _basic("text", {"text": Text(limits.MAX_TEXT, wanted=True)}, "text"),
    "image": _basic("image", {"url": Address(fetched=True), "caption": Text(limits.MAX_CAPTION)}, "url"),
    "button": _basic(
        "button",
        {
            "title": _TITLE,
            "subtitle": Text(limits.MAX_TITLE),
            "class": Choice(("text", "button"), "unusual_value"),
            "ref": Anything(),
        },
        "title",
    ),
    "map": _basic("map", {"la": LATITUDE, "lo": LONGITUDE}, "la", "lo"),
    "linkPreview": _basic("linkPreview", {"url": Address(), "title": Text(limits.MAX_TITLE)}, "url"),
    "template": _basic(
        "template",
        {
            "templateType": Choice(("quickReply",)),
            "title": Text(limits.MAX_TEXT, wanted=True),
            "resp": ListOf(Text(limits.MAX_TITLE, wanted=True), limits.MAX_CHILDREN, 1),
        },
        "templateType",
        "title",
        "resp",
    ),
}


@dataclass(frozen=True, slots=True)
class Element:
    """Any element."""

    tagged: Tagged

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Check the element and those inside it."""
        if not check.count_element(path):
            return
        self.tagged.read(check, path, value)
        if not isinstance(value, dict):
            return
        match value.get("type"):
            case "carousel":
                self._judge_carousel(check, path, value)
            case "image":
                if not any(value.get(name) for name in ("alt", "tooltip", "caption")):
                    message = f"{name_of(path)} has neither alt nor tooltip nor caption"
                    check.add("image_without_words", path, message, expected="a few words in alt")
            case "button":
                if "click" not in value:
                    message = f"the button {name_of(path)} has no click, so nothing happens"
                    check.add("without_effect", path, message, expected="a member click")

    @staticmethod
    def _judge_carousel(check: Check, path: Path, value: Mapping[str, JsonValue]) -> None:
        cards = value.get(CHILDREN)
        if not isinstance(cards, list):
            return
        if len(cards) == 1:
            expected = f"{limits.MIN_CARDS} to {limits.MAX_CARDS} cards"
            message = "a carousel with one card is no carousel, and some clients do not show it"
            check.add("single_card", (*path, CHILDREN), message, got="1 items", expected=expected)
        for index, card in enumerate(cards[: limits.MAX_CARDS]):
            if isinstance(card, dict) and card.get("type") == "carousel":
                message = "a carousel inside a carousel is not shown"
                check.add("nested_carousel", (*path, CHILDREN, index), message, expected="a card: vertical or basic")

    def schema(self) -> Schema:
        """By type."""
        return self.tagged.schema()


ELEMENT: Final = Element(
    Tagged(
        "an element",
        {**CONTAINERS, **BASICS},
        Record("an element", {**_ANY_ELEMENT, CHILDREN: Children(), "url": Address(), "uri": Address()}, open=True),
        "unknown_element",
    )
)
