"""Errors of the webhooks room."""

from switchbay.kit.errors import AppError, Kind


def delivery_unknown() -> AppError:
    """No delivery of this account has this id."""
    return AppError(Kind.NOT_FOUND, "delivery_unknown", "This account has no delivery with this id.")


def cursor_invalid() -> AppError:
    """A cursor that no answer of this list contained."""
    return AppError(Kind.INVALID, "cursor_invalid", "The cursor is not one that this list gave out.")


def header_refused(name: str, why: str) -> AppError:
    """A custom header that would break the request or pose as one of ours. The value is not repeated."""
    return AppError(
        Kind.INVALID, "webhook_header_refused", "A custom webhook header cannot be sent.", {"name": name, "why": why}
    )


def endpoint_refused(event_key: str, why: str) -> AppError:
    """An endpoint that can never be called."""
    return AppError(
        Kind.INVALID,
        "webhook_endpoint_refused",
        "A webhook endpoint cannot be called.",
        {"event": event_key, "why": why},
    )
