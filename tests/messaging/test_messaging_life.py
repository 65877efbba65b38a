"""The life of a conversation, rule by rule: transfers, take-over, survey, due times, ratings, what is kept of it."""

from typing import Any

import pytest

from switchbay.messaging.domain import (
    Accepted,
    AddParticipant,
    AgentCaller,
    Audience,
    Caller,
    Changed,
    CloseConversation,
    CloseDialog,
    CloseSilent,
    ConsumerCaller,
    Conversation,
    Csat,
    Delay,
    DescribeDialog,
    Event,
    EventKind,
    MoveKind,
    Open,
    OpenDialog,
    Participant,
    Publish,
    Published,
    Rate,
    Reason,
    Refused,
    RemoveParticipant,
    Role,
    SetFact,
    SetSkill,
    SetTtr,
    Step,
    SuggestAgent,
    Survey,
    SystemCaller,
    WithdrawSuggestion,
    decide,
)
from switchbay.messaging.domain.closing import overdue
from switchbay.messaging.domain.decide import opened
from switchbay.messaging.domain.state import NOTHING_DUE, DialogKind

NOW = 1_700_000_000_000
ID, SURVEY, AGENTS = "main", "survey", "agents"
CONSUMER = ConsumerCaller("app", "kim")
BOB, CYD, EVE = AgentCaller("bob"), AgentCaller("cyd"), AgentCaller("eve", may_manage=True)
SYSTEM = SystemCaller()
TEXT = Event(EventKind.CONTENT, "{}")
JOIN_BOB = AddParticipant("bob", Role.ASSIGNED_AGENT)


def begun() -> Conversation:
    return opened(Open("-1", "NORMAL", 600), CONSUMER, "4711001", ID, "{}", NOW).conversation


def accept(before: Conversation, caller: Caller, *steps: Step, now: int = NOW) -> Accepted:
    decision = decide(before, caller, steps, now)
    assert isinstance(decision, Accepted), decision
    return decision


def take(before: Conversation, caller: Caller, *steps: Step, now: int = NOW) -> Conversation:
    return accept(before, caller, *steps, now=now).conversation


def refuse(before: Conversation, caller: Caller, *steps: Step) -> Reason:
    decision = decide(before, caller, steps, NOW)
    assert isinstance(decision, Refused), decision
    return decision.reason


@pytest.fixture
def with_bob() -> Conversation:
    return take(begun(), BOB, JOIN_BOB)


@pytest.fixture
def surveyed(with_bob: Conversation) -> Conversation:
    return take(with_bob, CONSUMER, CloseDialog(ID, "bye", Survey(SURVEY, "bot-app")))


# Transfers


def test_back_to_the_queue_is_one_change_with_the_new_skill(with_bob: Conversation) -> None:
    done = accept(with_bob, BOB, RemoveParticipant("bob", Role.ASSIGNED_AGENT), SetSkill("7"))
    assert done.emitted == (Changed(done.conversation),)
    assert (done.conversation.skill_id, done.conversation.is_waiting) == ("7", True)
    assert [(one.kind, one.participant_id, one.before, one.after) for one in done.moves] == [
        (MoveKind.LEFT, "bob", None, None),
        (MoveKind.SKILL, None, "-1", "7"),
    ]


def test_the_order_of_the_parts_of_a_transfer_does_not_matter(with_bob: Conversation) -> None:
    done = take(with_bob, BOB, SetSkill("7"), RemoveParticipant("bob", Role.ASSIGNED_AGENT))
    assert (done.skill_id, done.assigned) == ("7", None)


def test_a_transfer_without_an_assigned_agent_fails_as_a_whole() -> None:
    steps = (RemoveParticipant("bob", Role.ASSIGNED_AGENT), SetSkill("7"))
    assert refuse(begun(), BOB, *steps) is Reason.AGENT_ABSENT


def test_who_is_not_in_a_conversation_does_not_say_where_it_goes(with_bob: Conversation) -> None:
    assert refuse(with_bob, CYD, SetSkill("7")) is Reason.PARTICIPANT_MISSING
    assert refuse(with_bob, CONSUMER, SetSkill("7")) is Reason.CHANGE_NOT_ALLOWED


