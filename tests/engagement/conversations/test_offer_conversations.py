"""Conversations that begin with offers."""

from typing import Any

import msgspec

from support.consumer_socket import serve_consumers
from support.messaging_stage import APP, CONSUMER, OTHER_APP
from support.monitoring_stage import campaign, offer
from support.offers_stage import ACCOUNT, OffersStage
from switchbay.engagement.domain.conditions import PurchaseTotal
from switchbay.engagement.domain.published import PublishedGoal
from switchbay.messaging.history.domain.transcript import Transcript
from switchbay.messaging.history.wire.people import Agents
from switchbay.messaging.history.wire.records import record

KIM = {"iss": "https://login.example.com", "acr": "loa1", "sub": "kim@example.com"}
DAY_MS = 86_400_000


def told(stage: OffersStage) -> dict[str, Any]:
    """The newest conversation as webhooks show it."""
    changed = [change["result"] for change in stage.talk.webhooks.changes() if "result" in change]
    details: dict[str, Any] = changed[-1]["conversationDetails"]
    return details


async def test_an_offer_is_taken_up_with_the_conversation(stage: OffersStage) -> None:
    stage.publish(offer(skill_id=12, language="de-DE"))
    offered = await stage.offer()
    conversation = await stage.open(offered.opening())
    context = await stage.context(offered)
    assert (context.interacted, context.conversation_id) == (stage.talk.clock.now_ms(), conversation)
    assert await stage.counted() == {"offered": 1, "conversations": 1}
    details = told(stage)
    assert (details["skillId"], details["context"]["lang"]) == ("12", "de-DE")
    assert details["campaignInfo"] == {"campaignId": 1, "engagementId": 10}


async def test_what_the_request_names_goes_before_what_the_engagement_says(stage: OffersStage) -> None:
    stage.publish(offer(skill_id=12, language="de-DE"))
    offered = await stage.offer()
    await stage.open({**offered.opening(lang="fr-FR"), "skillId": 7})
    assert (told(stage)["skillId"], told(stage)["context"]["lang"]) == ("7", "fr-FR")


async def test_history_has_the_names_of_campaign_and_engagement(stage: OffersStage) -> None:
    stage.publish(offer())
    conversation = await stage.open((await stage.offer()).opening())
    stage.publish()
    kept = await stage.talk.messaging.get_conversation(ACCOUNT, conversation)
    shown: Any = record(Transcript(kept, {}, (), ()), Agents({}, {}), {"campaign"}, stage.talk.clock.now_ms())
    assert shown["campaign"] == {
        "campaignEngagementId": "10",
        "campaignEngagementName": "engagement 10",
        "campaignId": "1",
        "campaignName": "campaign 1",
        "engagementSource": "",
    }


async def test_everybody_whom_the_session_named_gets_the_conversation_until_it_is_closed(stage: OffersStage) -> None:
    stage.publish(offer())
    offered = await stage.offer(identities=[KIM])
    conversation = await stage.open(offered.opening())
    expected = {
        "status": "conversation",
        "conversationId": conversation,
        "campaignId": 1,
        "engagementId": 10,
        "engagementRevision": 3,
        "connectorId": 77,
    }
    for sub in (KIM["sub"], CONSUMER):
        elsewhere = await stage.engage(identities=[{"acr": "0", "sub": sub}])
        assert elsewhere["engagementDetails"] == [expected]
    assert (await stage.engage(offered.session))["engagementDetails"] == [{**expected}]
    assert (await stage.talk.close(conversation)).status == 200
    again = await stage.engage(identities=[KIM])
    assert again["engagementDetails"][0]["status"] == "expose"


async def test_a_conversation_without_an_offer_keeps_offers_from_its_consumer(stage: OffersStage) -> None:
    stage.publish(offer())
    conversation = await stage.talk.open()
    answer = await stage.engage(identities=[{"acr": "0", "sub": CONSUMER}])
    assert answer["engagementDetails"] == [{"status": "conversation", "conversationId": conversation}]


async def test_a_repeated_request_counts_once(stage: OffersStage) -> None:
    stage.publish(offer())
    offered = await stage.offer()
    opened = [await stage.open(offered.opening(), idempotency_key="k-1") for _ in range(2)]
    assert opened[0] == opened[1]
    assert (await stage.counted())["conversations"] == 1


async def test_a_second_conversation_from_the_same_offer_is_not_counted(stage: OffersStage) -> None:
    stage.publish(offer())
    offered = await stage.offer()
    first = await stage.open(offered.opening())
    await stage.open(offered.opening(), consumer="other-consumer")
    assert (await stage.context(offered)).conversation_id == first
    assert (await stage.counted())["conversations"] == 1


