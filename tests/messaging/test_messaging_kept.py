"""What is stored of a conversation's life: its whole state, who takes part, who waits, what happened."""

import asyncio
import json
from typing import Any

import sqlalchemy as sa

from support.messaging_stage import ACCOUNT, APP, CONSUMER, Stage, text
from switchbay.accounts.public import OPERATOR, AccountChange
from switchbay.infra.db import Database, Tx, open_database
from switchbay.infra.db.migrate import migrate
from switchbay.messaging import store
from switchbay.messaging.commit import Happening
from switchbay.messaging.domain import (
    AddParticipant,
    AgentCaller,
    Command,
    Conversation,
    Csat,
    Delay,
    MoveKind,
    Rate,
    RemoveParticipant,
    Role,
    SetFact,
    SetSkill,
    SetTtr,
    Step,
    SuggestAgent,
    SystemCaller,
)
from switchbay.messaging.domain.steps import Caller, CloseConversation, ConsumerCaller
from switchbay.messaging.tables import conversations, participants, queue

BOB, EVE = AgentCaller("bob"), AgentCaller("eve", may_manage=True)
KIM = ConsumerCaller(APP, CONSUMER)


async def do(stage: Stage, conversation: str, caller: Caller, *steps: Step) -> Conversation:
    await stage.messaging.submit(Command(ACCOUNT, caller, conversation, steps))
    return await stage.messaging.get_conversation(ACCOUNT, conversation)


async def rows(db: Database, table: sa.Table) -> list[dict[str, Any]]:
    async def work(tx: Tx) -> list[dict[str, Any]]:
        found = await tx.fetch(sa.select(table).order_by(*table.primary_key.columns))
        return [{column.name: row[column.name] for column in table.columns} for row in found]

    return await db.read(work)


async def part(db: Database) -> list[tuple[str, str, str, bool]]:
    found = await rows(db, participants)
    return [(row["participant_id"], row["role"], row["state"], row["is_open"]) for row in found]


async def test_everything_of_a_conversation_is_read_back(stage: Stage) -> None:
    seen: list[Happening] = []
    stage.messaging.listen(seen.extend)
    conversation = await stage.open()
    await do(stage, conversation, BOB, AddParticipant("bob", Role.ASSIGNED_AGENT))
    noted = (SetFact("note", "calls back"), SetFact("delay", Delay("NIGHT", 2_000_000_000_000)), SetSkill("7"))
    await do(stage, conversation, BOB, *noted, SetTtr("CUSTOM", 42), SetFact("topic", "billing"))
    await do(stage, conversation, BOB, RemoveParticipant(None, Role.ASSIGNED_AGENT), SuggestAgent("cyd"))
    await do(stage, conversation, EVE, CloseConversation())
    rated = await do(stage, conversation, KIM, Rate(Csat(4, is_resolved=True, status="PARTIALLY_FILLED")))
    assert rated == seen[-1].after
    assert (rated.facts.note, rated.facts.topic, rated.skill_id, rated.ttr_seconds) == (
        "calls back",
        "billing",
        "7",
        42,
    )
    assert rated.facts.csat == Csat(4, is_resolved=True, status="PARTIALLY_FILLED")
    assert [one.before for one in seen] == [None, *(one.after for one in seen[:-1])]


async def test_who_takes_part_can_be_looked_up(stage: Stage) -> None:
    conversation = await stage.open()
    assert await part(stage.db) == [(CONSUMER, "CONSUMER", "ACTIVE", True)]
    await do(stage, conversation, BOB, AddParticipant("bob", Role.ASSIGNED_AGENT))
    await do(stage, conversation, EVE, AddParticipant("eve", Role.MANAGER))
    await do(stage, conversation, BOB, RemoveParticipant("bob"), SuggestAgent("cyd"))
    assert await part(stage.db) == [
        (CONSUMER, "CONSUMER", "ACTIVE", True),
        ("cyd", "ASSIGNED_AGENT", "SUGGESTED", True),
        ("eve", "MANAGER", "ACTIVE", True),
    ]
    await do(stage, conversation, EVE, CloseConversation())
    assert await part(stage.db) == [(CONSUMER, "CONSUMER", "ACTIVE", False), ("eve", "MANAGER", "ACTIVE", False)]
    found = await stage.db.read(lambda tx: store.list_conversation_ids_of(tx, ACCOUNT, "eve", is_open=False))
    assert found == [conversation]


