"""The check of structured content: what is refused, what is warned of, and what passes in silence."""

from typing import Any

import pytest

from switchbay.content.public import MAX_ELEMENTS, MAX_LEVELS, check_parts, check_text, check_value
from switchbay.kit.jsonvalue import JsonValue

LINK = {"type": "link", "uri": "https://www.example.com/"}
BUTTON: dict[str, Any] = {"type": "button", "title": "Go", "click": {"actions": [LINK]}}
IMAGE: dict[str, Any] = {"type": "image", "url": "https://www.example.com/a.png", "alt": "A"}
TEXT: dict[str, Any] = {"type": "text", "text": "Hello"}
CARD: dict[str, Any] = {"type": "vertical", "elements": [IMAGE, TEXT, BUTTON]}
REPLY: dict[str, Any] = {
    "type": "button",
    "title": "Yes",
    "tooltip": "Yes, I do",
    "click": {
        "actions": [{"type": "publishText", "text": "yep"}],
        "metadata": [{"type": "ExternalId", "id": "Yes-1234"}],
    },
    "style": {"color": "#fff", "border-color": "#444", "background-color": "#333", "border-radius": 25, "bold": True},
}
REPLIES: dict[str, Any] = {"type": "quickReplies", "itemsPerRow": 8, "replies": [REPLY, REPLY]}


def found(document: Any) -> list[tuple[str, str]]:
    return [(issue.code, issue.path) for issue in check_value(document).issues]


def click(action: Any) -> JsonValue:
    return {**BUTTON, "click": {"actions": [action]}}


def link(uri: Any) -> JsonValue:
    return click({"type": "link", "uri": uri})


GOOD: list[JsonValue] = [
    TEXT,
    CARD,
    REPLIES,
    {"type": "RichContentEvent", "content": CARD, "quickReplies": REPLIES},
    {"type": "RichContentEvent", "content": CARD, "quickReplies": None},
    {"type": "ContentEvent", "contentType": "text/plain", "message": "Well?", "quickReplies": REPLIES},
    {"type": "carousel", "padding": 10, "elements": [CARD, CARD]},
    {"type": "horizontal", "percentages": [30, 70], "borderLine": False, "elements": [IMAGE, CARD]},
    {"type": "map", "la": 40.7562, "lo": -73.99861, "click": {"actions": [{"type": "navigate", "la": 1, "lo": -2}]}},
    {"type": "linkPreview", "url": "https://www.example.com/", "title": "Example"},
    {"type": "template", "templateType": "quickReply", "title": "Which?", "resp": ["This", "That"]},
    link("tel:+441632960000"),
    link("myapp://order/7"),
    {**TEXT, "text": "x" * 5_000, "rtl": True, "style": {"italic": True, "size": "large"}},
]


@pytest.mark.parametrize("document", GOOD)
def test_usual_content_has_no_findings(document: JsonValue) -> None:
    assert found(document) == []


