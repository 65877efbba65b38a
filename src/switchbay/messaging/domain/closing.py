"""Dialogs: opening one among agents, closing them, what follows, and what is attached to them."""

from msgspec.structs import replace

from switchbay.messaging.domain.decision import (
    MILLISECONDS,
    Decision,
    caller_id,
    change_time,
    changed,
    may_manage,
    nothing,
    takes_part,
    with_dialog,
)
from switchbay.messaging.domain.emitted import Move, MoveKind
from switchbay.messaging.domain.refusals import Reason, Refused
from switchbay.messaging.domain.state import NOTHING_DUE, Conversation, Dialog, DialogKind, Participant, Role
from switchbay.messaging.domain.steps import (
    AgentCaller,
    Caller,
    CloseConversation,
    CloseDialog,
    CloseSilent,
    ConsumerCaller,
    DescribeDialog,
    OpenDialog,
    Survey,
    SystemCaller,
)


def close_conversation(conversation: Conversation, caller: Caller, _step: CloseConversation, now: int) -> Decision:
    """Close all dialogs at once; no survey follows."""
    return _close_all(conversation, caller, None, now)


def close_dialog(conversation: Conversation, caller: Caller, step: CloseDialog, now: int) -> Decision:
    """Close one dialog: the last one closes the conversation, the main one may be followed by a survey."""
    dialog = conversation.find_dialog(step.dialog_id)
    if dialog is None:
        return Refused(Reason.DIALOG_UNKNOWN)
    if dialog.state == "CLOSE":
        return Refused(Reason.DIALOG_CLOSED)
    if not (takes_part(conversation, caller) or may_manage(caller)):
        return Refused(Reason.PARTICIPANT_MISSING)
    if isinstance(caller, ConsumerCaller) and dialog.role_of(caller.consumer_id) is None:
        return Refused(Reason.DIALOG_UNKNOWN)
    at = change_time(conversation, now)
    by = caller_id(caller)
    dialogs = list(with_dialog(conversation, _closed(dialog, caller, step.cause, at)))
    moves = [Move(MoveKind.DIALOG_CLOSED, by, dialog.dialog_id, after=step.cause)]
    is_main = dialog.kind is DialogKind.MAIN
    if is_main and step.survey is not None:
        dialogs.insert(1, _survey(conversation, step.survey, at))  # where connectors look for it
        moves.append(Move(MoveKind.DIALOG_OPENED, by, step.survey.dialog_id, after=DialogKind.POST_SURVEY))
    if not any(one.state == "OPEN" and one.kind is not DialogKind.AGENTS for one in dialogs):
        return _close_all(conversation, caller, step.cause, now)
    after = replace(conversation, dialogs=tuple(dialogs), updated_at=at)
    if is_main:
        agents_too = tuple(
            _closed(one, caller, step.cause, at) if one.kind is DialogKind.AGENTS else one for one in dialogs
        )
        after = replace(
            after, state="CLOSE", close_reason=_closer(caller), dialogs=agents_too, effective_ttr=NOTHING_DUE
        )
    return changed(after, *moves)


def close_silent(conversation: Conversation, caller: Caller, step: CloseSilent, now: int) -> Decision:
    """Close a dialog that nobody has used for long, unless somebody just has."""
    dialog = conversation.find_dialog(step.dialog_id)
    if dialog is None:
        return Refused(Reason.DIALOG_UNKNOWN)
    if dialog.state == "CLOSE" or last_activity(dialog) > step.silent_since:
        return nothing(conversation)
    return close_dialog(conversation, caller, CloseDialog(step.dialog_id, caller_id(caller)), now)


def last_activity(dialog: Dialog) -> int:
    """When something last happened in a dialog, epoch milliseconds."""
    return max(dialog.last_event_at, dialog.updated_at)


def overdue(conversation: Conversation, now: int, silent_seconds: int, survey_seconds: int) -> CloseSilent | None:
    """What is to be closed of a conversation because of its silence; ``silent_seconds`` 0: only surveys are."""
    for dialog in conversation.dialogs:
        if dialog.state == "CLOSE" or dialog.kind is DialogKind.AGENTS:
            continue
        allowed = survey_seconds if dialog.kind is DialogKind.POST_SURVEY else silent_seconds
        since = now - allowed * MILLISECONDS
        # A survey has its time in all, however busy it is.
        begun = dialog.created_at if dialog.kind is DialogKind.POST_SURVEY else last_activity(dialog)
        if allowed and begun <= since:
            is_survey = dialog.kind is DialogKind.POST_SURVEY
            return CloseSilent(dialog.dialog_id, now if is_survey else since)
    return None


