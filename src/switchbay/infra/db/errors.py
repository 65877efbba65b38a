"""What a database refuses or cannot do, in words that do not depend on the engine."""

from switchbay.kit.errors import AppError, Kind


class UniqueViolation(Exception):
    """A row with this key exists already; the room says what that means."""


class DatabaseUnavailable(AppError):
    """The database is locked, full, gone or too slow. Nothing of the work was stored; trying again is safe."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            Kind.UNAVAILABLE,
            "database_unavailable",
            "The database cannot answer at the moment; nothing was stored. Try again.",
            {"reason": reason},
            retry_after=1,
        )
