"""Opening a conversation with a batch."""

from typing import Any

from support.messaging_stage import ACCOUNT, APP, CONSUMER, Stage, request, text
from switchbay.accounts.public import OPERATOR, AccountChange

PROFILE = request("userprofile.SetUserProfile", {}, "1,")
OPEN = request("cm.ConsumerRequestConversation", {"brandId": ACCOUNT}, 2)


def first(event: dict[str, Any], **body: Any) -> dict[str, object]:
    return request("ms.PublishEvent", {"dialogId": "", "event": event, **body}, "3")


async def test_the_answers_come_in_the_order_of_the_requests(stage: Stage) -> None:
    answered = await stage.post("", [PROFILE, OPEN, first(text())])
    assert answered.status == 200
    conversation = answered.body[1]["body"]["conversationId"]
    assert answered.body == [
        {"code": "OK", "body": {"msg": "OK User Profile set successfully"}, "reqId": "1,"},
        {"code": "OK", "body": {"conversationId": conversation}, "reqId": 2},
        {"code": "OK", "body": {"sequence": 0}, "reqId": "3"},
    ]
    assert stage.webhooks.keys == [
        "cqm.ExConversationChangeNotification",
        "ms.MessagingEventNotification.ContentEvent",
    ]
    assert {(one.owner_id, one.lane) for one in stage.webhooks.seen} == {(APP, conversation)}
    assert await stage.rows() == {"conversations": 1, "events": 1, "consumers": 1, "idempotency": 0}


async def test_a_batch_may_be_the_conversation_alone(stage: Stage) -> None:
    answered = await stage.post("", [OPEN])
    assert [one["reqId"] for one in answered.body] == [2]


async def test_an_account_with_messaging_off_opens_nothing_and_lets_open_conversations_go_on(stage: Stage) -> None:
    conversation = (await stage.post("", [OPEN])).body[0]["body"]["conversationId"]
    await stage.accounts.update_account(ACCOUNT, AccountChange(messaging_enabled=False), OPERATOR)
    refused = await stage.post("", [OPEN])
    assert (refused.status, refused.body["body"]["errorCode"]) == (403, 40303)
    said = await stage.post("/send", request("ms.PublishEvent", {"dialogId": conversation, "event": text()}))
    assert said.status == 200
    assert (await stage.rows())["conversations"] == 1


async def test_the_notification_of_a_new_conversation_tells_all_of_it(stage: Stage) -> None:
    body = {
        "brandId": ACCOUNT,
        "ttrDefName": "URGENT",
        "channelType": "MESSAGING",
        "skillId": 12,
        "campaignInfo": {"campaignId": 99, "engagementId": "7"},
        "conversationContext": {"type": "SharkContext", "lang": "en-US"},
    }
    properties = '{"type":".ClientProperties","features":["RICH_CONTENT"]}'
    answered = await stage.post("", [request("cm.ConsumerRequestConversation", body)], client_properties=properties)
    conversation = answered.body[0]["body"]["conversationId"]
    now = stage.clock.at_ms
    assert stage.webhooks.changes() == [
        {
            "type": "UPSERT",
            "result": {
                "convId": conversation,
                "effectiveTTR": now + 300_000,
                "conversationDetails": {
                    "skillId": "12",
                    "participants": [{"id": CONSUMER, "role": "CONSUMER"}],
                    "dialogs": [
                        {
                            "dialogId": conversation,
                            "participantsDetails": [{"id": CONSUMER, "role": "CONSUMER", "state": "ACTIVE"}],
                            "dialogType": "MAIN",
                            "channelType": "MESSAGING",
                            "state": "OPEN",
                            "creationTs": now,
                            "metaDataLastUpdateTs": now,
                        }
                    ],
                    "brandId": ACCOUNT,
                    "state": "OPEN",
                    "stage": "OPEN",
                    "startTs": now,
                    "metaDataLastUpdateTs": now,
                    "firstConversation": True,
                    "campaignInfo": {"campaignId": 99, "engagementId": "7"},
                    "context": {
                        "type": "SharkContext",
                        "lang": "en-US",
                        "clientProperties": {"type": ".ClientProperties", "features": ["RICH_CONTENT"]},
                    },
                    "ttr": {"ttrType": "URGENT", "value": 300},
                },
            },
        }
    ]