async def test_what_waits_is_queued_by_when_it_is_due(stage: Stage) -> None:
    conversation = await stage.open()
    since = stage.clock.now_ms()
    waiting = {
        "account_id": ACCOUNT,
        "conversation_id": conversation,
        "skill_id": "-1",
        "suggested_pid": None,
        "rings_at": None,
        "since": since,
        "weight": since + 3_600_000,
    }
    assert await rows(stage.db, queue) == [waiting]
    await do(stage, conversation, EVE, SetSkill("7"), SetTtr("URGENT", 60))
    changed = waiting | {"skill_id": "7", "weight": since + 60_000}
    assert await rows(stage.db, queue) == [changed]
    await do(stage, conversation, BOB, AddParticipant("bob", Role.ASSIGNED_AGENT))
    assert await rows(stage.db, queue) == []
    stage.clock.advance(seconds=5)
    await do(stage, conversation, BOB, RemoveParticipant("bob"), SuggestAgent("cyd"))
    again = {"suggested_pid": "cyd", "since": since + 5_000, "weight": since + 65_000}
    assert await rows(stage.db, queue) == [changed | again]
    await do(stage, conversation, EVE, CloseConversation())
    assert await rows(stage.db, queue) == []


async def test_a_message_changes_neither_the_queue_nor_who_takes_part(stage: Stage) -> None:
    conversation = await stage.open()
    before = (await rows(stage.db, queue), await rows(stage.db, participants))
    await stage.say(conversation)
    assert (await rows(stage.db, queue), await rows(stage.db, participants)) == before
    assert (await stage.messaging.get_conversation(ACCOUNT, conversation)).revision == 0


async def test_what_happened_is_kept_in_order(stage: Stage) -> None:
    conversation = await stage.open()
    await do(stage, conversation, BOB, AddParticipant("bob", Role.ASSIGNED_AGENT))
    await do(stage, conversation, BOB, RemoveParticipant("bob"), SetSkill("7"))
    await stage.close(conversation)
    kept = await stage.db.read(lambda tx: store.list_moves(tx, ACCOUNT, conversation))
    assert [(one.move.kind, one.move.by, one.move.participant_id, one.move.after) for one in kept] == [
        (MoveKind.OPENED, CONSUMER, CONSUMER, "-1"),
        (MoveKind.JOINED, "bob", "bob", None),
        (MoveKind.LEFT, "bob", "bob", None),
        (MoveKind.SKILL, "bob", None, "7"),
        (MoveKind.DIALOG_CLOSED, CONSUMER, None, None),
        (MoveKind.CLOSED, CONSUMER, None, "CONSUMER"),
    ]


async def test_a_refused_request_tells_and_keeps_nothing(stage: Stage) -> None:
    conversation = await stage.open()
    seen: list[Happening] = []
    stage.messaging.listen(seen.extend)
    before = [await rows(stage.db, table) for table in (conversations, participants, queue)]
    answered = await stage.agent("POST", f"/{conversation}/events", text())
    assert answered.status == 403
    assert seen == []
    assert [await rows(stage.db, table) for table in (conversations, participants, queue)] == before


# Survey and silence


async def account(stage: Stage, **settings: Any) -> None:
    await stage.accounts.update_account(ACCOUNT, AccountChange(**settings), OPERATOR)


async def close_main(stage: Stage, conversation: str) -> None:
    change = {"field": "DialogChange", "type": "UPDATE", "dialog": {"dialogId": conversation, "state": "CLOSE"}}
    body = {"conversationId": conversation, "conversationField": change}
    assert (await stage.send("cm.UpdateConversationField", body)).status == 200


async def test_the_accounts_survey_follows_the_main_dialog(stage: Stage) -> None:
    await account(stage, survey_app="bot-app")
    conversation = await stage.open()
    await close_main(stage, conversation)
    details = stage.webhooks.changes()[-1]["result"]["conversationDetails"]
    assert (details["state"], details["stage"]) == ("CLOSE", "OPEN")
    main, survey = details["dialogs"]
    assert (main["dialogId"], main["state"], main["dialogType"]) == (conversation, "CLOSE", "MAIN")
    assert (survey["state"], survey["dialogType"], survey["metaData"]) == (
        "OPEN",
        "POST_SURVEY",
        {"appInstallId": "bot-app"},
    )


async def test_without_a_survey_the_main_dialog_ends_the_conversation(stage: Stage) -> None:
    conversation = await stage.open()
    await close_main(stage, conversation)
    assert (await stage.messaging.get_conversation(ACCOUNT, conversation)).stage == "CLOSE"