REFUSED: list[tuple[Any, str, str]] = [
    ("text", "type", ""),
    ([TEXT], "type", ""),
    (None, "type", ""),
    ({}, "required", "/type"),
    ({"type": 1, "text": "a"}, "type", "/type"),
    ({"type": "text"}, "required", "/text"),
    ({"type": "text", "text": 7}, "type", "/text"),
    ({"type": "text", "text": None}, "type", "/text"),
    ({"type": "text", "text": "x" * 5_001}, "too_long", "/text"),
    ({**TEXT, "style": {"size": "huge"}}, "unknown_value", "/style/size"),
    ({**TEXT, "style": {"bold": "true"}}, "type", "/style/bold"),
    ({**TEXT, "style": "bold"}, "type", "/style"),
    ({**TEXT, "rtl": 1}, "type", "/rtl"),
    ({"type": "vertical"}, "required", "/elements"),
    ({"type": "vertical", "elements": TEXT}, "type", "/elements"),
    ({"type": "vertical", "elements": [TEXT, 1]}, "type", "/elements/1"),
    ({"type": "vertical", "elements": [TEXT] * 257}, "too_many", "/elements"),
    ({"type": "carousel", "elements": [CARD] * 11}, "too_many", "/elements"),
    ({"type": "image"}, "required", "/url"),
    ({**IMAGE, "caption": "x" * 129}, "too_long", "/caption"),
    ({**IMAGE, "url": "https://www.example.com/" + "x" * 2_048}, "too_long", "/url"),
    ({**IMAGE, "url": "data:image/png;base64,AA=="}, "link_scheme", "/url"),
    ({**IMAGE, "url": "ftp://www.example.com/a.png"}, "link_scheme", "/url"),
    ({**BUTTON, "title": "x" * 129}, "too_long", "/title"),
    ({**BUTTON, "click": {"actions": [LINK] * 5}}, "too_many", "/click/actions"),
    ({**BUTTON, "click": []}, "type", "/click"),
    ({"type": "map", "la": "1", "lo": 2}, "type", "/la"),
    ({"type": "map", "la": True, "lo": 2}, "type", "/la"),
    ({"type": "map", "lo": 2}, "required", "/la"),
    ({"type": "template", "templateType": "quickReply", "title": "a", "resp": []}, "too_few", "/resp"),
    ({"type": "template", "templateType": "menu", "title": "a", "resp": ["b"]}, "unknown_value", "/templateType"),
    (click({"type": "publishText"}), "required", "/click/actions/0/text"),
    (click({"type": "navigate", "la": 1}), "required", "/click/actions/0/lo"),
    (click({"uri": "https://www.example.com/"}), "required", "/click/actions/0/type"),
    (link(None), "type", "/click/actions/0/uri"),
    ({**BUTTON, "click": {"metadata": [{"type": "ExternalId"}]}}, "required", "/click/metadata/0/id"),
    ({**BUTTON, "click": {"metadata": [{"type": "ExternalId", "id": "x" * 65}]}}, "too_long", "/click/metadata/0/id"),
    ({**REPLIES, "itemsPerRow": 0}, "out_of_range", "/itemsPerRow"),
    ({**REPLIES, "itemsPerRow": 2.5}, "type", "/itemsPerRow"),
    ({**REPLIES, "replies": []}, "too_few", "/replies"),
    ({**REPLIES, "replies": [REPLY] * 25}, "too_many", "/replies"),
    ({**REPLIES, "replies": [{**REPLY, "type": "text"}]}, "unknown_value", "/replies/0/type"),
    ({"type": "quickReplies", "replies": [REPLY]}, "required", "/itemsPerRow"),
    ({"type": "RichContentEvent"}, "required", "/content"),
    ({"type": "RichContentEvent", "content": TEXT, "quickReplies": []}, "type", "/quickReplies"),
    ({"type": "somethingNew", "src": "javascript:alert(1)"}, "link_hidden", "/src"),
    ({**TEXT, "x": [{"HREF": "vbscript:x"}]}, "link_hidden", "/x/0/HREF"),
    ({**TEXT, "accessibility": {"web": {"url": "data:text/html,x"}}}, "link_hidden", "/accessibility/web/url"),
]


@pytest.mark.parametrize(("document", "code", "path"), REFUSED)
def test_refused_at_its_place(document: Any, code: str, path: str) -> None:
    report = check_value(document)
    assert [(issue.code, issue.path) for issue in report.errors] == [(code, path)]
    assert not report.valid


WARNED: list[tuple[Any, str, str]] = [
    ({"type": "txt", "text": "a"}, "unknown_element", "/type"),
    ({"type": "somethingNew"}, "unknown_element", "/type"),
    ({**TEXT, "colour": "red"}, "unknown_member", "/colour"),
    ({**TEXT, "tooltop": "red"}, "unknown_member", "/tooltop"),
    ({"type": "text", "text": " "}, "empty", "/text"),
    ({"type": "vertical", "elements": []}, "empty", "/elements"),
    ({**BUTTON, "click": {"actions": [{"type": "publishText", "text": ""}]}}, "empty", "/click/actions/0/text"),
    ({**TEXT, "tooltip": "x" * 257}, "shortened", "/tooltip"),
    ({**REPLIES, "replies": [{**REPLY, "title": "x" * 26}]}, "shortened", "/replies/0/title"),
    ({"type": "button", "title": "Go"}, "without_effect", ""),
    ({**BUTTON, "click": {}}, "without_effect", "/click"),
    ({"type": "image", "url": "https://www.example.com/a.png"}, "image_without_words", ""),
    ({"type": "carousel", "elements": [CARD]}, "single_card", "/elements"),
    ({**TEXT, "style": {"color": "url(x)"}}, "colour", "/style/color"),
    ({"type": "map", "la": 2423423423, "lo": 0}, "coordinates", "/la"),
    ({**CARD, "border": "dotted"}, "unusual_value", "/border"),
    (click({"type": "addToCart", "items": []}), "unknown_action", "/click/actions/0/type"),
    ({**BUTTON, "click": {"metadata": [{"type": "Mine"}]}}, "unknown_metadata", "/click/metadata/0/type"),
    (link("www.example.com"), "link_relative", "/click/actions/0/uri"),
    (link("http://www.example.com/"), "link_http", "/click/actions/0/uri"),
    (link("https://bank.example@evil.example/"), "link_user_info", "/click/actions/0/uri"),
    (link("https://www.example.com/a b"), "link_invalid", "/click/actions/0/uri"),
    (link("https:///path"), "link_invalid", "/click/actions/0/uri"),
]


