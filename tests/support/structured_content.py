"""Structured content by the thousand: documents that are right, and the same with something broken in them."""

from typing import Any

from hypothesis import strategies as st

_TEXTS = st.text(alphabet=st.sampled_from("aé😀 <>\"'&"), min_size=1, max_size=8).map(lambda text: f"x{text}")
_WEB = st.sampled_from(["https://www.example.com/", "https://www.example.com/a?b=c#d", "https://x.example:8443/"])
_LINKS = _WEB | st.sampled_from(["tel:+441632960000", "mailto:a@example.com", "app://order/1"])
_DEGREES = st.integers(-90, 90) | st.floats(-90, 90)
_ACTIONS = st.one_of(
    st.fixed_dictionaries({"type": st.just("publishText"), "text": _TEXTS}),
    st.fixed_dictionaries({"type": st.just("link"), "uri": _LINKS}, optional={"name": _TEXTS}),
    st.fixed_dictionaries({"type": st.just("navigate"), "la": _DEGREES, "lo": _DEGREES}, optional={"name": _TEXTS}),
)
_METADATA = st.one_of(
    st.fixed_dictionaries({"type": st.just("ExternalId"), "id": _TEXTS}),
    st.fixed_dictionaries({"type": st.just("ActionReason")}, optional={"reason": _TEXTS, "reasonId": _TEXTS}),
    st.fixed_dictionaries(
        {"type": st.just("BotResponse")},
        optional={
            "externalConversationId": _TEXTS,
            "businessCases": st.lists(_TEXTS, max_size=2),
            "intents": st.lists(
                st.fixed_dictionaries({"id": _TEXTS, "confidence": st.floats(0, 1)}, optional={"name": _TEXTS}),
                max_size=2,
            ),
        },
    ),
)
_CLICKS = st.fixed_dictionaries(
    {"actions": st.lists(_ACTIONS, min_size=1, max_size=4)}, optional={"metadata": st.lists(_METADATA, max_size=2)}
)
_STYLES = st.fixed_dictionaries(
    {},
    optional={
        "bold": st.booleans(),
        "italic": st.booleans(),
        "size": st.sampled_from(["small", "medium", "large"]),
        "color": st.sampled_from(["#fff", "#0b5cad", "red", "rgb(1, 2, 3)"]),
    },
)
_COMMON: dict[str, st.SearchStrategy[Any]] = {"tooltip": _TEXTS, "rtl": st.booleans(), "style": _STYLES}


def _basic(name: str, members: dict[str, Any], **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(name), **members}, optional={**_COMMON, **optional})


_BASICS = st.one_of(
    _basic("text", {"text": _TEXTS}, click=_CLICKS),
    _basic("image", {"url": _WEB, "alt": _TEXTS}, caption=_TEXTS, click=_CLICKS),
    _basic("button", {"title": _TEXTS, "click": _CLICKS}),
    _basic("map", {"la": _DEGREES, "lo": _DEGREES}, click=_CLICKS),
    _basic("linkPreview", {"url": _WEB}, title=_TEXTS),
    _basic(
        "template",
        {"templateType": st.just("quickReply"), "title": _TEXTS, "resp": st.lists(_TEXTS, min_size=1, max_size=3)},
    ),
)
ELEMENTS: st.SearchStrategy[Any] = st.recursive(
    _BASICS,
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["vertical", "horizontal"]), "elements": st.lists(inner, min_size=1, max_size=4)}
    ),
    max_leaves=8,
)
_REPLIES = st.fixed_dictionaries(
    {"type": st.just("button"), "title": _TEXTS, "click": _CLICKS}, optional={"tooltip": _TEXTS, "style": _STYLES}
)
QUICK_REPLIES = st.fixed_dictionaries(
    {
        "type": st.just("quickReplies"),
        "itemsPerRow": st.integers(1, 8),
        "replies": st.lists(_REPLIES, min_size=1, max_size=3),
    }
)
CAROUSELS = st.fixed_dictionaries(
    {"type": st.just("carousel"), "elements": st.lists(ELEMENTS, min_size=2, max_size=3)},
    optional={"padding": st.integers(0, 10)},
)
DOCUMENTS: st.SearchStrategy[Any] = (
    ELEMENTS
    | QUICK_REPLIES
    | CAROUSELS
    | st.fixed_dictionaries(
        {"type": st.just("RichContentEvent"), "content": ELEMENTS}, optional={"quickReplies": QUICK_REPLIES}
    )
)
_WRONG: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        0.5,
        9,
        1e9,
        "",
        " ",
        "text",
        "button",
        "vertical",
        "quickReplies",
        "link",
        "large",
        [],
        {},
        "javascript:alert(1)",
        " JAVA\tSCRIPT:x",
        "data:image/png;base64,AA==",
        "ftp://x.example/",
        "x y",
        "//x.example",
        "x" * 65,
        "x" * 129,
        "x" * 257,
        "x" * 2_049,
        "x" * 5_001,
        [None],
        [{}],
        ["x"] * 25,
        {"type": "text"},
        [{"type": "text", "text": "a"}] * 11,
    ]
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inner:
        found += _places(item, (*path, step))
    return found


@st.composite
def broken(draw: st.DrawFn, documents: st.SearchStrategy[Any] = DOCUMENTS) -> Any:
    """A document with up to two values replaced or members taken out."""
    document = [draw(documents)]
    for _ in range(draw(st.integers(1, 2))):
        *parents, step = draw(st.sampled_from([(0, *place) for place in _places(document[0])]))
        here: Any = document
        for each in parents:
            here = here[each]
        if isinstance(here, dict) and draw(st.booleans()):
            del here[step]
        else:
            here[step] = draw(_WRONG)
    return document[0]