async def test_silent_conversations_and_long_surveys_are_closed(stage: Stage) -> None:
    await account(stage, survey_app="bot-app", survey_seconds=60, auto_close_seconds=600)
    silent, surveyed, busy = [await stage.open() for _ in range(3)]
    await close_main(stage, surveyed)
    stage.clock.advance(seconds=599)
    await stage.say(busy)
    assert await stage.messaging.close_silent_once() == 1
    stage.clock.advance(seconds=1)
    assert await stage.messaging.close_silent_once() == 1
    found = [await stage.messaging.get_conversation(ACCOUNT, one) for one in (silent, surveyed, busy)]
    assert [(one.stage, one.close_reason) for one in found] == [
        ("CLOSE", "TIMEOUT"),
        ("CLOSE", "CONSUMER"),
        ("OPEN", None),
    ]
    assert await stage.messaging.close_silent_once() == 0


async def test_nothing_is_closed_for_silence_unless_the_account_says_so(stage: Stage) -> None:
    await stage.open()
    stage.clock.advance(seconds=10_000_000)
    assert await stage.messaging.close_silent_once() == 0


async def test_the_platform_closes_with_its_reason(stage: Stage) -> None:
    conversation = await stage.open()
    closed = await do(stage, conversation, SystemCaller("SYSTEM"), CloseConversation())
    assert (closed.close_reason, closed.main.closed_by) == ("SYSTEM", "SYSTEM")


# The migration

_OLD: dict[str, str | int] = {
    "installation_id": "app",
    "consumer_id": "kim",
    "ttr_type": "NORMAL",
    "ttr_seconds": 600,
    "effective_ttr": -1,
    "started_at": 5,
    "updated_at": 9,
}


def _dialog(conversation: str, state: str, *more: tuple[str, str]) -> str:
    taking_part = [{"id": one, "role": role} for one, role in (("kim", "CONSUMER"), *more)]
    main = {"dialog_id": conversation, "kind": "MAIN", "state": state, "participants": taking_part}
    return json.dumps([main | {"created_at": 5, "updated_at": 9, "next_sequence": 3, "last_event_at": 8}])


async def test_the_migration_carries_the_conversations_of_the_version_before(bare_database_url: str) -> None:
    await asyncio.to_thread(migrate, bare_database_url, "0009")
    db = await open_database(bare_database_url, connections=1)
    columns = "account_id, conversation_id, state, stage, opening, dialogs, " + ", ".join(_OLD)
    values = ", ".join(f":{name}" for name in columns.split(", "))
    insert = sa.text(f"INSERT INTO messaging_conversations ({columns}) VALUES ({values})")  # noqa: S608 - names of ours
    opening = '{"skillId":"7","firstConversation":true}'
    old = [
        ("waiting", "OPEN", _dialog("waiting", "OPEN")),
        ("assigned", "OPEN", _dialog("assigned", "OPEN", ("bob", "ASSIGNED_AGENT"))),
        ("closed", "CLOSE", _dialog("closed", "CLOSE")),
    ]

    async def work(tx: Tx) -> None:
        for name, state, dialogs in old:
            key = {"account_id": "a", "conversation_id": name, "state": state, "stage": state}
            await tx.execute(insert, {**key, "opening": opening, "dialogs": dialogs, **_OLD})

    await db.write(work)
    await db.close()
    await asyncio.to_thread(migrate, bare_database_url)
    db = await open_database(bare_database_url, connections=1)
    found = await db.read(lambda tx: store.find_conversation(tx, "a", "assigned"))
    assert found is not None
    assert (found.skill_id, found.revision, found.assigned) == ("7", 0, found.main.participants[1])
    assert [row["conversation_id"] for row in await rows(db, queue)] == ["waiting"]
    assert [(row["skill_id"], row["since"], row["weight"]) for row in await rows(db, queue)] == [("7", 9, 600_009)]
    assert await part(db) == [
        ("bob", "ASSIGNED_AGENT", "ACTIVE", True),
        ("kim", "CONSUMER", "ACTIVE", True),
        ("kim", "CONSUMER", "ACTIVE", False),
        ("kim", "CONSUMER", "ACTIVE", True),
    ]
    assigned = [row["participant_id"] for row in await rows(db, participants) if row["is_assigned"]]
    assert assigned == ["bob"]
    await db.close()