@pytest.mark.parametrize(("document", "code", "path"), WARNED)
def test_warned_of_at_its_place_and_passes(document: Any, code: str, path: str) -> None:
    report = check_value(document)
    assert report.valid
    assert (code, path) in [(issue.code, issue.path) for issue in report.issues]


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "java\nscript\n:alert(1)",
        "\x01javascript:alert(1)",
        "\u00a0javascript:alert(1)",
        "data:text/html;base64,PHNjcmlwdD4=",
        "vbscript:msgbox(1)",
        "view-source:javascript:alert(1)",
        "blob:https://www.example.com/7",
        "file:///etc/passwd",
        "javascript:" + "x" * 3_000,
    ],
)
@pytest.mark.parametrize("where", ["uri", "web"])
def test_addresses_that_could_run_code_are_refused(uri: str, where: str) -> None:
    action = {**LINK, "uri": uri} if where == "uri" else {**LINK, "web": {"uri": uri}}
    assert [issue.code for issue in check_value(click(action)).errors] == ["link_scheme"]
    assert [issue.code for issue in check_value({"type": "linkPreview", "url": uri}).errors] == ["link_scheme"]


def test_fixes_are_patches_of_the_document() -> None:
    report = check_value({"type": "buton", "titel": "Go", "click": {"actions": [{**LINK, "uri": "www.example.com"}]}})
    assert [issue.fix.to_json() for issue in report.issues if issue.fix is not None] == [
        [{"op": "replace", "path": "/type", "value": "button"}],
        [{"op": "replace", "path": "/click/actions/0/uri", "value": "https://www.example.com"}],
    ]
    (put,) = [issue.fix.to_json() for issue in check_value({**REPLIES, "itemsPerRow": "3"}).errors if issue.fix]
    assert put == [{"op": "replace", "path": "/itemsPerRow", "value": 3}]


def test_words_that_are_only_somewhat_alike_are_not_taken_for_each_other() -> None:
    (issue,) = check_value({**TEXT, "title": "x"}).issues
    assert (issue.code, issue.path, issue.fix) == ("unknown_member", "/title", None)


def test_what_is_not_known_has_one_finding_whatever_it_holds() -> None:
    assert found({"type": "hologram", "volume": 11, "colour": "red"}) == [("unknown_element", "/type")]


def nested(levels: int) -> JsonValue:
    document: JsonValue = TEXT
    for _ in range(levels):
        document = {"type": "vertical", "elements": [document]}
    return document


def test_elements_stand_in_each_other_so_deep_and_no_deeper() -> None:
    assert found(nested(MAX_LEVELS)) == []
    assert found(nested(MAX_LEVELS + 1)) == [("too_deep", "/elements/0" * MAX_LEVELS + "/elements")]


def test_there_may_be_so_many_elements_and_no_more() -> None:
    rows: list[JsonValue] = [{"type": "vertical", "elements": [TEXT] * 248} for _ in range(4)]
    assert MAX_ELEMENTS == 1 + 4 * 249 + 3
    assert found({"type": "vertical", "elements": [*rows, TEXT, TEXT, TEXT]}) == []
    assert found({"type": "vertical", "elements": [*rows, *[TEXT] * 5]}) == [("too_many_elements", "/elements/7")]


def test_a_report_is_bounded() -> None:
    report = check_value({f"x{number}": 1 for number in range(3_000)} | {"type": "text", "text": "a"})
    assert len(report.issues) == 1_001
    assert report.issues[-1].code == "too_many_findings"
    assert not report.valid


def test_a_text_has_lines_and_columns_and_duplicate_members() -> None:
    report = check_text(b'{"type": "text",\n "text": 1,\n "text": 2}')
    assert [(issue.code, issue.line, issue.column, issue.help) for issue in report.issues] == [
        ("duplicate_key", 3, 2, "docs/reference/findings.md#duplicate_key"),
        ("type", 3, 10, "docs/reference/structured-content.md#type"),
    ]


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, b'{"type":', b" " * 300_000])
def test_what_cannot_be_read_is_a_finding(data: bytes) -> None:
    report = check_text(data)
    assert not report.valid
    assert report.value is None


def test_parts_of_an_event_are_named_by_their_members() -> None:
    report = check_parts({"content": {"type": "text"}, "quickReplies": {**REPLIES, "replies": []}})
    assert [issue.path for issue in report.issues] == ["/content/text", "/quickReplies/replies"]
    assert check_parts({}).issues == ()
