"""The messaging interactions API: which conversations are found, by whom, in which order."""

from typing import Any

from support.history_stage import SINCE, Past
from support.messaging_stage import ACCOUNT, CONSUMER, OTHER, OTHER_CONSUMER
from switchbay.messaging.domain import AddParticipant, RemoveParticipant, Role, SetSkill

_SEARCHES = ["/conversations/search", "/conversations/conversation/search", "/conversations/consumer/search"]
_DAY = 86_400_000


async def _three(past: Past) -> list[str]:
    """Three conversations, each begun a minute after the one before; the second is closed after half a minute."""
    found = []
    for number in range(3):
        found.append(await past.stage.open(consumer="other-consumer" if number == 2 else "consumer"))
        past.stage.clock.advance(seconds=30)
        if number == 1:
            await past.stage.close(found[1])
        past.stage.clock.advance(seconds=30)
    return found


async def test_the_conversations_of_a_consumer_are_found(past: Past) -> None:
    first, second, third = await _three(past)
    bob = await past.pid("bob")
    await past.do(first, AddParticipant(bob, Role.ASSIGNED_AGENT), RemoveParticipant(bob), by="bob")
    body = {"consumer": CONSUMER, "contentToRetrieve": []}
    records = await past.records(body, "/conversations/consumer/search", query="?offset=0&limit=10")
    assert [one["info"]["conversationId"] for one in records] == [second, first]
    info = records[1]["info"]
    assert (info["mcs"], info["latestAgentId"], info["latestSkillId"]) == (50, await past.number("bob"), -1)
    closed = await past.records(body | {"status": ["CLOSE"]}, "/conversations/consumer/search")
    assert [one["info"]["conversationId"] for one in closed] == [second]
    others = await past.records(body | {"consumer": OTHER_CONSUMER}, "/conversations/consumer/search")
    assert [one["info"]["conversationId"] for one in others] == [third]


async def test_several_conversations_are_found_by_their_ids(past: Past) -> None:
    first, _, third = await _three(past)
    body = {"conversationIds": [third, first, third], "contentToRetrieve": []}
    answered = await past.call("/conversations/conversation/search", body)
    ids = [one["info"]["conversationId"] for one in answered.body["conversationHistoryRecords"]]
    assert (ids, answered.body["_metadata"]["count"]) == ([third, first], 2)


_FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({"start": {"from": SINCE, "to": SINCE}}, [0]),
    ({"start": {"from": SINCE + 1, "to": -1}}, [2, 1]),
    ({"start": {"from": str(SINCE), "to": str(SINCE + 60_000)}}, [1, 0]),
    ({"end": {"from": SINCE + 90_000}}, [1]),
    ({"end": {"to": SINCE + 89_999}}, []),
    ({"status": ["OPEN"]}, [2, 0]),
    ({"status": "CLOSE"}, [1]),
    ({"duration": {"from": 30, "to": 30}}, [1]),
    ({"duration": {"from": 31}}, []),
    ({"latestConversationQueueState": "IN_QUEUE"}, [2, 0]),
    ({"latestConversationQueueState": "ACTIVE"}, [1]),
    ({"latestSkillIds": ["8"]}, []),
    ({"agentIds": ["999"]}, []),
    ({"unheardOf": 1}, [2, 1, 0]),
]


async def test_filters(past: Past) -> None:
    ids = await _three(past)
    found = [(filters, await past.found(**filters)) for filters, _ in _FILTERS]
    assert found == [(filters, [ids[place] for place in expected]) for filters, expected in _FILTERS]


async def test_agents_and_skills_of_the_past_and_of_now(past: Past) -> None:
    first, second, third = [await past.stage.open() for _ in range(3)]
    bob, cyd = await past.pid("bob"), await past.pid("cyd")
    for conversation in (first, second):
        await past.do(conversation, AddParticipant(bob, Role.ASSIGNED_AGENT), by="bob")
    await past.do(first, RemoveParticipant(bob), SetSkill("8"), by="bob")
    await past.do(first, AddParticipant(cyd, Role.ASSIGNED_AGENT), SetSkill("9"), by="cyd")
    number = await past.number("bob")
    for name in (number, int(number), f"{ACCOUNT}.{number}", bob):
        assert set(await past.found(agentIds=[name])) == {first, second}
    assert await past.found(latestAgentIds=[number]) == [second]
    assert await past.found(latestAgentIds=[cyd]) == [first]
    assert await past.found(skillIds=[8]) == [first]
    assert await past.found(latestSkillIds=["8"]) == []
    assert await past.found(latestSkillIds=[9]) == [first]
    assert set(await past.found(skillIds=[-1])) == {first, second, third}


