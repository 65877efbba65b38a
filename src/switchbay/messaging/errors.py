"""The errors of the messaging room: stable codes, and the numbers that connectors know them by.

Connectors get the error body of the Send API, ``{"kind": "resp", "code", "body": {"title", "details", "errorCode"},
"type": ".ReqBody$ErrorResp"}``. The numbers 40001 and 40102 to 40105 are the Send API's own; the others are ours, made
of the HTTP status and a running number. ``docs/reference/connector-api.md`` lists them.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from switchbay.kit.errors import AppError, Kind
from switchbay.kit.findings import Finding
from switchbay.kit.jsonvalue import JsonValue
from switchbay.messaging.domain import Reason
from switchbay.messaging.routing.domain.answers import RingRefusal

ERROR_NUMBERS: Final[Mapping[str, tuple[int, str]]] = {
    "parameter_missing": (40001, "Missing parameter"),
    "malformed_json": (40002, "Malformed JSON"),
    "invalid_body": (40003, "Invalid body"),
    "request_type_unknown": (40004, "Unknown request type"),
    "event_invalid": (40005, "Invalid event"),
    "batch_invalid": (40007, "Invalid batch"),
    "field_unsupported": (40008, "Unsupported conversation field"),
    "idempotency_key_invalid": (40009, "Invalid Idempotency-Key"),
    "sequence_unknown": (40010, "Unknown sequence"),
    "brand_mismatch": (40011, "Wrong brandId"),
    "agent_absent": (40012, "Agent is not in the conversation"),
    "agent_unknown": (40013, "Unknown agent"),
    "change_not_allowed": (40014, "Change is not allowed"),
    "event_not_allowed": (40015, "Event is not allowed"),
    "file_type_unsupported": (40021, "Unsupported file type"),
    "file_size_invalid": (40022, "Invalid file size"),
    "file_empty": (40023, "Empty file"),
    "app_token_invalid": (40102, "Invalid AppJWT"),
    "consumer_token_invalid": (40103, "Invalid ConsumerJWS"),
    "consumer_token_missing": (40104, "ConsumerJWS is missing"),
    "app_token_missing": (40105, "AppJWT is missing"),
    "scope_missing": (40301, "Missing scope"),
    "participant_missing": (40302, "Not a participant"),
    "messaging_disabled": (40303, "Messaging is off"),
    "role_not_allowed": (40304, "Role is not allowed"),
    "reader_only": (40305, "Readers only read"),
    "account_unknown": (40401, "Unknown account"),
    "conversation_unknown": (40402, "Unknown conversation"),
    "dialog_unknown": (40403, "Unknown dialog"),
    "file_unknown": (40421, "Unknown file"),
    "conversation_closed": (40901, "Conversation is closed"),
    "dialog_closed": (40902, "Dialog is closed"),
    "conversation_taken": (40903, "Conversation has an assigned agent"),
    "conversation_open": (40904, "Conversation is open"),
    "file_not_uploaded": (40921, "File was not uploaded"),
    "file_already_uploaded": (40922, "File was uploaded before"),
    "body_too_large": (41301, "Body too large"),
    "message_too_long": (41302, "Message too long"),
    "profile_too_large": (41303, "User profile too large"),
    "opening_too_large": (41304, "Conversation context too large"),
    "file_too_large": (41321, "File too large"),
    "file_quota_exceeded": (41322, "No room for files"),
    "idempotency_key_reused": (42201, "Idempotency-Key reused"),
    "file_infected": (42221, "File is infected"),
    "file_damaged": (50021, "File is damaged"),
    "database_unavailable": (50301, "Temporarily unavailable"),
    "overloaded": (50302, "Temporarily overloaded"),
    "stopping": (50303, "Stopping"),
    "file_store_unavailable": (50321, "File storage is unavailable"),
    "file_scan_unavailable": (50322, "Virus scanner is unavailable"),
}

_MOST_TOLD: Final = 3
_MOST_FINDINGS: Final = 20

_REFUSALS: Final[Mapping[Reason, Callable[[], AppError]]] = {
    Reason.CONVERSATION_UNKNOWN: partial(
        AppError, Kind.NOT_FOUND, "conversation_unknown", "There is no such conversation."
    ),
    Reason.CONVERSATION_CLOSED: partial(AppError, Kind.CONFLICT, "conversation_closed", "The conversation is closed."),
    Reason.CONVERSATION_TAKEN: partial(
        AppError, Kind.CONFLICT, "conversation_taken", "Another agent is assigned to the conversation."
    ),
    Reason.DIALOG_UNKNOWN: partial(AppError, Kind.NOT_FOUND, "dialog_unknown", "The conversation has no such dialog."),
    Reason.DIALOG_CLOSED: partial(AppError, Kind.CONFLICT, "dialog_closed", "The dialog is closed."),
    Reason.PARTICIPANT_MISSING: partial(
        AppError, Kind.FORBIDDEN, "participant_missing", "Only participants may do this: join the conversation first."
    ),
    Reason.SEQUENCE_UNKNOWN: partial(
        AppError,
        Kind.INVALID,
        "sequence_unknown",
        "sequenceList names a sequence that the dialog does not have.",
    ),
    Reason.AGENT_ABSENT: partial(AppError, Kind.INVALID, "agent_absent", "Agent does not exist in conversation"),
    Reason.AGENT_UNKNOWN: partial(AppError, Kind.INVALID, "agent_unknown", "There is no such agent in the account."),
    Reason.ROLE_NOT_ALLOWED: partial(
        AppError, Kind.FORBIDDEN, "role_not_allowed", "Only managers may do this for others or in this role."
    ),
    Reason.READER_ONLY: partial(AppError, Kind.FORBIDDEN, "reader_only", "Readers do not take part in the talk."),
    Reason.CHANGE_NOT_ALLOWED: partial(
        AppError, Kind.INVALID, "change_not_allowed", "The conversation cannot be changed in this way, or not by you."
    ),
    Reason.EVENT_NOT_ALLOWED: partial(
        AppError, Kind.INVALID, "event_not_allowed", "Surveys take no chat states of the consumer."
    ),
    Reason.CONVERSATION_OPEN: partial(
        AppError, Kind.CONFLICT, "conversation_open", "The conversation is rated when it has ended."
    ),
}


def refusal(reason: Reason) -> AppError:
    """The error for what the rules of conversations refuse."""
    return _REFUSALS[reason]()


_RING_REFUSALS: Final[Mapping[RingRefusal, Callable[[], AppError]]] = {
    RingRefusal.UNKNOWN: partial(AppError, Kind.NOT_FOUND, "ring_unknown", "There is no such ring."),
    RingRefusal.FOREIGN: partial(AppError, Kind.FORBIDDEN, "ring_foreign", "The ring is another agent's."),
    RingRefusal.ENDED: partial(
        AppError, Kind.INVALID, "ring_ended", "The ring waits for an answer no more: it has ended or was overtaken."
    ),
}


def ring_refusal(reason: RingRefusal) -> AppError:
    """The error for an answer to a ring that is refused."""
    return _RING_REFUSALS[reason]()


def error_number(error: AppError) -> tuple[int, str]:
    """The Send API's number and title of an error."""
    known = ERROR_NUMBERS.get(error.code)
    return known or (error.kind.http_status * 100, error.code.replace("_", " ").capitalize())


