"""``UpdateConversationField``: what agents change of a conversation, from the wire to steps (section 4.9).

``conversationField`` is one change or a list of them. Agents are named by PId, by old id or by user id; numbers may be
strings and strings numbers, as clients send them.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import msgspec

from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.domain import (
    AddParticipant,
    CloseConversation,
    CloseDialog,
    Csat,
    Delay,
    DescribeDialog,
    OpenDialog,
    Rate,
    Reason,
    RemoveParticipant,
    Role,
    SetFact,
    SetSkill,
    SetTtr,
    Step,
    SuggestAgent,
)
from switchbay.messaging.errors import parameter_missing, refusal

FindAgent: TypeAlias = Callable[[str], Awaitable[str | None]]
_MOST_CHANGES: Final = 20
_LONGEST_ID: Final = 64
_LONGEST_TEXT: Final = 4_000
_LONGEST_TTR: Final = 365 * 24 * 3_600
T = TypeVar("T")
_Id: TypeAlias = Annotated[str, msgspec.Meta(max_length=_LONGEST_ID)] | int
_Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=_LONGEST_TEXT)]
_Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class UpdateBody(msgspec.Struct, rename="camel"):
    """The body of the request."""

    conversation_id: str
    conversation_field: list[dict[str, Any]] | dict[str, Any]


class _Participants(msgspec.Struct, rename="camel"):
    type: Literal["ADD", "REMOVE", "UPDATE", "SUGGEST"]
    role: Role = Role.ASSIGNED_AGENT
    user_id: _Id | None = None
    dialog_id: str = ""


class _Dialog(msgspec.Struct, rename="camel"):
    dialog_id: str = ""
    dialog_type: str | None = None
    state: Literal["OPEN", "CLOSE"] | None = None
    closed_cause: _Text | None = None


class _DialogChange(msgspec.Struct, rename="camel"):
    dialog: _Dialog
    type: Literal["UPDATE", "CREATE"] = "UPDATE"


class _Skill(msgspec.Struct, rename="camel"):
    skill: _Id


class _Ttr(msgspec.Struct, rename="camel"):
    ttr_type: Literal["CUSTOM", "NORMAL", "PRIORITIZED", "URGENT"]
    value: Annotated[int, msgspec.Meta(ge=0, le=_LONGEST_TTR)] | None = None


class _Csat(msgspec.Struct, rename="camel"):
    csat_rate: Annotated[int, msgspec.Meta(ge=1, le=5)] | None = None
    csat_resolution_confirmation: bool | None = None
    status: Literal["FILLED", "PARTIALLY_FILLED", "SKIPPED"] = "FILLED"


class _State(msgspec.Struct, rename="camel"):
    conversation_state: Literal["CLOSE"]


class _Delayed(msgspec.Struct, rename="camel"):
    type: Literal["NIGHT", "WEEKEND", "HOLIDAY"]
    till_when: _Time


class _Values(msgspec.Struct, rename="camel"):
    """The changes that are known by name only: their value stands in a member of the same name, or in ``value``."""

    manual_ettr: _Time | None = msgspec.field(name="manualETTR", default=None)
    note: _Text | None = None
    topic: _Text | None = None
    delay: _Delayed | None = None
    value: _Time | _Text | None = None


class Changes:
    """Reads the changes of one request. ``metadata`` is what the request carries beside its body."""

    def __init__(
        self,
        caller_pid: str,
        find_agent: FindAgent,
        ttr_seconds: Mapping[str, int],
        new_id: Callable[[], str],
        metadata: str | None,
    ) -> None:
        self._caller_pid = caller_pid
        self._find_agent = find_agent
        self._ttr_seconds = ttr_seconds
        self._new_id = new_id
        self._metadata = metadata

    async def read(self, body: UpdateBody) -> tuple[Step, ...]:
        """The steps; who leaves does so first, because clients name the next agent before or after the one who leaves.

        Raises ``invalid_body``, ``parameter_missing``, ``field_unsupported`` and ``agent_unknown``.
        """
        fields = body.conversation_field if isinstance(body.conversation_field, list) else [body.conversation_field]
        if not 1 <= len(fields) <= _MOST_CHANGES:
            raise AppError(Kind.INVALID, "invalid_body", f"conversationField holds 1 to {_MOST_CHANGES} changes.")
        steps = [await self._step(field) for field in fields]
        return tuple(sorted(steps, key=lambda step: not isinstance(step, RemoveParticipant)))

    async def _step(self, field: Mapping[str, Any]) -> Step:
        match field.get("field"):
            case None:
                raise parameter_missing("conversationField.field")
            case "ParticipantsChange":
                return await self._participants(_convert(field, _Participants))
            case "ConversationStateField":
                _convert(field, _State)
                return CloseConversation()
            case "DialogChange":
                return self._dialog(_convert(field, _DialogChange))
            case "Skill":
                return SetSkill(str(_convert(field, _Skill).skill))
            case "TTRField":
                return self._ttr(_convert(field, _Ttr))
            case "CSATRate":
                given = _convert(field, _Csat)
                return Rate(Csat(given.csat_rate, given.csat_resolution_confirmation, given.status))
            case "ManualETTR" | "Note" | "DelayField" | "TopicField" as name:
                return _fact(name, _convert(field, _Values))
            case _:
                raise AppError(Kind.INVALID, "field_unsupported", "The conversation has no such field.")

    async def _participants(self, change: _Participants) -> Step:
        if change.type == "REMOVE" and change.user_id is None:
            return RemoveParticipant(None, change.role, change.dialog_id)
        pid = self._caller_pid
        if change.user_id is not None:
            found = await self._find_agent(str(change.user_id))
            if found is None:
                raise refusal(Reason.AGENT_UNKNOWN)
            pid = found
        match change.type:
            case "REMOVE":
                return RemoveParticipant(pid, change.role, change.dialog_id)
            case "SUGGEST":
                return SuggestAgent(pid)
            case _:
                return AddParticipant(pid, change.role, change.dialog_id)

    def _dialog(self, change: _DialogChange) -> Step:
        dialog = change.dialog
        if change.type == "CREATE":
            if dialog.dialog_type != "AGENTS":
                raise AppError(Kind.INVALID, "field_unsupported", "Dialogs of the type AGENTS are opened by agents.")
            return OpenDialog(self._new_id())
        if not dialog.dialog_id:
            raise parameter_missing("conversationField.dialog.dialogId")
        if dialog.state == "CLOSE":
            return CloseDialog(dialog.dialog_id, dialog.closed_cause)
        return DescribeDialog(dialog.dialog_id, self._metadata)

    def _ttr(self, change: _Ttr) -> Step:
        seconds = self._ttr_seconds.get(change.ttr_type) if change.value is None else change.value
        if seconds is None:
            raise parameter_missing("conversationField.value")
        return SetTtr(change.ttr_type, seconds)


def _fact(name: str, given: _Values) -> Step:
    match name:
        case "ManualETTR":
            at = given.manual_ettr if given.manual_ettr is not None else given.value
            if at is not None and not isinstance(at, int):
                raise AppError(Kind.INVALID, "invalid_body", "ManualETTR is a time in epoch milliseconds.")
            return SetFact("manual_ettr", at)
        case "DelayField":
            return SetFact("delay", None if given.delay is None else Delay(given.delay.type, given.delay.till_when))
        case _:
            text = given.note if name == "Note" else given.topic
            text = text if text is not None else given.value if isinstance(given.value, str) else None
            return SetFact("note" if name == "Note" else "topic", text)


def _convert(field: Mapping[str, Any], shape: type[T]) -> T:
    try:
        return msgspec.convert(dict(field), shape)
    except msgspec.ValidationError as error:
        raise AppError(Kind.INVALID, "invalid_body", f"{field.get('field')} does not fit: {error}.") from error