async def test_pages_and_orders(past: Past) -> None:
    first, second, third = await _three(past)
    body = {"start": {"from": SINCE}, "contentToRetrieve": []}

    async def page(query: str) -> tuple[int, list[str]]:
        answered = await past.call("/conversations/search", body, query=query)
        ids = [one["info"]["conversationId"] for one in answered.body["conversationHistoryRecords"]]
        return answered.body["_metadata"]["count"], ids

    assert await page("?limit=2") == (3, [third, second])
    assert await page("?limit=2&offset=2") == (3, [first])
    assert await page("?offset=3") == (3, [])
    assert await page("?sort=start:asc") == (3, [first, second, third])
    assert (await page("?sort=end:asc"))[1][0] == second
    assert (await page("?limit=100000"))[0] == 3


async def test_a_keyword_finds_the_conversations_where_it_was_said(past: Past) -> None:
    first, second = await past.stage.open(), await past.stage.open()
    await past.stage.say(first, "about my Bonus please")
    await past.stage.say(second, "nothing")
    assert await past.found(keyword="bonus") == []  # not indexed yet
    await past.index()
    assert await past.found(keyword="bonus") == [first]
    assert await past.found(keyword='"bonus please"') == [first]
    assert await past.found(keyword='"please bonus"') == []
    assert await past.found(keyword="bonus", start={"from": SINCE + 1}) == []


_REFUSED: list[tuple[str, object, str]] = [
    ("/conversations/search", {}, "invalid_body"),
    ("/conversations/search", {"start": {}}, "parameter_missing"),
    ("/conversations/search", {"start": {"from": SINCE - 94 * _DAY}}, "time_range_invalid"),
    ("/conversations/search", {"start": {"from": "x"}}, "parameter_invalid"),
    ("/conversations/search", {"start": {"from": SINCE}, "mcs": {"from": 1}}, "filter_unsupported"),
    ("/conversations/search", {"start": {"from": SINCE}, "keyword": "!"}, "search_invalid"),
    ("/conversations/search", {"start": {"from": SINCE}, "agentIds": ["\x00"]}, "parameter_invalid"),
    ("/conversations/search", {"start": {"from": SINCE}, "status": ["LOCKED"]}, "invalid_body"),
    ("/conversations/search", {"start": {"from": SINCE}, "skillIds": ["1"] * 101}, "invalid_body"),
    ("/conversations/conversation/search", {}, "parameter_missing"),
    ("/conversations/conversation/search", {"conversationIds": ["x"] * 101}, "invalid_body"),
    ("/conversations/consumer/search", {}, "invalid_body"),
    ("/conversations/consumer/search", {"consumer": "a\x00"}, "parameter_invalid"),
    ("/conversations/consumer/search", b"{", "malformed_json"),
    ("/agent-view/status", {"agentIds": "1"}, "invalid_body"),
]


async def test_what_cannot_be_answered_is_refused(past: Past) -> None:
    for path, body, code in _REFUSED:
        answered = await past.call(path, body)
        assert (answered.status, answered.body["error"]["code"]) == (400, code), (path, body)


async def test_parameters_that_make_no_sense_are_refused(past: Past) -> None:
    for query in ("?offset=-1", "?offset=10001", "?limit=x", "?sort=mcs", "?sort=start:up"):
        answered = await past.call("/conversations/search", {"start": {"from": SINCE}}, query=query)
        assert (answered.status, answered.body["error"]["code"]) == (400, "parameter_invalid"), query


async def test_only_those_who_answer_consumers_may_look(past: Past) -> None:
    conversation = await past.stage.open()
    body = {"conversationId": conversation, "consumer": CONSUMER, "start": {"from": SINCE}}
    for path in [*_SEARCHES, "/agent-view/status"]:
        assert (await past.call(path, body, user=None)).status == 401
        assert (await past.call(path, body, user="dev")).status == 403
        assert (await past.call(path, body, account=OTHER)).status == 401
        assert (await past.call(path, body, user="bob")).status == 200
        assert (await past.call(path, b" " * 70_000)).status == 413


async def test_agents_are_online_or_not(past: Past) -> None:
    bob = await past.number("bob")
    past.states.known = {await past.pid("bob"): "ONLINE", await past.pid("cyd"): "AWAY"}
    answered = await past.call("/agent-view/status", {"agentIds": [bob]})
    [shown] = answered.body["agentStatusRecords"]
    assert (shown["agentId"], shown["currentStatus"], shown["agentLoginName"]) == (bob, "ONLINE", "bob")
    [offline] = (await past.call("/agent-view/status", {"agentIds": [await past.number("ada")]})).body[
        "agentStatusRecords"
    ]
    assert offline["currentStatus"] == "OFFLINE"
    everybody = (await past.call("/agent-view/status", b"")).body["agentStatusRecords"]
    assert {one["agentLoginName"]: one["currentStatus"] for one in everybody} == {"bob": "ONLINE", "cyd": "AWAY"}
    assert (await past.call("/agent-view/status", {"agentIds": ["999"]})).body["agentStatusRecords"] == []
