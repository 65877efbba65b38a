"""Export: lines, how they go on after an interruption, and how little is read at a time."""

import base64

import msgspec

from support.history_stage import SINCE, Past
from support.messaging_stage import ACCOUNT
from switchbay.messaging.domain import AddParticipant, CloseConversation, Role
from switchbay.messaging.history.exporting import Exporting
from switchbay.messaging.wire.cursors import read_cursor


async def _lines(past: Past, *, events: int = 3, **options: object) -> list[dict[str, object]]:
    exporting = Exporting(past.stage.db, past.stage.accounts, events)
    given = {"since": 0, "until": 2**43, "after": None, **options}
    pieces = [piece async for piece in exporting.lines(ACCOUNT, **given)]  # type: ignore[arg-type]  # given by name
    return [msgspec.json.decode(line) for line in b"".join(pieces).splitlines()]


async def test_a_line_has_everything_of_a_conversation(past: Past) -> None:
    stage = past.stage
    await stage.send("userprofile.SetUserProfile", {"firstName": "Kim"})
    conversation = await stage.open()
    bob = await past.pid("bob")
    await past.do(conversation, AddParticipant(bob, Role.ASSIGNED_AGENT), by="bob")
    for number in range(7):
        await stage.say(conversation, f"hello {number}")
    await past.do(conversation, CloseConversation(), by="bob")
    [line] = await _lines(past)
    assert set(line) == {"cursor", "conversation", "profile", "agents", "moves", "events"}
    kept = line["conversation"]
    assert isinstance(kept, dict)
    assert (kept["conversation_id"], kept["state"], kept["close_reason"]) == (conversation, "CLOSE", "AGENT")
    assert kept["opening"] == {"firstConversation": True}
    assert [dialog["next_sequence"] for dialog in kept["dialogs"]] == [7]
    assert line["profile"] == {"firstName": "Kim"}
    assert line["agents"] == {bob: {"user_id": await past.number("bob"), "login_name": "bob", "display_name": "bob"}}
    moves, events = line["moves"], line["events"]
    assert isinstance(moves, list)
    assert isinstance(events, list)
    assert [move["kind"] for move in moves] == ["opened", "joined", "dialog_closed", "closed"]
    assert [(event["sequence"], event["event"]["message"]) for event in events] == [
        (number, f"hello {number}") for number in range(7)
    ]


async def test_lines_are_in_order_bounded_by_time_and_go_on_after_a_cursor(past: Past) -> None:
    ids = []
    for number in range(45):
        ids.append(await past.stage.open())
        past.stage.clock.advance(ms=number % 2)

    def of(lines: list[dict[str, object]]) -> list[object]:
        return [line["conversation"]["conversation_id"] for line in lines]  # type: ignore[index]  # JSON

    whole = await _lines(past)
    assert sorted(of(whole), key=str) == sorted(ids)
    cursor = whole[22]["cursor"]
    assert isinstance(cursor, str)
    assert of(await _lines(past, after=read_cursor(cursor))) == of(whole)[23:]
    inside = await _lines(past, since=SINCE + 5, until=SINCE + 9)
    assert of(inside) == of([one for one in whole if SINCE + 5 <= one["conversation"]["started_at"] < SINCE + 9])  # type: ignore[index]  # JSON
    assert len(inside) == 8


async def test_what_is_said_while_a_line_is_written_is_not_in_it(past: Past) -> None:
    conversation = await past.stage.open()
    for number in range(4):
        await past.stage.say(conversation, f"hello {number}")
    exporting = Exporting(past.stage.db, past.stage.accounts, 2)
    lines = exporting.lines(ACCOUNT, since=0, until=2**43, after=None)
    written = await anext(lines)
    await past.stage.say(conversation, "too late")
    written += b"".join([piece async for piece in lines])
    assert len(msgspec.json.decode(written)["events"]) == 4


async def test_administrators_export_over_http_and_the_audit_log_tells(past: Past) -> None:
    conversation = await past.stage.open()
    assert (await past.manage("GET", "/export", user="bob"))[0] == 403
    past.stage.clock.advance(ms=1)
    status, content = await past.manage("GET", "/export")
    ids = [msgspec.json.decode(line)["conversation"]["conversation_id"] for line in content.splitlines()]
    assert (status, ids) == (200, [conversation])
    entries = (await past.stage.accounts.list_audit(ACCOUNT)).entries
    assert [(one.action, one.detail) for one in entries if one.action.startswith("history")] == [
        ("history.export", {"from": 0, "to": SINCE + 1, "is_resumed": False})
    ]
    wrong = base64.urlsafe_b64encode(b"1.2").decode()
    assert (await past.manage("GET", f"/export?cursor={wrong}"))[0] == 400
