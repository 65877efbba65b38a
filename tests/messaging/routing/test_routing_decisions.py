"""The rules of routing: who is offered what, who may answer, when a transfer rings."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from switchbay.messaging.routing.domain import (
    Agent,
    Availability,
    Candidate,
    Matching,
    Offer,
    Ring,
    RingAnswer,
    RingRefusal,
    RingState,
    RoutingItem,
    Suggestion,
    Waiting,
    after_state_set,
    answered,
    changes_of,
    judge_suggestion,
    match,
    state_change_of,
)

NOW = 1_700_000_000_000
SKILLS = ["-1", "7", "8", "9"]


def offered(waiting: list[Waiting], *candidates: Candidate) -> list[tuple[str, str]]:
    return [(one.conversation_id, one.user_pid) for one in match(waiting, candidates, {}, NOW).offers]


def test_the_one_who_should_be_answered_first_is_offered_first() -> None:
    waiting = [Waiting("normal", "-1", 900), Waiting("urgent", "-1", 300), Waiting("later", "-1", 901)]
    assert offered(waiting, Candidate("a", load=0, capacity=2)) == [("urgent", "a"), ("normal", "a")]


def test_of_the_same_weight_the_ids_decide() -> None:
    waiting = [Waiting("b", "-1", 1), Waiting("a", "-1", 1)]
    assert offered(waiting, Candidate("x", load=0, capacity=1)) == [("a", "x")]


def test_the_agent_with_the_fewest_conversations_gets_it_then_the_longest_idle_then_the_lower_id() -> None:
    waiting = [Waiting(name, "-1", place) for place, name in enumerate("stuvw")]
    agents = (
        Candidate("d", load=0, capacity=1, rung_at=50),
        Candidate("c", load=0, capacity=1, rung_at=50),
        Candidate("b", load=0, capacity=1, rung_at=40),
        Candidate("a", load=1, capacity=2, rung_at=10),
    )
    assert offered(waiting, *agents) == [("s", "b"), ("t", "c"), ("u", "d"), ("v", "a")]


def test_a_skill_goes_to_those_who_have_it_or_have_none() -> None:
    skilled = Candidate("skilled", load=5, capacity=9, skills=frozenset({"7"}))
    other = Candidate("other", load=0, capacity=9, skills=frozenset({"8"}))
    plain = Candidate("plain", load=6, capacity=9)
    assert offered([Waiting("c", "7", 1)], skilled, other) == [("c", "skilled")]
    assert offered([Waiting("c", "9", 1)], skilled, other) == []
    assert offered([Waiting("c", "9", 1)], skilled, other, plain) == [("c", "plain")]
    assert offered([Waiting("c", "-1", 1)], skilled, other, plain) == [("c", "other")]


def test_who_did_not_take_it_pauses_and_the_end_of_the_pause_is_told() -> None:
    waiting, agents = [Waiting("c", "-1", 1)], [Candidate("a", load=0, capacity=1), Candidate("b", load=1, capacity=2)]
    one_pauses = match(waiting, agents, {("c", "a"): NOW + 30}, NOW)
    assert (one_pauses.offers, one_pauses.retry_at) == ((Offer("c", "b"),), None)
    both_pause = match(waiting, agents, {("c", "a"): NOW + 30, ("c", "b"): NOW + 20}, NOW)
    assert (both_pause.offers, both_pause.retry_at) == ((), NOW + 20)
    assert match(waiting, agents, {("c", "a"): NOW}, NOW).offers == (Offer("c", "a"),)


waiting_lists = st.lists(
    st.builds(Waiting, st.integers(0, 30).map(str), st.sampled_from(SKILLS), st.integers(0, 5)),
    max_size=20,
    unique_by=lambda one: one.conversation_id,
)
candidate_lists = st.lists(
    st.builds(
        Candidate,
        st.sampled_from("abcdef"),
        st.integers(0, 4),
        st.integers(0, 5),
        st.integers(0, 3),
        st.frozensets(st.sampled_from(SKILLS[1:])),
    ),
    max_size=6,
    unique_by=lambda one: one.user_pid,
)
pause_maps = st.dictionaries(
    st.tuples(st.integers(0, 30).map(str), st.sampled_from("abcdef")), st.integers(NOW - 2, NOW + 2), max_size=20
)


@given(waiting_lists, candidate_lists, pause_maps)
def test_nobody_is_over_capacity_nothing_rings_twice_and_the_smallest_weight_is_first_among_eligible(
    waiting: list[Waiting], candidates: list[Candidate], pauses: dict[tuple[str, str], int]
) -> None:
    matching = match(waiting, candidates, pauses, NOW)
    agents = {one.user_pid: one for one in candidates}
    conversations = {one.conversation_id: one for one in waiting}

    def may(conversation: Waiting, agent: Candidate) -> bool:
        return (
            agent.takes(conversation.skill_id) and pauses.get((conversation.conversation_id, agent.user_pid), 0) <= NOW
        )

    rung = [offer.conversation_id for offer in matching.offers]
    assert len(rung) == len(set(rung))
    for offer in matching.offers:
        conversation, agent = conversations[offer.conversation_id], agents[offer.user_pid]
        assert may(conversation, agent)
        for other in waiting:  # nobody who should be answered earlier was passed over for this agent
            if other.conversation_id not in rung and may(other, agent):
                assert (other.weight, other.conversation_id) > (conversation.weight, conversation.conversation_id)
    for after in matching.candidates:
        given_now = sum(offer.user_pid == after.user_pid for offer in matching.offers)
        before = agents[after.user_pid]
        assert after.load == before.load + given_now
        assert given_now == 0 or after.load <= after.capacity
    for other in waiting:  # what is left over is left over for a reason
        if other.conversation_id not in rung:
            assert not any(one.is_free and may(other, one) for one in matching.candidates)
    assert match(list(reversed(waiting)), list(reversed(candidates)), pauses, NOW).offers == matching.offers


def test_nothing_is_offered_when_nobody_is_free() -> None:
    full = Candidate("a", load=1, capacity=1)
    assert match([Waiting("c", "-1", 1)], [full], {}, NOW) == Matching((), (full,), None)


RING = Ring("1", "r", "t", "c", "kim", "-1", "a", RingState.WAITING, False, 5, NOW, NOW + 72_000)


def test_an_agent_answers_their_own_ring_in_time() -> None:
    taken = answered(RING, "c", RingAnswer("r", RingState.ACCEPTED, "a"), NOW + 71_999)
    assert taken == replace(RING, state=RingState.ACCEPTED, ended_at=NOW + 71_999)


@pytest.mark.parametrize(
    ("ring", "conversation", "by", "at", "why"),
    [
        (None, "c", "a", NOW, RingRefusal.UNKNOWN),
        (RING, "other", "a", NOW, RingRefusal.UNKNOWN),
        (RING, "c", "b", NOW, RingRefusal.FOREIGN),
        (RING, "c", "a", NOW + 72_000, RingRefusal.ENDED),
        (replace(RING, state=RingState.CANCELLED), "c", "a", NOW, RingRefusal.ENDED),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(
    ring: Ring | None, conversation: str, by: str, at: int, why: RingRefusal
) -> None:
    assert answered(ring, conversation, RingAnswer("r", RingState.ACCEPTED, by), at) is why


def test_the_platform_ends_a_ring_after_its_time() -> None:
    ended = answered(RING, "c", RingAnswer("r", RingState.EXPIRED), NOW + 90_000)
    assert ended == replace(RING, state=RingState.EXPIRED, ended_at=NOW + 90_000)


def test_an_end_is_told_as_a_state_and_then_as_a_task_that_is_gone() -> None:
    told = [(change.type, change.task.rings[0].state, change.task.is_completed) for change in changes_of(RING)]
    assert told == [("UPSERT", "WAITING", False)]
    accepted = changes_of(replace(RING, state=RingState.ACCEPTED, ended_at=NOW))
    told = [(change.type, change.task.rings[0].state, change.task.is_completed) for change in accepted]
    assert told == [("UPSERT", "ACCEPTED", True), ("DELETE", "ACCEPTED", True)]


def test_what_agents_are_told_survives_the_way_through_json() -> None:
    told: list[RoutingItem] = [*changes_of(RING), state_change_of(Agent("1", "a", Availability.AWAY))]
    sent = msgspec.json.encode(told)
    assert msgspec.json.decode(sent, type=list[RoutingItem]) == told


HERE = Agent("1", "a", Availability.ONLINE, is_connected=True)
LOST = replace(HERE, is_connected=False, leaves_at=NOW + 10)


@pytest.mark.parametrize(
    ("agent", "judged"),
    [
        (HERE, Suggestion.RING),
        (replace(HERE, availability=Availability.OCCUPIED), Suggestion.RING),
        (replace(HERE, availability=Availability.AWAY), Suggestion.WITHDRAW),
        (replace(HERE, availability=Availability.OFFLINE), Suggestion.WITHDRAW),
        (LOST, Suggestion.WAIT),
        (replace(LOST, leaves_at=NOW), Suggestion.WITHDRAW),
        (None, Suggestion.WITHDRAW),
    ],
)
def test_a_transfer_to_an_agent_rings_waits_or_is_taken_back(agent: Agent | None, judged: Suggestion) -> None:
    assert judge_suggestion(agent, NOW) is judged


def test_saying_the_same_again_changes_nothing() -> None:
    assert after_state_set(HERE, Availability.ONLINE, ("MESSAGING",), "", NOW, 30_000) is HERE


def test_who_comes_online_without_a_socket_has_the_grace_to_open_one() -> None:
    after = after_state_set(Agent("1", "a"), Availability.ONLINE, ("MESSAGING",), "", NOW, 30_000)
    assert (after.availability, after.changed_at, after.leaves_at) == (Availability.ONLINE, NOW, NOW + 30_000)
    connected = after_state_set(HERE, Availability.AWAY, ("MESSAGING",), "lunch", NOW, 30_000)
    assert (connected.availability, connected.description, connected.leaves_at) == (Availability.AWAY, "lunch", None)