def parameter_missing(name: str) -> AppError:
    """A member that must be there is not."""
    return AppError(Kind.INVALID, "parameter_missing", f"{name} is missing.", {"parameter": name})


def event_invalid(reason: str) -> AppError:
    """An event that does not have the shape of its type."""
    return AppError(Kind.INVALID, "event_invalid", f"The event is not valid: {reason}.")


def content_invalid(findings: Sequence[Finding]) -> AppError:
    """Structured content or quick replies that the check refuses: the first findings in words, more in the detail."""
    told = [f"{finding.path} {finding.code}: {finding.message}" for finding in findings[:_MOST_TOLD]]
    if len(findings) > _MOST_TOLD:
        told.append(f"{len(findings) - _MOST_TOLD} more")
    detail: dict[str, JsonValue] = {"findings": [finding.to_json() for finding in findings[:_MOST_FINDINGS]]}
    return AppError(Kind.INVALID, "event_invalid", f"The event is not valid: {'; '.join(told)}.", detail)


def message_too_long(limit: int) -> AppError:
    """A message longer than the setting allows."""
    return AppError(
        Kind.TOO_LARGE, "message_too_long", f"The message is longer than {limit} characters.", {"limit": limit}
    )


def profile_too_large(limit: int) -> AppError:
    """A profile that has grown beyond what is kept."""
    return AppError(
        Kind.TOO_LARGE, "profile_too_large", f"The user profile is longer than {limit} bytes.", {"limit": limit}
    )