def test_a_transfer_to_an_agent_suggests_it_without_letting_them_in(with_bob: Conversation) -> None:
    remove = RemoveParticipant("bob", Role.ASSIGNED_AGENT)
    done = take(with_bob, BOB, remove, SuggestAgent("cyd"), SetSkill("7"))
    assert done.suggested == Participant("cyd", Role.ASSIGNED_AGENT, "SUGGESTED")
    assert (done.assigned, done.main.role_of("cyd"), done.is_waiting) == (None, None, True)
    assert refuse(done, CYD, Publish("", TEXT)) is Reason.PARTICIPANT_MISSING


def test_only_the_suggested_agent_takes_what_is_suggested(with_bob: Conversation) -> None:
    offered = take(with_bob, BOB, RemoveParticipant("bob"), SuggestAgent("cyd"))
    assert refuse(offered, AgentCaller("dan"), AddParticipant("dan", Role.ASSIGNED_AGENT)) is Reason.CONVERSATION_TAKEN
    taken = take(offered, CYD, AddParticipant("cyd", Role.ASSIGNED_AGENT))
    assert (taken.assigned, taken.suggested) == (Participant("cyd", Role.ASSIGNED_AGENT), None)


def test_a_suggestion_ends_when_it_is_withdrawn(with_bob: Conversation) -> None:
    offered = take(with_bob, BOB, RemoveParticipant("bob"), SuggestAgent("cyd"))
    assert refuse(offered, AgentCaller("dan"), WithdrawSuggestion("cyd")) is Reason.ROLE_NOT_ALLOWED
    assert refuse(offered, SYSTEM, WithdrawSuggestion("dan")) is Reason.AGENT_ABSENT
    assert take(offered, SYSTEM, WithdrawSuggestion("cyd")).suggested is None
    assert take(offered, CYD, WithdrawSuggestion("cyd")).suggested is None


def test_nothing_is_suggested_while_somebody_is_assigned(with_bob: Conversation) -> None:
    assert refuse(with_bob, BOB, SuggestAgent("cyd")) is Reason.CONVERSATION_TAKEN


# Roles


def test_a_manager_takes_over_in_one_request(with_bob: Conversation) -> None:
    done = take(with_bob, EVE, RemoveParticipant("bob"), AddParticipant("eve", Role.ASSIGNED_AGENT))
    assert done.assigned == Participant("eve", Role.ASSIGNED_AGENT)
    assert done.main.role_of("bob") is None


def test_an_agent_takes_nobody_out_and_does_not_join_as_manager(with_bob: Conversation) -> None:
    assert refuse(with_bob, CYD, RemoveParticipant("bob")) is Reason.ROLE_NOT_ALLOWED
    assert refuse(with_bob, CYD, AddParticipant("cyd", Role.MANAGER)) is Reason.ROLE_NOT_ALLOWED
    assert refuse(with_bob, CYD, AddParticipant("dan", Role.ASSIGNED_AGENT)) is Reason.ROLE_NOT_ALLOWED


def test_nobody_joins_as_a_consumer(with_bob: Conversation) -> None:
    assert refuse(with_bob, EVE, AddParticipant("eve", Role.CONSUMER)) is Reason.ROLE_NOT_ALLOWED


def test_a_manager_joins_beside_the_assigned_agent_and_may_change_the_role(with_bob: Conversation) -> None:
    joined = accept(with_bob, EVE, AddParticipant("eve", Role.MANAGER)).conversation
    assert (joined.main.role_of("bob"), joined.main.role_of("eve")) == (Role.ASSIGNED_AGENT, Role.MANAGER)
    reading = accept(joined, EVE, AddParticipant("eve", Role.READER))
    assert [one.kind for one in reading.moves] == [MoveKind.LEFT, MoveKind.JOINED]
    assert reading.conversation.main.role_of("eve") is Role.READER
    assert refuse(reading.conversation, EVE, Publish("", TEXT)) is Reason.READER_ONLY


def test_joining_again_changes_nothing(with_bob: Conversation) -> None:
    assert accept(with_bob, BOB, JOIN_BOB) == Accepted(with_bob, (), (0,))


# Dialogs


def test_a_survey_follows_the_main_dialog_with_the_consumer_alone(surveyed: Conversation) -> None:
    assert (surveyed.state, surveyed.stage, surveyed.close_reason) == ("CLOSE", "OPEN", "CONSUMER")
    assert [(one.kind, one.state) for one in surveyed.dialogs] == [
        (DialogKind.MAIN, "CLOSE"),
        (DialogKind.POST_SURVEY, "OPEN"),
    ]
    survey = surveyed.dialogs[1]
    assert (survey.app_install_id, survey.participants) == ("bot-app", (Participant("kim", Role.CONSUMER),))
    assert surveyed.effective_ttr == NOTHING_DUE


