"""Words of messages and searches, and finding one by the other."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.history_stage import SINCE, Past
from support.messaging_stage import ACCOUNT, OTHER, text
from switchbay.kit.errors import AppError
from switchbay.messaging.domain import AddParticipant, Role
from switchbay.messaging.history.domain.words import Term, parse_query, snippet, spoken_text, words_of
from switchbay.messaging.history.indexing import Indexer


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Hello, World_wide 24/7!", ["hello", "world", "wide", "24", "7"]),
        ("Crème BRÛLÉE straße", ["creme", "brulee", "strasse"]),
        ("cre\u0300me", ["creme"]),
        ("\uff26\uff35\uff2c\uff2c \ufb01t", ["full", "fit"]),
        ("東京タワーへ", ["東", "京", "タ", "ワ", "ー", "へ"]),
        ("주문 번호", ["주문", "번호"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("İstanbul", ["istanbul"]),
        ("😀 ok ", ["ok"]),
        ("", []),
        ("x" * 100, ["x" * 64]),
    ],
)
def test_words_are_folded(said: str, words: list[str]) -> None:
    assert words_of(said) == words


@given(st.text(max_size=60))
def test_words_of_words_are_the_same_words(said: str) -> None:
    words = words_of(said)
    assert words_of(" ".join(words)) == [again for word in words for again in words_of(word)]
    assert all(word and "'" not in word and '"' not in word and " " not in word for word in words)


def test_what_can_be_searched_of_each_kind_of_event() -> None:
    file = {"type": "ContentEvent", "contentType": "hosted/file", "message": {"caption": "my shoes"}}
    rich = {
        "type": "RichContentEvent",
        "content": {
            "type": "vertical",
            "elements": [{"type": "text", "text": "now on sale"}, {"type": "image", "url": "https://x", "alt": "hat"}],
        },
        "quickReplies": {"replies": [{"title": "Yes"}]},
    }
    receipt = {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [1]}
    events = (text("hi"), file, rich, receipt)
    shown = [spoken_text(msgspec.json.encode(event).decode()) for event in events]
    assert shown == ["hi", "my shoes", "now on sale\nhat\nYes", ""]


def test_content_of_any_depth_is_read() -> None:
    deep = '{"type":"RichContentEvent","content":' + '{"elements":[' * 200 + '{"text":"deep"}' + "]}" * 200 + "}"
    assert spoken_text(deep) == "deep"


def test_a_search_is_words_phrases_and_beginnings() -> None:
    assert parse_query('Order "Your Refund" ship* a@b.com ship*').terms == (
        Term(("order",)),
        Term(("your", "refund")),
        Term(("ship",), is_prefix=True),
        Term(("a", "b", "com")),
    )


@pytest.mark.parametrize("given", ["", "!?", '""', "x" * 501, " ".join(f"w{n}" for n in range(17)), "a*"])
def test_searches_that_ask_nothing_or_too_much_are_refused(given: str) -> None:
    with pytest.raises(AppError) as caught:
        parse_query(given)
    assert caught.value.code == "search_invalid"


def test_a_snippet_is_around_what_was_found() -> None:
    said = "word " * 100 + "the Crème brûlée here" + " word" * 100
    shown, marks = snippet(said, parse_query('"creme brulee"'))
    assert [shown[begin:end] for begin, end in marks] == ["Crème", "brûlée"]
    assert len(shown) == 160
    assert snippet("short", parse_query("absent")) == ("short", [])


_SAID = [
    "The quick brown fox",
    "a brown quick dog",
    "Crème brûlée",
    "東京タワーに行く",
    "order 4711-0815",
    'fo\'x "quoted"',
]


# One conversation is searched for all of them: they share what is slow, and the first that is wrong is told.
_SEARCHES: list[tuple[str, list[int]]] = [
    ("quick", [1, 0]),
    ("BROWN quick", [1, 0]),
    ('"quick brown"', [0]),
    ("qui* fox", [0]),
    ('"brown qu"*', [1]),
    ("creme", [2]),
    ("BRÛLÉE", [2]),
    ("東京", [3]),
    ("京東", []),
    ("タワー", [3]),
    ("4711-0815", [4]),
    ("0815-4711", []),
    ("fo'x", [5]),
    ("quick absent", []),
    ("NOT OR AND", []),
]


async def test_messages_are_found_on_both_engines_alike(past: Past) -> None:
    conversation = await past.stage.open()
    for said in _SAID:
        past.stage.clock.advance(ms=1)
        await past.stage.say(conversation, said)
    await past.index()
    found = {search: await past.messages(search) for search, _ in _SEARCHES}
    assert found == {search: [_SAID[place] for place in places] for search, places in _SEARCHES}


async def test_the_newest_come_first_and_pages_follow_each_other(past: Past) -> None:
    conversations = [await past.stage.open() for _ in range(3)]
    for number in range(9):
        if number % 4:  # some in the same millisecond
            past.stage.clock.advance(ms=1)
        await past.stage.say(conversations[number % 3], f"hello {number}")
    await past.index()
    whole = (await past.history.find_messages(ACCOUNT, "hello", since=0, until=None, before=None, most=50))[0]
    assert [hit.at for hit in whole] == sorted((hit.at for hit in whole), reverse=True)
    assert {hit.snippet for hit in whole} == {f"hello {number}" for number in range(9)}
    paged, before = [], None
    while True:
        page, before = await past.history.find_messages(ACCOUNT, "hello", since=0, until=None, before=before, most=2)
        paged += page
        if before is None:
            break
    assert paged == whole


async def test_times_bound_what_is_found(past: Past) -> None:
    conversation = await past.stage.open()
    for number in range(3):
        await past.stage.say(conversation, f"hello {number}")
        past.stage.clock.advance(seconds=1)
    await past.index()
    assert await past.messages("hello", since=SINCE + 1_000) == ["hello 2", "hello 1"]
    assert await past.messages("hello", until=SINCE + 2_000) == ["hello 1", "hello 0"]


async def test_other_accounts_are_not_searched(past: Past) -> None:
    foreign = {"account": OTHER, "app": "foreign-app", "consumer": "foreign-consumer"}
    body = [{"kind": "req", "id": "1", "type": "cm.ConsumerRequestConversation", "body": {"brandId": OTHER}}]
    conversation = (await past.stage.post("", body, **foreign)).body[0]["body"]["conversationId"]
    await past.stage.say(conversation, "secret hello", **foreign)
    await past.stage.say(await past.stage.open(), "hello")
    await past.index()
    assert await past.messages("hello") == ["hello"]
    found, _ = await past.history.find_messages(OTHER, "hello", since=0, until=None, before=None, most=9)
    assert [hit.snippet for hit in found] == ["secret hello"]


async def test_private_messages_and_files_are_found_with_who_said_them(past: Past) -> None:
    conversation = await past.stage.open()
    await past.do(conversation, AddParticipant(await past.pid("bob"), Role.ASSIGNED_AGENT), by="bob")
    await past.stage.agent("POST", f"/{conversation}/events?audience=AGENTS_AND_MANAGERS", text("between us"))
    await past.index()
    [hit] = (await past.history.find_messages(ACCOUNT, "between", since=0, until=None, before=None, most=9))[0]
    assert (hit.role, hit.audience, hit.originator_id) == (
        "ASSIGNED_AGENT",
        "AGENTS_AND_MANAGERS",
        await past.pid("bob"),
    )
    assert (hit.conversation_id, hit.dialog_id, hit.sequence, hit.marks) == (conversation, conversation, 0, [(0, 7)])


async def test_small_steps_leave_nothing_out_and_take_nothing_twice(past: Past) -> None:
    conversations = [await past.stage.open() for _ in range(5)]
    for number in range(20):
        await past.stage.say(conversations[number % 5], f"hello {number}")
        await past.stage.publish(
            conversations[number % 5], {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]}
        )
    indexer = Indexer(past.stage.db, most=3)
    seen = 0
    while step := await indexer.index_once():
        assert step <= 3
        seen += step
        if seen == 9:
            await past.stage.say(conversations[0], "hello late")
    assert sorted(await past.messages("hello")) == sorted([f"hello {number}" for number in range(20)] + ["hello late"])
    assert await indexer.index_once() == 0
