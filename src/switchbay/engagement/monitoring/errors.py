"""Refusals of the Monitoring API: a status, and the internal code of section 4.7 of the reference."""

from typing import Final

CODE_BODY: Final = 5
CODE_UNKNOWN: Final = 6
CODE_SESSION_ENDED: Final = 12
CODE_UNEXPECTED: Final = 18
CODE_INSTALLATION: Final = 18
CODE_UNAVAILABLE: Final = 20
CODE_VERSION: Final = 33
CODE_VISITOR: Final = 37
CODE_SESSION: Final = 39


class Refusal(Exception):
    """A refused request. ``code`` is what the body calls ``internalCode``; ``retry_after`` is in whole seconds."""

    def __init__(self, status: int, code: int, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


def version_illegal() -> Refusal:
    """A version that there is not."""
    return Refusal(400, CODE_VERSION, "Illegal API version: v must be 1.0 or 1.1.")


def body_invalid(message: str) -> Refusal:
    """A body that is missing, no JSON, or does not fit."""
    return Refusal(400, CODE_BODY, message)


def account_unknown() -> Refusal:
    """No such account; the code is that of the Visit Information API, this one names none."""
    return Refusal(404, CODE_UNKNOWN, "There is no such account.")


def installation_invalid() -> Refusal:
    """An app that is not installed here, or is disabled."""
    return Refusal(404, CODE_INSTALLATION, "Invalid app installation id.")


def visitor_invalid() -> Refusal:
    """A visitor id that cannot be one."""
    return Refusal(404, CODE_VISITOR, "Invalid visitor id.")


def session_invalid() -> Refusal:
    """A session id that cannot be one."""
    return Refusal(404, CODE_SESSION, "Invalid session id.")


def session_ended() -> Refusal:
    """A session that is over."""
    return Refusal(404, CODE_SESSION_ENDED, "The session has ended.")


def too_many_sessions(retry_after: int) -> Refusal:
    """More new sessions from one network than are let in."""
    message = "Too many new sessions come from this address; nothing was stored. Try again later."
    return Refusal(503, CODE_UNAVAILABLE, message, retry_after=retry_after)


def unavailable() -> Refusal:
    """Too much is going on."""
    return Refusal(503, CODE_UNAVAILABLE, "Temporarily unavailable; nothing was stored. Try again.", retry_after=3)


def unexpected() -> Refusal:
    """What nobody has foreseen; the log has the details."""
    return Refusal(500, CODE_UNEXPECTED, "Unexpected error.")