async def test_only_the_first_conversation_of_a_consumer_is_the_first(stage: Stage) -> None:
    await stage.open()
    await stage.open(app="other-app")
    await stage.open(consumer="other-consumer")
    details = [change["result"]["conversationDetails"] for change in stage.webhooks.changes()]
    assert [one["firstConversation"] for one in details] == [True, False, True]


async def test_a_profile_alone_does_not_make_the_next_conversation_a_later_one(stage: Stage) -> None:
    await stage.send("userprofile.SetUserProfile", {"firstName": "Kim"})
    await stage.open()
    assert stage.webhooks.changes()[0]["result"]["conversationDetails"]["firstConversation"] is True


async def test_a_consumer_may_have_several_open_conversations(stage: Stage) -> None:
    one, other = await stage.open(), await stage.open()
    assert one != other
    assert [(await stage.say(conversation)).status for conversation in (one, other)] == [200, 200]


async def test_defaults_are_normal_response_time_and_no_skill(stage: Stage) -> None:
    await stage.post("", [request("cm.ConsumerRequestConversation", {"brandId": ACCOUNT, "ttrDefName": None})])
    details = stage.webhooks.changes()[0]["result"]["conversationDetails"]
    assert (details["ttr"], details["skillId"]) == ({"ttrType": "NORMAL", "value": 3600}, "-1")
    assert {"campaignInfo", "context", "endTs", "closeReason"}.isdisjoint(details)


NOTHING = {"conversations": 0, "events": 0, "consumers": 0, "idempotency": 0}


LONG = "y" * 17_000
REFUSED: list[tuple[object, int]] = [
    ([], 40007),
    ([PROFILE], 40007),
    ([OPEN, PROFILE], 40007),
    ([OPEN, OPEN], 40007),
    ([first(text()), OPEN], 40007),
    ([OPEN, first(text()), first(text())], 40007),
    ([OPEN, first(text(), dialogId="5491244f-e462-4c63-bf4e-faf4b2d3e7b5")], 40007),
    (OPEN, 40003),
    (["x"], 40003),
    ([request("cm.ConsumerRequestConversation", {})], 40001),
    ([request("cm.ConsumerRequestConversation", {"brandId": "4711002"})], 40011),
    ([request("cm.ConsumerRequestConversation", {"brandId": ACCOUNT, "channelType": "VOICE"})], 40003),
    ([request("cm.ConsumerRequestConversation", {"brandId": ACCOUNT, "ttrDefName": "SOON"})], 40003),
    ([request("cm.ConsumerRequestConversation", {"brandId": ACCOUNT, "skillId": []})], 40003),
    ([request("cm.ConsumerRequestConversation", {"brandId": ACCOUNT, "campaignInfo": "x"})], 40003),
    ([request("cm.ConsumerRequestConversation", {"brandId": ACCOUNT, "conversationContext": {"x": LONG}})], 41304),
    ([PROFILE, OPEN, first({"type": "ContentEvent", "contentType": "text/plain"})], 40005),
    ([request("userprofile.SetUserProfile", {"x": "y" * 70_000}), OPEN, first(text())], 41303),
    ([PROFILE, OPEN, first({"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]})], 40010),
]


async def test_one_bad_request_refuses_the_whole_batch(stage: Stage) -> None:
    for batch, error in REFUSED:
        answered = await stage.post("", batch)
        assert (answered.status, answered.error) == (error // 100, error), batch
    assert await stage.rows() == NOTHING
    assert stage.webhooks.seen == []


async def test_a_brand_id_may_be_a_number(stage: Stage) -> None:
    answered = await stage.post("", [request("cm.ConsumerRequestConversation", {"brandId": int(ACCOUNT)})])
    assert answered.status == 200


async def test_a_conversation_is_not_opened_through_send(stage: Stage) -> None:
    answered = await stage.send("cm.ConsumerRequestConversation", {"brandId": ACCOUNT})
    assert (answered.status, answered.error) == (400, 40004)
    assert await stage.rows() == NOTHING