def test_a_survey_bot_joins_describes_asks_and_closes(surveyed: Conversation) -> None:
    state = take(surveyed, CYD, AddParticipant("cyd", Role.AGENT, SURVEY))
    state = take(state, CYD, DescribeDialog(SURVEY, '[{"type":"Survey"}]'))
    state = take(state, CYD, Publish(SURVEY, TEXT))
    assert (state.dialogs[1].metadata, state.dialogs[1].next_sequence) == ('[{"type":"Survey"}]', 1)
    done = take(state, CYD, CloseDialog(SURVEY, "done"), now=NOW + 5)
    assert (done.state, done.stage, done.close_reason, done.ended_at) == ("CLOSE", "CLOSE", "CONSUMER", NOW + 5)
    assert (done.dialogs[1].closed_by, done.dialogs[1].closed_cause) == ("AGENT", "done")
    assert done.dialogs[0].closed_by == "CONSUMER"


def test_a_survey_takes_no_chat_state_of_the_consumer(surveyed: Conversation) -> None:
    typing = Publish(SURVEY, Event(EventKind.CHAT_STATE, "{}"))
    assert refuse(surveyed, CONSUMER, typing) is Reason.EVENT_NOT_ALLOWED


def test_a_survey_does_not_follow_when_the_conversation_is_closed_at_once(with_bob: Conversation) -> None:
    done = take(with_bob, BOB, CloseConversation())
    assert (done.state, done.stage, len(done.dialogs)) == ("CLOSE", "CLOSE", 1)


def test_agents_talk_among_themselves(with_bob: Conversation) -> None:
    state = take(with_bob, EVE, AddParticipant("eve", Role.MANAGER))
    state = take(state, BOB, OpenDialog(AGENTS))
    said = accept(state, EVE, Publish(AGENTS, TEXT))
    [event] = said.emitted
    assert isinstance(event, Published)
    assert event.audience is Audience.AGENTS_AND_MANAGERS
    assert refuse(state, CONSUMER, Publish(AGENTS, TEXT)) is Reason.PARTICIPANT_MISSING
    assert refuse(state, CONSUMER, CloseDialog(AGENTS)) is Reason.DIALOG_UNKNOWN
    assert refuse(state, BOB, OpenDialog("more")) is Reason.CHANGE_NOT_ALLOWED
    assert take(state, BOB, CloseDialog(AGENTS)).stage == "OPEN"
    closed = take(state, CONSUMER, CloseDialog(ID))
    assert (closed.stage, [one.state for one in closed.dialogs]) == ("CLOSE", ["CLOSE", "CLOSE"])


def test_the_agents_dialog_ends_when_a_survey_begins(with_bob: Conversation) -> None:
    state = take(with_bob, BOB, OpenDialog(AGENTS))
    state = take(state, CONSUMER, CloseDialog(ID, survey=Survey(SURVEY, "bot-app")))
    assert [(one.kind, one.state) for one in state.dialogs] == [
        (DialogKind.MAIN, "CLOSE"),
        (DialogKind.POST_SURVEY, "OPEN"),
        (DialogKind.AGENTS, "CLOSE"),
    ]


# When an answer is due


def test_an_answer_is_due_after_the_consumers_last_word(with_bob: Conversation) -> None:
    asked = take(with_bob, CONSUMER, Publish("", TEXT), now=NOW + 1_000)
    assert asked.effective_ttr == NOW + 601_000
    answered = take(asked, BOB, Publish("", TEXT), now=NOW + 2_000)
    assert answered.effective_ttr == NOTHING_DUE
    assert take(asked, BOB, Publish("", TEXT, Audience.AGENTS_AND_MANAGERS)).effective_ttr == NOW + 601_000


def test_a_new_time_to_respond_counts_from_the_last_word(with_bob: Conversation) -> None:
    asked = take(with_bob, CONSUMER, Publish("", TEXT), now=NOW + 1_000)
    changed = take(asked, BOB, SetTtr("URGENT", 60), now=NOW + 5_000)
    assert (changed.ttr_type, changed.ttr_seconds, changed.effective_ttr) == ("URGENT", 60, NOW + 61_000)


