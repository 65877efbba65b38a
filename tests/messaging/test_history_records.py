"""The messaging interactions API: what a conversation looks like that is over."""

from typing import Any

import msgspec

from support.files_house import file_event, picture, upload
from support.history_stage import Past
from support.messaging_stage import ACCOUNT, CONSUMER, text, unknown_id
from switchbay.infra.db import Tx
from switchbay.infra.db.door import Value
from switchbay.messaging.domain import (
    AddParticipant,
    CloseConversation,
    RemoveParticipant,
    Role,
    SetSkill,
    SuggestAgent,
    WithdrawSuggestion,
)
from switchbay.messaging.tables import skills

_FULL = [
    "campaign",
    "messageRecords",
    "agentParticipants",
    "agentParticipantsLeave",
    "agentParticipantsActive",
    "consumerParticipants",
    "transfers",
    "messageScores",
    "messageStatuses",
]
_TIME = "2023-11-14 22:13:20.000+0000"


async def _answered_conversation(past: Past) -> str:
    """Hello at 0 s, bob joins at 1 s, answers at 2 s, the consumer reads it at 3 s and closes at 4 s."""
    stage = past.stage
    await stage.send("userprofile.SetUserProfile", {"firstName": "Kim", "privateData": {"mail": "kim@example.test"}})
    conversation = await stage.open()
    await stage.say(conversation, "Hello")
    stage.clock.advance(seconds=1)
    await past.do(conversation, AddParticipant(await past.pid("bob"), Role.ASSIGNED_AGENT), by="bob")
    stage.clock.advance(seconds=1)
    await stage.agent("POST", f"/{conversation}/events", text("How can I help?"))
    stage.clock.advance(seconds=1)
    await stage.publish(conversation, {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [1]})
    stage.clock.advance(seconds=1)
    await stage.close(conversation)
    return conversation


async def test_a_conversation_has_the_documented_shape(past: Past) -> None:
    conversation = await _answered_conversation(past)
    bob = await past.number("bob")
    body = {"conversationId": conversation, "contentToRetrieve": _FULL}
    query = "?offset=0&limit=100&sort=start%3Adesc&NC=true&__d=2013"
    answered = await past.call("/conversations/conversation/search", body, query=query)
    path = f"/messaging_history/api/account/{ACCOUNT}/conversations/conversation/search"
    agent = {
        "agentFullName": "bob",
        "agentNickname": "bob",
        "agentLoginName": "bob",
        "agentDeleted": False,
        "agentId": bob,
        "userType": "1",
        "userTypeName": "Human",
        "role": "AGENT",
        "agentGroupName": "Unassigned",
        "agentGroupId": -1,
        "time": "2023-11-14 22:13:21.000+0000",
        "timeL": 1_700_000_001_000,
        "permission": "ASSIGNED_AGENT",
        "dialogId": conversation,
    }
    message = {
        "source": "APP",
        "device": "NA",
        "audience": "ALL",
        "dialogId": conversation,
        "type": "TEXT_PLAIN",
    }
    assert answered.status == 200
    assert answered.body == {
        "_metadata": {
            "count": 1,
            "self": {"rel": "self", "href": f"https://localhost:8443{path}?limit=100&offset=0"},
            "shardsStatusResult": {"partialResult": False},
        },
        "conversationHistoryRecords": [
            {
                "info": {
                    "startTime": _TIME,
                    "startTimeL": 1_700_000_000_000,
                    "endTime": "2023-11-14 22:13:24.000+0000",
                    "endTimeL": 1_700_000_004_000,
                    "conversationEndTime": "2023-11-14 22:13:24.000+0000",
                    "conversationEndTimeL": 1_700_000_004_000,
                    "fullDialogEndTime": "2023-11-14 22:13:24.000+0000",
                    "fullDialogEndTimeL": 1_700_000_004_000,
                    "duration": 4_000,
                    "conversationId": conversation,
                    "brandId": ACCOUNT,
                    "latestAgentId": bob,
                    "latestAgentLoginName": "bob",
                    "latestAgentNickname": "bob",
                    "latestAgentFullName": "bob",
                    "agentDeleted": False,
                    "latestSkillId": -1,
                    "latestSkillName": "Unassigned",
                    "source": "APP",
                    "device": "NA",
                    "browser": "NA",
                    "operatingSystem": "NA",
                    "closeReason": "CONSUMER",
                    "closeReasonDescription": "MANUAL_CLOSE",
                    "mcs": 50,
                    "alertedMCS": 0,
                    "status": "CLOSE",
                    "fullDialogStatus": "CLOSE",
                    "firstConversation": True,
                    "latestAgentGroupId": -1,
                    "latestAgentGroupName": "Unassigned",
                    "latestQueueState": "ACTIVE",
                    "isPartial": False,
                },
                "campaign": {},
                "messageRecords": [
                    message
                    | {
                        "messageData": {"msg": {"text": "Hello"}},
                        "messageId": f"ms::dialog:{conversation}::msg:0",
                        "seq": 0,
                        "participantId": CONSUMER,
                        "time": _TIME,
                        "timeL": 1_700_000_000_000,
                        "sentBy": "Consumer",
                    },
                    message
                    | {
                        "messageData": {"msg": {"text": "How can I help?"}},
                        "messageId": f"ms::dialog:{conversation}::msg:1",
                        "seq": 1,
                        "participantId": bob,
                        "time": "2023-11-14 22:13:22.000+0000",
                        "timeL": 1_700_000_002_000,
                        "sentBy": "Agent",
                    },
                ],
                "messageStatuses": [
                    {
                        "messageId": f"ms::dialog:{conversation}::msg:1",
                        "seq": 1,
                        "time": "2023-11-14 22:13:23.000+0000",
                        "timeL": 1_700_000_003_000,
                        "participantId": CONSUMER,
                        "participantType": "Consumer",
                        "messageDeliveryStatus": "READ",
                        "dialogId": conversation,
                    }
                ],
                "agentParticipants": [agent],
                "agentParticipantsLeave": [],
                "agentParticipantsActive": [agent],
                "consumerParticipants": [
                    {
                        "participantId": CONSUMER,
                        "firstName": "Kim",
                        "lastName": "",
                        "token": "",
                        "email": "kim@example.test",
                        "phone": "",
                        "avatarURL": "",
                        "time": _TIME,
                        "timeL": 1_700_000_000_000,
                        "joinTime": _TIME,
                        "joinTimeL": 1_700_000_000_000,
                        "consumerName": "Kim",
                        "dialogId": conversation,
                    }
                ],
                "transfers": [],
                "messageScores": [],
            }
        ],
    }