def _survey(conversation: Conversation, survey: Survey, at: int) -> Dialog:
    consumer = Participant(conversation.consumer_id, Role.CONSUMER)
    return Dialog(
        survey.dialog_id,
        DialogKind.POST_SURVEY,
        "OPEN",
        (consumer,),
        at,
        at,
        app_install_id=survey.app_install_id,
    )


def describe_dialog(conversation: Conversation, caller: Caller, step: DescribeDialog, now: int) -> Decision:
    """Attach metadata to a dialog; what was attached before is replaced."""
    dialog = conversation.find_dialog(step.dialog_id)
    if dialog is None:
        return Refused(Reason.DIALOG_UNKNOWN)
    if isinstance(caller, ConsumerCaller):
        return Refused(Reason.CHANGE_NOT_ALLOWED)
    if not (takes_part(conversation, caller) or may_manage(caller)):
        return Refused(Reason.PARTICIPANT_MISSING)
    if dialog.state == "CLOSE":
        return Refused(Reason.DIALOG_CLOSED)
    at = change_time(conversation, now)
    described = replace(dialog, metadata=step.metadata, updated_at=at)
    return changed(replace(conversation, dialogs=with_dialog(conversation, described), updated_at=at))


def open_dialog(conversation: Conversation, caller: Caller, step: OpenDialog, now: int) -> Decision:
    """Open a dialog for those on the agents' side of the main one."""
    if not isinstance(caller, AgentCaller):
        return Refused(Reason.CHANGE_NOT_ALLOWED)
    main = conversation.main
    role = main.role_of(caller.user_pid)
    if role is None or role is Role.READER:
        return Refused(Reason.PARTICIPANT_MISSING)
    if main.state == "CLOSE":
        return Refused(Reason.DIALOG_CLOSED)
    if any(one.kind is DialogKind.AGENTS and one.state == "OPEN" for one in conversation.dialogs):
        return Refused(Reason.CHANGE_NOT_ALLOWED)
    at = change_time(conversation, now)
    agents = tuple(one for one in main.participants if one.role is not Role.CONSUMER and one.is_active)
    dialog = Dialog(step.dialog_id, DialogKind.AGENTS, "OPEN", agents, at, at)
    after = replace(conversation, dialogs=(*conversation.dialogs, dialog), updated_at=at)
    return changed(after, Move(MoveKind.DIALOG_OPENED, caller.user_pid, dialog.dialog_id, after=DialogKind.AGENTS))


def _closer(caller: Caller) -> str:
    match caller:
        case SystemCaller():
            return caller.reason
        case AgentCaller():
            return "AGENT"
        case _:
            return "CONSUMER"


def _closed(dialog: Dialog, caller: Caller, cause: str | None, at: int) -> Dialog:
    if dialog.state == "CLOSE":
        return dialog
    staying = tuple(one for one in dialog.participants if one.is_active)  # an offer ends with what is offered
    return replace(
        dialog,
        state="CLOSE",
        participants=staying,
        ended_at=at,
        updated_at=at,
        closed_by=_closer(caller),
        closed_cause=cause,
        awaiting_since=0,
    )


def _close_all(conversation: Conversation, caller: Caller, cause: str | None, now: int) -> Decision:
    if not (takes_part(conversation, caller) or may_manage(caller)):
        return Refused(Reason.PARTICIPANT_MISSING)
    at = change_time(conversation, now)
    by = caller_id(caller)
    moves = [
        Move(MoveKind.DIALOG_CLOSED, by, one.dialog_id, after=cause)
        for one in conversation.dialogs
        if one.state == "OPEN"
    ]
    reason = conversation.close_reason or _closer(caller)
    after = replace(
        conversation,
        state="CLOSE",
        stage="CLOSE",
        close_reason=reason,
        dialogs=tuple(_closed(dialog, caller, cause, at) for dialog in conversation.dialogs),
        effective_ttr=NOTHING_DUE,
        ended_at=at,
        updated_at=at,
    )
    return changed(after, *moves, Move(MoveKind.CLOSED, by, conversation.conversation_id, after=reason))
