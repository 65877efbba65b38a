"""The preview of structured content as HTML: faithful, bounded, and without anything that acts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.structured_content import broken
from switchbay.console.preview import render_preview
from switchbay.kit.jsonvalue import JsonValue

CARD: JsonValue = {
    "type": "vertical",
    "elements": [
        {"type": "image", "url": "https://img.example.com/a.png", "alt": "Red shoes", "caption": "Runner"},
        {"type": "text", "text": "<b>Runner</b> & more", "style": {"bold": True, "color": "#123456"}},
        {"type": "button", "title": "Buy", "click": {"actions": [{"type": "publishText", "text": "I take them"}]}},
    ],
}


def html(document: JsonValue) -> str:
    return str(render_preview(document).html)


def test_a_card_is_shown_with_what_its_buttons_would_do() -> None:
    assert html(CARD) == (
        '<div class="sc-card"><div class="sc-stack">'
        '<div class="sc-image"><div class="sc-frame"><strong>Picture</strong> Red shoes '
        '<small>https://img.example.com/a.png</small></div><p class="sc-caption">Runner</p></div>'
        '<div class="sc-text sc-bold sc-look-0"><p>&lt;b&gt;Runner&lt;/b&gt; &amp; more</p></div>'
        '<div class="sc-button">Buy</div><p class="sc-effect">→ says “I take them”</p></div></div>'
    )


def test_actions_are_told_in_words() -> None:
    actions: list[JsonValue] = [
        {"type": "link", "uri": "javascript:alert(1)"},
        {"type": "navigate", "la": 1.5, "lo": -2},
        {"type": "addToCart"},
        7,
    ]
    assert "→ opens javascript:alert(1); leads to 1.5, -2; does addToCart</p>" in html(
        {"type": "button", "title": "Go", "click": {"actions": actions}}
    )


def test_direction_and_tooltip_are_those_of_the_element() -> None:
    shown = html({"type": "text", "text": "שלום", "rtl": True, "tooltip": 'a "word"'})
    assert '<div class="sc-text" dir="rtl" title="a &#34;word&#34;"><p>שלום</p></div>' in shown


def test_carousels_and_quick_replies_are_lists_that_can_be_read_and_scrolled() -> None:
    reply: JsonValue = {"type": "button", "title": "A title that is longer than shown", "click": {"actions": []}}
    shown = html(
        {
            "type": "RichContentEvent",
            "content": {"type": "carousel", "elements": [CARD, CARD]},
            "quickReplies": {"type": "quickReplies", "itemsPerRow": 3, "replies": [reply]},
        }
    )
    assert '<div class="sc-carousel" role="region" tabindex="0" aria-label="Carousel, cards: 2"><ol>' in shown
    assert shown.count('<li class="sc-card">') == 2
    assert '<ul class="sc-replies sc-per-3" aria-label="Quick replies">' in shown
    assert "A title that is longer…</span>" in shown


def test_a_text_message_with_quick_replies_is_shown() -> None:
    reply: JsonValue = {"type": "button", "title": "Yes", "tooltip": "Oh, yes"}
    replies: JsonValue = {"itemsPerRow": 99, "replies": [reply, 1]}
    assert html({"type": "ContentEvent", "message": "Well?", "quickReplies": replies}) == (
        '<p class="sc-said">Well?</p><ul class="sc-replies" aria-label="Quick replies">'
        '<li class="sc-reply"><span class="sc-chip" title="Oh, yes">Yes</span></li></ul>'
    )


def test_what_is_not_known_is_named_and_its_elements_shown() -> None:
    shown = html({"type": "<tabs>", "elements": [{"type": "text", "text": "inside"}, 1]})
    assert "An element of the type &lt;tabs&gt; is not shown here." in shown
    assert "<p>inside</p>" in shown
    assert "Something that is no element is not shown." in shown


def test_only_colours_and_numbers_get_into_rules() -> None:
    style: dict[str, JsonValue] = {
        "color": "navy",
        "background-color": "rgb(1, 2, 3)",
        "border-color": "red;}</style><script>",
        "border-radius": 5,
        "font-family": "x;}",
    }
    preview = render_preview({"type": "text", "text": "a", "style": style})
    assert preview.rules == ".sc-look-0{color:navy;background-color:rgb(1, 2, 3);border-radius:5px}"


@pytest.mark.parametrize(
    "url",
    [
        "http://x.example/a.png",
        "//x.example/a",
        "https://u@x.example/a",
        "https://x.example;script-src/a",
        "https://[::1]/a",
        "https://x.example:99999/a",
        "data:image/png;base64,AA==",
        "https:///a",
        "https://é.example/a",
    ],
)
def test_pictures_from_elsewhere_than_a_plain_https_host_stay_words(url: str) -> None:
    preview = render_preview({"type": "image", "url": url, "alt": "A"}, with_pictures=True)
    assert "<img" not in preview.html
    assert preview.picture_origins == ()


def test_a_row_is_divided_as_the_content_says() -> None:
    row: JsonValue = {"type": "horizontal", "percentages": [70, 30.5], "elements": [{"type": "text", "text": "a"}] * 2}
    preview = render_preview(row)
    assert preview.rules == ".sc-look-0{display:grid;grid-template-columns:minmax(0,70fr) minmax(0,30.5fr)}"
    assert '<div class="sc-row sc-look-0">' in preview.html


@pytest.mark.parametrize(
    "percentages", [[100], [70, 30, 1], [70, "30;x"], [70, True], [70, 0], [70, 101], "70 30", None]
)
def test_shares_that_do_not_fit_divide_nothing(percentages: JsonValue) -> None:
    elements: JsonValue = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert render_preview({"type": "horizontal", "percentages": percentages, "elements": elements}).rules == ""


def test_each_host_of_pictures_is_named_once_and_only_so_many() -> None:
    images: list[JsonValue] = [{"type": "image", "url": f"https://i{n // 2}.example/a"} for n in range(60)]
    preview = render_preview({"type": "vertical", "elements": images}, with_pictures=True)
    assert preview.picture_origins == tuple(f"https://i{n}.example" for n in range(20))
    assert preview.html.count("<img") == 40


def test_too_much_content_is_left_out() -> None:
    row: JsonValue = {"type": "vertical", "elements": [{"type": "text", "text": "x"}] * 200}
    assert html({"type": "vertical", "elements": [row] * 10}).count("<p>x</p>") == 994
    deep: JsonValue = {"type": "text", "text": "bottom"}
    for _ in range(14):
        deep = {"type": "vertical", "elements": [deep]}
    assert "bottom" not in html(deep)


@given(broken() | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_any_json_has_a_preview_in_which_nothing_acts(document: Any) -> None:
    shown = str(render_preview(document, with_pictures=True).html)
    for acting in ("<a ", "<script", "<button", "<form", "<iframe", "href=", " on", "style="):
        assert acting not in shown or acting in str(document)