async def test_an_open_conversation_lasts_until_now_and_waits_in_the_queue(past: Past) -> None:
    conversation = await past.stage.open()
    past.stage.clock.advance(seconds=90)
    info = (await past.record(conversation, contentToRetrieve=[]))["info"]
    assert (info["status"], info["duration"], info["latestQueueState"]) == ("OPEN", 90_000, "IN_QUEUE")
    assert {"endTime", "latestAgentId", "closeReason"}.isdisjoint(info)
    assert info["agentDeleted"] is False


async def test_only_what_is_asked_for_is_retrieved(past: Past) -> None:
    conversation = await past.stage.open()
    assert set(await past.record(conversation, contentToRetrieve=[])) == {"info"}
    assert set(await past.record(conversation, contentToRetrieve=["transfers", "intents"])) == {"info", "transfers"}
    by_default = await past.record(conversation)
    assert {"messageRecords", "interactions", "summary", "sdes"} < set(by_default)
    assert {"dialogs", "skillChanges"}.isdisjoint(by_default)


async def test_a_conversation_that_is_unknown_is_an_empty_list(past: Past) -> None:
    for conversation in (unknown_id(), "none", "\x00"):
        answered = await past.call("/conversations/conversation/search", {"conversationId": conversation})
        assert answered.status == 200
        assert (answered.body["conversationHistoryRecords"], answered.body["_metadata"]["count"]) == ([], 0)


async def test_files_structured_content_and_metadata_are_shown(past: Past) -> None:
    stage = past.stage
    conversation = await stage.open()
    path = await upload(stage, picture())
    await stage.publish(conversation, file_event(path, caption="shoes", preview="data:"))
    rich = {"type": "text", "text": "now on sale"}
    reply = {"type": "button", "title": "Yes", "click": {"actions": [{"type": "publishText", "text": "yes"}]}}
    quick = {"type": "quickReplies", "itemsPerRow": 8, "replies": [reply]}
    await stage.publish(conversation, {"type": "RichContentEvent", "content": rich, "quickReplies": quick})
    event = {
        "kind": "req",
        "id": "1",
        "type": "ms.PublishEvent",
        "body": {"dialogId": conversation, "event": text("hi")},
        "metadata": [{"type": "ActionReason", "reason": "asked"}, {"type": "Other", "x": 1}],
    }
    await stage.post("/send", event)
    records = (await past.record(conversation))["messageRecords"]
    assert [(one["type"], one["messageData"]) for one in records] == [
        (
            "HOSTED_FILE",
            {"file": {"relativePath": path, "fileType": "PNG", "caption": "shoes", "preview": "data:"}},
        ),
        (
            "RICH_CONTENT",
            {
                "richContent": {"content": '{"type":"text","text":"now on sale"}'},
                "quickReplies": {"content": msgspec.json.encode(quick).decode()},
            },
        ),
        ("TEXT_PLAIN", {"msg": {"text": "hi"}}),
    ]
    assert records[2]["contextData"] == {
        "rawMetadata": '[{"type":"ActionReason","reason":"asked"},{"type":"Other","x":1}]',
        "structuredMetadata": [{"actionReason": {"reason": "asked"}}],
    }


async def test_the_campaign_is_that_of_the_opening(past: Past) -> None:
    body = {
        "brandId": ACCOUNT,
        "campaignInfo": {"campaignId": 11, "engagementId": 12},
        "conversationContext": {"type": "SharkContext"},
    }
    batch = [{"kind": "req", "id": "1", "type": "cm.ConsumerRequestConversation", "body": body}]
    conversation = (await past.stage.post("", batch)).body[0]["body"]["conversationId"]
    found = await past.record(conversation)
    assert (found["campaign"]["campaignId"], found["campaign"]["campaignEngagementId"]) == ("11", "12")
    assert found["info"]["source"] == "SHARK"