def test_a_delay_moves_the_beginning(with_bob: Conversation) -> None:
    delayed = take(with_bob, BOB, SetFact("delay", Delay("NIGHT", NOW + 3_600_000)))
    assert delayed.effective_ttr == NOW + 4_200_000


def test_a_time_set_by_hand_counts_until_the_answer(with_bob: Conversation) -> None:
    promised = take(with_bob, BOB, SetFact("manual_ettr", NOW + 9_000))
    assert promised.effective_ttr == NOW + 9_000
    answered = take(promised, BOB, Publish("", TEXT))
    assert (answered.effective_ttr, answered.facts.manual_ettr) == (NOTHING_DUE, None)
    assert take(answered, CONSUMER, Publish("", TEXT)).effective_ttr == NOW + 600_000


# Rating


def test_the_consumer_rates_when_it_is_over_and_may_do_so_again(with_bob: Conversation) -> None:
    assert refuse(with_bob, CONSUMER, Rate(Csat(5))) is Reason.CONVERSATION_OPEN
    closed = take(with_bob, BOB, CloseConversation())
    assert refuse(closed, BOB, Rate(Csat(5))) is Reason.CHANGE_NOT_ALLOWED
    rated = take(closed, CONSUMER, Rate(Csat(2, is_resolved=False)))
    assert rated.facts.csat == Csat(2, is_resolved=False)
    assert take(rated, CONSUMER, Rate(Csat(4))).facts.csat == Csat(4)


# Silence


def silent(state: Conversation, **facts: Any) -> CloseSilent | None:
    return overdue(state, **{"now": NOW + 100_000, "silent_seconds": 60, "survey_seconds": 30, **facts})


def test_a_silent_conversation_is_overdue_and_closed_by_time(with_bob: Conversation) -> None:
    step = silent(with_bob)
    assert step == CloseSilent(ID, NOW + 40_000)
    done = take(with_bob, SystemCaller("TIMEOUT"), step, now=NOW + 100_000)
    assert (done.stage, done.close_reason, done.main.closed_by) == ("CLOSE", "TIMEOUT", "TIMEOUT")


def test_it_is_not_closed_when_somebody_has_just_spoken(with_bob: Conversation) -> None:
    step = silent(with_bob)
    assert step is not None
    spoken = take(with_bob, CONSUMER, Publish("", TEXT), now=NOW + 99_000)
    assert silent(spoken) is None
    assert take(spoken, SystemCaller("TIMEOUT"), step, now=NOW + 100_000) == spoken


def test_without_a_limit_silence_is_nothing(with_bob: Conversation) -> None:
    assert silent(with_bob, silent_seconds=0) is None


def test_a_survey_has_its_time_in_all_however_busy(surveyed: Conversation) -> None:
    busy = take(surveyed, CONSUMER, Publish(SURVEY, TEXT), now=NOW + 99_999)
    step = silent(busy, silent_seconds=0)
    assert step == CloseSilent(SURVEY, NOW + 100_000)
    done = take(busy, SystemCaller("TIMEOUT"), step, now=NOW + 100_000)
    assert (done.stage, done.close_reason) == ("CLOSE", "CONSUMER")
    assert silent(surveyed, now=NOW + 29_999, silent_seconds=0) is None


# By themselves, and for others


def test_a_consumer_by_themselves_knows_their_conversations_of_all_applications() -> None:
    said = take(begun(), ConsumerCaller(None, "kim"), Publish("", TEXT))
    assert said.main.next_sequence == 1
    assert refuse(said, ConsumerCaller(None, "lee"), Publish("", TEXT)) is Reason.CONVERSATION_UNKNOWN


def test_an_agent_who_opens_a_conversation_is_assigned() -> None:
    request = Open("7", "NORMAL", 600, consumer_id="kim", installation_id="app")
    done = opened(request, BOB, "4711001", ID, "{}", NOW)
    assert (done.conversation.consumer_id, done.conversation.installation_id) == ("kim", "app")
    assert done.conversation.assigned == Participant("bob", Role.ASSIGNED_AGENT)
    assert [(one.kind, one.participant_id) for one in done.moves] == [
        (MoveKind.OPENED, "kim"),
        (MoveKind.JOINED, "bob"),
    ]