def idempotency_key_reused() -> AppError:
    """A key that came before, with another body."""
    return AppError(Kind.UNPROCESSABLE, "idempotency_key_reused", "This Idempotency-Key was used with another request.")


def messaging_disabled() -> AppError:
    """The account has messaging switched off: no conversation is opened, those that are open go on."""
    return AppError(Kind.FORBIDDEN, "messaging_disabled", "Messaging is switched off in this account.")


def file_type_unsupported(allowed: Sequence[str]) -> AppError:
    """A file that is announced as, or turns out to be, of a type that is not exchanged here."""
    names = ", ".join(allowed)
    return AppError(
        Kind.INVALID,
        "file_type_unsupported",
        f"Files of this type are not exchanged here: {names} are.",
        {"allowed": list(allowed)},
    )


def file_size_invalid() -> AppError:
    """A size that is no number of bytes."""
    return AppError(Kind.INVALID, "file_size_invalid", "fileSize must be a number of bytes, at least 1.")


def file_empty() -> AppError:
    """An upload without a byte."""
    return AppError(Kind.INVALID, "file_empty", "The file is empty.")


def file_too_large(limit: int) -> AppError:
    """A file over the setting, or over the size that it was announced with."""
    return AppError(Kind.TOO_LARGE, "file_too_large", f"The file is larger than {limit} bytes.", {"limit": limit})


def file_quota_exceeded(limit: int) -> AppError:
    """A file for which the account's files leave no room."""
    return AppError(
        Kind.TOO_LARGE,
        "file_quota_exceeded",
        f"The files of the account would have more than {limit} bytes.",
        {"limit": limit},
    )


def file_address_invalid() -> AppError:
    """An address that is forged, expired, for another method or of no file; which of these is not told."""
    return AppError(
        Kind.UNAUTHENTICATED, "file_address_invalid", "The address is not valid for this, or not any more: ask for one."
    )


def file_unknown() -> AppError:
    """A path that names no file of those that the caller may have."""
    return AppError(Kind.NOT_FOUND, "file_unknown", "There is no such file.")


def file_not_uploaded() -> AppError:
    """A file that was announced and has not come."""
    return AppError(Kind.CONFLICT, "file_not_uploaded", "The file was not uploaded.")


def file_already_uploaded() -> AppError:
    """A second upload to an address."""
    return AppError(
        Kind.CONFLICT, "file_already_uploaded", "The file was uploaded before; an address takes one upload."
    )


def file_infected(found: str) -> AppError:
    """A file that the scanner refuses."""
    return AppError(Kind.UNPROCESSABLE, "file_infected", "The virus scanner refuses the file.", {"found": found})


def file_damaged() -> AppError:
    """A stored file that does not match its checksum any more."""
    return AppError(Kind.INTERNAL, "file_damaged", "The stored file is damaged.")


def file_store_unavailable(reason: str) -> AppError:
    """The store of files cannot be used; ``reason`` goes into the log and no answer."""
    error = AppError(
        Kind.UNAVAILABLE, "file_store_unavailable", "Files cannot be stored or read just now.", retry_after=5
    )
    error.add_note(reason)
    return error


def file_scan_unavailable() -> AppError:
    """The virus scanner gives no answer, and without one no file is taken."""
    return AppError(
        Kind.UNAVAILABLE,
        "file_scan_unavailable",
        "The virus scanner gives no answer; the file was not taken.",
        retry_after=5,
    )
