"""The one error type of the program and the kinds that map to HTTP statuses and exit codes.

A room raises ``AppError`` with a stable ``code``; the kind decides, once for the whole program, which HTTP status and
which exit code of the command line it becomes. Outcomes that are expected (a failed delivery) are values, not errors.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from switchbay.kit.jsonvalue import JsonValue


@dataclass(frozen=True, slots=True)
class KindInfo:
    """What one kind of error maps to."""

    http_status: int
    exit_code: int


class Kind(Enum):
    """Kinds of errors; the value holds the HTTP status and the exit code of the command line."""

    INVALID = KindInfo(400, 1)
    UNAUTHENTICATED = KindInfo(401, 3)
    FORBIDDEN = KindInfo(403, 3)
    NOT_FOUND = KindInfo(404, 4)
    NOT_ALLOWED = KindInfo(405, 2)
    CONFLICT = KindInfo(409, 5)
    STALE = KindInfo(412, 5)
    TOO_LARGE = KindInfo(413, 1)
    BAD_MEDIA = KindInfo(415, 1)
    UNPROCESSABLE = KindInfo(422, 1)
    PRECONDITION_REQUIRED = KindInfo(428, 5)
    TOO_MANY = KindInfo(429, 6)
    INTERNAL = KindInfo(500, 70)
    UNAVAILABLE = KindInfo(503, 6)

    @property
    def http_status(self) -> int:
        """The HTTP status that an error of this kind answers."""
        return self.value.http_status


class AppError(Exception):
    """A refused request or a failed operation, with a code that clients may match on.

    ``code`` is snake_case and documented in ``docs/reference/errors.md``; ``message`` is one sentence for people;
    ``detail`` is a JSON object for programs; ``retry_after`` is in whole seconds.
    """

    def __init__(
        self,
        kind: Kind,
        code: str,
        message: str,
        detail: Mapping[str, JsonValue] | None = None,
        *,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.message = message
        self.detail: Mapping[str, JsonValue] = detail or {}
        self.retry_after = retry_after

    def to_json(self) -> dict[str, JsonValue]:
        """Render the error shape of the management API: ``{"error": {"code", "message", "detail"}}``."""
        body: dict[str, JsonValue] = {"code": self.code, "message": self.message}
        if self.detail:
            body["detail"] = dict(self.detail)
        return {"error": body}