async def test_transfers_say_from_whom_to_whom_and_why(past: Past) -> None:
    conversation = await past.stage.open()
    bob, cyd = await past.pid("bob"), await past.pid("cyd")
    leave = RemoveParticipant(bob, Role.ASSIGNED_AGENT)
    await past.do(conversation, AddParticipant(bob, Role.ASSIGNED_AGENT), by="bob")
    await past.do(conversation, leave, SetSkill("7"), by="bob")
    await past.do(conversation, AddParticipant(bob, Role.ASSIGNED_AGENT), by="bob")
    await past.do(conversation, leave, SuggestAgent(cyd), by="bob")
    await past.do(conversation, WithdrawSuggestion(cyd))
    await past.do(conversation, AddParticipant(cyd, Role.ASSIGNED_AGENT), by="cyd")
    await past.do(conversation, RemoveParticipant(cyd), by="cyd")
    await past.do(conversation, AddParticipant(cyd, Role.ASSIGNED_AGENT), by="cyd")
    take_over = (RemoveParticipant(cyd), AddParticipant(await past.pid("ada"), Role.ASSIGNED_AGENT))
    await past.do(conversation, *take_over, by="ada", manages=True)
    await past.do(conversation, CloseConversation())
    found = await past.record(conversation, contentToRetrieve=["transfers", "interactions", "skillChanges"])
    named = {await past.number(name): name for name in ("ada", "bob", "cyd")} | {"SYSTEM": "SYSTEM", "null": "null"}

    def short(one: dict[str, Any]) -> tuple[Any, ...]:
        return (
            one["reason"],
            named[one["by"]],
            named[one["sourceAgentId"]],
            named[one["assignedAgentId"]],
            one["sourceSkillId"],
            one["targetSkillId"],
        )

    assert [short(one) for one in found["transfers"]] == [
        ("Skill", "bob", "bob", "null", -1, 7),
        ("Agent", "bob", "bob", "cyd", 7, 7),
        ("SuggestedAgentTimeout", "SYSTEM", "cyd", "null", 7, 7),
        ("back2Q", "cyd", "cyd", "null", 7, 7),
        ("TakeOver", "ada", "cyd", "ada", 7, 7),
    ]
    assert found["info"]["latestAgentLoginName"] == "ada"
    assert [named[one["assignedAgentId"]] for one in found["interactions"]] == ["bob", "bob", "cyd", "cyd", "ada"]
    [change] = found["skillChanges"]
    assert (change["previousSkillId"], change["newSkillId"]) == (-1, 7)


async def test_skills_have_their_names(past: Past) -> None:
    conversation = await past.stage.open()
    await past.do(conversation, SetSkill("7"))

    async def name(tx: Tx) -> None:
        row: dict[str, Value] = {"skill_id": "7", "name": "Shoes", "name_key": "shoes", "description": ""}
        await tx.insert(skills, {"account_id": ACCOUNT, "created_at": 1, **row})

    assert (await past.record(conversation))["info"]["latestSkillName"] == "7"
    await past.stage.db.write(name)
    info = (await past.record(conversation))["info"]
    assert (info["latestSkillId"], info["latestSkillName"]) == (7, "Shoes")


async def test_history_equals_what_was_published(past: Past) -> None:
    """Every stored event of every dialog is there, as connectors were told of it, and nothing else."""
    stage = past.stage
    conversations = [await stage.open() for _ in range(3)]
    for number in range(60):
        conversation = conversations[number % 3]
        stage.clock.advance(ms=7)
        if number % 5 == 4:
            receipt = {"type": "AcceptStatusEvent", "status": "ACCEPT", "sequenceList": [0, 1][: number // 30 + 1]}
            await stage.publish(conversation, receipt)
        else:
            await stage.say(conversation, f"message {number}")
    told: dict[str, list[Any]] = {one: [] for one in conversations}
    for change in stage.webhooks.changes():
        if "event" in change:
            told[change["conversationId"]].append(change)
    for conversation in conversations:
        record = await past.record(conversation)
        said = [one for one in told[conversation] if one["event"]["type"] == "ContentEvent"]
        seen = [one for one in told[conversation] if one["event"]["type"] == "AcceptStatusEvent"]
        assert [
            (one["seq"], one["timeL"], one["participantId"], one["messageData"]["msg"]["text"])
            for one in record["messageRecords"]
        ] == [(one["sequence"], one["serverTimestamp"], one["originatorId"], one["event"]["message"]) for one in said]
        assert [(one["seq"], one["timeL"], one["messageDeliveryStatus"]) for one in record["messageStatuses"]] == [
            (sequence, one["serverTimestamp"], one["event"]["status"])
            for one in seen
            for sequence in one["event"]["sequenceList"]
        ]
        assert len(said) + len(seen) == 20
