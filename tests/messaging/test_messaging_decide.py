"""The rules of conversations: any sequence of requests leaves a legal conversation."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

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
    Dialog,
    Event,
    EventKind,
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
from switchbay.messaging.domain.decide import opened
from switchbay.messaging.domain.state import NOTHING_DUE, DialogKind

START = 1_700_000_000_000
ID = "7f0c6d1e-5a52-4f0e-9c0d-2b1f6f3a9e10"
SURVEY = "0b6f3c1d-7a52-4b0e-8d3e-3e1f0a9b5c77"
AGENTS = "1c6f3c1d-7a52-4b0e-8d3e-3e1f0a9b5c78"
CONSUMER = ConsumerCaller("app", "consumer")
AGENT = AgentCaller("agent")
JOIN = AddParticipant("agent", Role.ASSIGNED_AGENT)
LEAVE = RemoveParticipant("agent")
CALLERS: list[Caller] = [
    CONSUMER,
    ConsumerCaller("other-app", "consumer"),
    ConsumerCaller("app", "other-consumer"),
    AGENT,
    AgentCaller("other-agent"),
    AgentCaller("manager", may_manage=True),
    SystemCaller("TIMEOUT"),
]


def conversation() -> Conversation:
    return opened(Open("-1", "NORMAL", 600), CONSUMER, "4711001", ID, "{}", START).conversation


def publish(kind: EventKind = EventKind.CONTENT, *acknowledges: int, dialog: str = "") -> Publish:
    return Publish(dialog, Event(kind, "{}", acknowledges))


def take(before: Conversation, caller: Caller, *steps: Step, now: int = START) -> Conversation:
    decision = decide(before, caller, steps, now)
    assert isinstance(decision, Accepted)
    return decision.conversation


def reason(before: Conversation | None, caller: Caller, *steps: Step) -> Reason:
    decision = decide(before, caller, steps, START)
    assert isinstance(decision, Refused)
    return decision.reason


NIGHT = SetFact("delay", Delay("NIGHT", START + 9))
roles = st.sampled_from(list(Role))
agents = st.sampled_from(["agent", "other-agent", "manager"])
steps = st.one_of(
    st.builds(
        Publish,
        st.sampled_from(["", ID, SURVEY]),
        st.builds(
            Event,
            st.sampled_from(list(EventKind)),
            st.just("{}"),
            st.lists(st.integers(0, 4), max_size=2).map(tuple),
        ),
        st.sampled_from(list(Audience)),
    ),
    st.just(CloseConversation()),
    st.builds(CloseDialog, st.sampled_from([ID, SURVEY]), st.none(), st.sampled_from([None, Survey(SURVEY, "app")])),
    st.builds(CloseSilent, st.sampled_from([ID, SURVEY, AGENTS]), st.integers(START, START + 60_000)),
    st.builds(DescribeDialog, st.sampled_from([ID, SURVEY]), st.just("{}")),
    st.just(OpenDialog(AGENTS)),
    st.builds(AddParticipant, agents, roles, st.sampled_from(["", SURVEY, AGENTS])),
    st.builds(
        RemoveParticipant, st.none() | agents, st.none() | st.sampled_from(list(Role)), st.sampled_from(["", AGENTS])
    ),
    st.builds(SuggestAgent, agents),
    st.builds(WithdrawSuggestion, agents),
    st.builds(SetSkill, st.sampled_from(["-1", "7"])),
    st.builds(SetTtr, st.sampled_from(["URGENT", "CUSTOM"]), st.integers(0, 60)),
    st.sampled_from(
        [SetFact("note", "n"), SetFact("manual_ettr", START + 5), SetFact("delay", Delay("NIGHT", START + 9))]
    ),
    st.just(Rate(Csat(5))),
)
requests = st.tuples(
    st.sampled_from(CALLERS), st.lists(steps, min_size=1, max_size=3).map(tuple), st.integers(-5_000, 60_000)
)


def assert_legal(before: Conversation, after: Conversation) -> None:
    assert (after.stage == "CLOSE") == all(dialog.state == "CLOSE" for dialog in after.dialogs)
    assert after.state == after.main.state
    if before.stage == "CLOSE":  # only a rating comes afterwards
        rated = replace(before, facts=after.facts, revision=after.revision, updated_at=after.updated_at)
        assert after == rated
    assert after.updated_at >= before.updated_at >= before.started_at == after.started_at
    if after.stage == "CLOSE":
        assert after.ended_at is not None
        assert after.ended_at <= after.updated_at
        assert after.effective_ttr == NOTHING_DUE
        assert after.close_reason in {"AGENT", "CONSUMER", "TIMEOUT"}
    for dialog in after.dialogs:
        ids = [one.id for one in dialog.participants]
        assert len(ids) == len(set(ids))
        assert sum(one.role is Role.ASSIGNED_AGENT for one in dialog.participants) <= 1
        assert [one.is_active for one in dialog.participants] == sorted(
            (one.is_active for one in dialog.participants), reverse=True
        )
        consumers = [one for one in dialog.participants if one.role is Role.CONSUMER]
        assert len(consumers) == (dialog.kind is not DialogKind.AGENTS)
        if dialog.state == "CLOSE":
            assert all(one.is_active for one in dialog.participants)
        assert (dialog.state == "CLOSE") == (dialog.ended_at is not None) == (dialog.closed_by is not None)
    assert after.main.participants[0] == Participant("consumer", Role.CONSUMER)


def assert_told(before: Conversation, decision: Accepted) -> None:
    after = decision.conversation
    changes = [one for one in decision.emitted if isinstance(one, Changed)]
    assert (after.revision > before.revision) == bool(changes)
    assert not decision.moves or changes
    was_in = {one.id for dialog in before.dialogs for one in dialog.participants}
    is_in = {one.id for dialog in after.dialogs for one in dialog.participants}
    told = {move.participant_id for move in decision.moves}
    assert was_in ^ is_in <= told | {one.id for one in before.main.participants if not one.is_active}
    private = [one for one in decision.emitted if isinstance(one, Published) and one.dialog_id == AGENTS]
    assert all(one.audience is Audience.AGENTS_AND_MANAGERS for one in private)


@given(st.lists(requests, max_size=40), st.booleans())
def test_whatever_is_asked_leaves_a_legal_conversation_and_sequences_without_gap(
    asked: list[tuple[Caller, tuple[Step, ...], int]], with_survey: bool
) -> None:
    state = conversation()
    if with_survey:
        state = take(state, CONSUMER, CloseDialog(ID, survey=Survey(SURVEY, "app")))
    published: dict[str, list[int]] = {ID: [], SURVEY: [], AGENTS: []}
    times: dict[str, list[int]] = {ID: [], SURVEY: [], AGENTS: []}
    now = START
    for caller, wanted, passed in asked:
        now += passed
        decision = decide(state, caller, wanted, now)
        if isinstance(decision, Refused):
            continue
        assert_legal(state, decision.conversation)
        assert len(decision.sequences) == len(wanted)
        assert_told(state, decision)
        state = decision.conversation
        for emitted in decision.emitted:
            if isinstance(emitted, Published) and emitted.sequence is not None:
                assert emitted.server_timestamp is not None
                published[emitted.dialog_id].append(emitted.sequence)
                times[emitted.dialog_id].append(emitted.server_timestamp)
        changes = [emitted for emitted in decision.emitted if isinstance(emitted, Changed)]
        assert not changes or changes[-1].conversation.stage == state.stage
    for dialog_id, sequences in published.items():
        assert sequences == list(range(len(sequences)))
        assert times[dialog_id] == sorted(times[dialog_id])
        dialog = state.find_dialog(dialog_id)
        assert dialog is None or dialog.next_sequence == len(sequences)


@given(st.lists(requests, max_size=20), st.sampled_from(CALLERS[1:3]), st.lists(steps, min_size=1).map(tuple))
def test_a_stranger_cannot_tell_a_conversation_from_none(
    asked: list[tuple[Caller, tuple[Step, ...], int]], stranger: Caller, wanted: tuple[Step, ...]
) -> None:
    state = conversation()
    for caller, done, _ in asked:
        decision = decide(state, caller, done, START)
        state = decision.conversation if isinstance(decision, Accepted) else state
    assert decide(state, stranger, wanted, START) == decide(None, stranger, wanted, START)


def test_steps_of_one_request_see_each_other() -> None:
    decision = decide(conversation(), CONSUMER, (publish(), publish(EventKind.ACCEPT_STATUS, 0)), START)
    assert isinstance(decision, Accepted)
    assert decision.sequences == (0, 1)


def test_nothing_is_taken_when_the_last_step_is_refused() -> None:
    assert reason(conversation(), CONSUMER, publish(), CloseConversation(), publish()) is Reason.CONVERSATION_CLOSED


def test_dialogs_count_for_themselves() -> None:
    state = conversation()
    survey = Dialog(SURVEY, DialogKind.POST_SURVEY, "OPEN", state.main.participants, START, START)
    state = take(replace(state, dialogs=(state.main, survey)), CONSUMER, publish(), publish())
    decision = decide(state, CONSUMER, (publish(dialog=SURVEY),), START)
    assert isinstance(decision, Accepted)
    assert decision.sequences == (0,)


def test_closing_the_main_dialog_leaves_the_survey_running() -> None:
    state = conversation()
    survey = Dialog(SURVEY, DialogKind.POST_SURVEY, "OPEN", state.main.participants, START, START)
    state = take(replace(state, dialogs=(state.main, survey)), CONSUMER, CloseDialog(ID))
    assert (state.state, state.stage) == ("CLOSE", "OPEN")
    assert reason(state, CONSUMER, publish()) is Reason.DIALOG_CLOSED
    state = take(state, CONSUMER, publish(dialog=SURVEY))
    state = take(state, CONSUMER, CloseDialog(SURVEY))
    assert (state.state, state.stage) == ("CLOSE", "CLOSE")


def test_a_dialog_that_is_closed_keeps_who_closed_it() -> None:
    state = conversation()
    survey = Dialog(SURVEY, DialogKind.POST_SURVEY, "OPEN", state.main.participants, START, START)
    state = take(replace(state, dialogs=(state.main, survey)), CONSUMER, CloseDialog(ID, "done"))
    state = take(state, AgentCaller("admin", may_manage=True), CloseConversation(), now=START + 5)
    assert [(one.closed_by, one.ended_at) for one in state.dialogs] == [("CONSUMER", START), ("AGENT", START + 5)]


def test_consumers_do_not_join() -> None:
    assert reason(conversation(), CONSUMER, JOIN) is Reason.PARTICIPANT_MISSING
    assert reason(conversation(), CONSUMER, LEAVE) is Reason.PARTICIPANT_MISSING


def test_nobody_joins_or_leaves_while_only_the_survey_runs() -> None:
    state = take(conversation(), AGENT, JOIN)
    survey = Dialog(SURVEY, DialogKind.POST_SURVEY, "OPEN", state.main.participants[:1], START, START)
    state = take(replace(state, dialogs=(state.main, survey)), CONSUMER, CloseDialog(ID))
    assert (
        reason(state, AgentCaller("other-agent"), AddParticipant("other-agent", Role.ASSIGNED_AGENT))
        is Reason.DIALOG_CLOSED
    )
    assert reason(state, AGENT, LEAVE) is Reason.DIALOG_CLOSED
    assert reason(state, AGENT, publish(dialog=SURVEY)) is Reason.PARTICIPANT_MISSING