async def test_who_names_an_offer_that_was_not_made_may_talk_and_counts_for_nothing(stage: OffersStage) -> None:
    stage.publish(offer(skill_id=12))
    offered = await stage.offer()
    contexts: list[dict[str, Any]] = [
        {"interactionContextId": "2"},
        {"sessionId": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"visitorId": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"visitorId": "a\u0000b"},
        {"visitorId": ["x"]},
        {"sessionId": ""},
        {"type": "CustomContext"},
    ]
    for context in contexts:
        await stage.open(offered.opening(**context))
        assert told(stage)["skillId"] == "12", context
    assert (await stage.context(offered)).interacted is None
    assert await stage.counted() == {"offered": 1}


async def test_other_campaigns_are_passed_on_as_they_came(stage: OffersStage) -> None:
    stage.publish(offer(skill_id=12))
    offered = await stage.offer()
    for info in (
        {"campaignId": 2, "engagementId": 10},
        {"campaignId": 1, "engagementId": 11},
        {"campaignId": "1e0", "engagementId": 10},
        {"campaignId": True, "engagementId": 10},
        {"campaignId": 10**40, "engagementId": -1},
        {},
    ):
        await stage.open({**offered.opening(), "campaignInfo": info})
        assert (told(stage)["skillId"], told(stage)["campaignInfo"]) == ("-1", info)
    assert await stage.counted() == {"offered": 1}


async def test_an_offer_of_another_app_is_not_its_own(stage: OffersStage) -> None:
    assert OTHER_APP != APP
    stage.publish(offer(skill_id=12))
    offered = await stage.offer()
    await stage.open(offered.opening(), app="other-app")
    assert told(stage)["skillId"] == "-1"
    assert (await stage.context(offered)).interacted is None


async def test_consumers_who_come_by_themselves_take_up_offers_of_any_app(stage: OffersStage) -> None:
    stage.publish(offer(skill_id=12))
    offered = await stage.offer()
    async with serve_consumers(stage.talk) as consumers, consumers.connect() as socket:
        conversation = await socket.open(**offered.opening())
    assert (told(stage)["skillId"], told(stage)["campaignInfo"]["engagementId"]) == ("12", 10)
    assert (await stage.context(offered)).conversation_id == conversation


async def test_ids_may_be_strings(stage: OffersStage) -> None:
    stage.publish(offer())
    offered = await stage.offer()
    body = offered.opening()
    body["campaignInfo"] = {name: str(value) for name, value in body["campaignInfo"].items()}
    conversation = await stage.open(body)
    assert (await stage.context(offered)).conversation_id == conversation


async def test_a_session_that_is_over_still_has_its_offer(stage: OffersStage) -> None:
    stage.publish(offer())
    offered = await stage.offer()
    stage.talk.clock.advance(seconds=3_600)
    conversation = await stage.open(offered.opening())
    assert (await stage.context(offered)).conversation_id == conversation


async def test_nothing_is_marked_or_counted_when_the_conversation_is_not_stored(stage: OffersStage) -> None:
    stage.publish(offer())
    offered = await stage.offer()
    stage.talk.webhooks.failure = LookupError()
    body = [{"kind": "req", "id": 1, "type": "cm.ConsumerRequestConversation", "body": offered.opening()}]
    assert (await stage.talk.post("", body)).status == 500
    assert (await stage.context(offered)).interacted is None
    assert await stage.counted() == {"offered": 1}


async def test_each_impression_of_an_offer_is_counted_once(stage: OffersStage) -> None:
    stage.publish(offer())
    offered = await stage.offer()
    for kind in ("impDisplay", "impDisplay", "impAccept", "impAccept", "impClose", "impClose"):
        await stage.report(offered.session, offered.impression(kind))
    assert await stage.counted() == {"offered": 1, "displayed": 1, "accepted": 1, "closed": 1}


async def test_a_conversion_is_counted_within_its_days_even_in_a_later_session(stage: OffersStage) -> None:
    goal = PublishedGoal(id=5, revision=1, conditions=(PurchaseTotal(),), once_per_visit=False, conversion_days=3)
    stage.publish(offer(campaign=campaign(goal=goal)))
    offered = await stage.offer()
    await stage.open(offered.opening())
    visitor = {"vid": offered.session["vid"]}
    for day, order, expected in ((2, "a", 1), (2, "a", 1), (4, "b", 1)):
        stage.talk.clock.at_ms = max(stage.talk.clock.at_ms, offered_at(stage) + day * DAY_MS)
        session = await stage.engage(visitor)
        visitor["sid"] = session["sessionId"]
        await stage.report(visitor, {"type": "purchase", "total": 20.0, "orderId": order})
        assert (await stage.counted())["conversions"] == expected, day
    assert (await stage.counted())["conversion_value"] == 20.0


def offered_at(stage: OffersStage) -> int:
    """When the first conversation was opened."""
    change = msgspec.json.decode(stage.talk.webhooks.seen[0].body)["body"]["changes"][0]
    return int(change["result"]["conversationDetails"]["startTs"])
