"""Errors of the webhooks room."""

from switchbay.kit.errors import AppError, Kind


def delivery_unknown() -> AppError:
    """No delivery of this account has this id."""
    return AppError(Kind.NOT_FOUND, "delivery_unknown", "This account has no delivery with this id.")


def delivery_pending() -> AppError:
    """A delivery that is still to be made cannot be made again."""
    return AppError(Kind.CONFLICT, "delivery_pending", "This delivery is still pending: it is sent anyway.")


def event_not_subscribed(event_key: str) -> AppError:
    """The app is disabled, removed, or has no endpoint for this event."""
    return AppError(
        Kind.CONFLICT,
        "event_not_subscribed",
        "The app is disabled or removed, or has no endpoint for this event.",
        {"event": event_key},
    )


def replay_unknown() -> AppError:
    """No replay of this account has this id."""
    return AppError(Kind.NOT_FOUND, "replay_unknown", "This account has no replay with this id.")


def replay_range_invalid() -> AppError:
    """A replay of no time, or of time to come."""
    return AppError(
        Kind.INVALID,
        "replay_range_invalid",
        "A replay needs a since that lies before until, and neither in the future.",
    )


def replays_too_many(most: int) -> AppError:
    """So many replays of the account are under way that no other may begin."""
    return AppError(
        Kind.CONFLICT, "replays_too_many", "Too many replays are under way in this account.", {"most": most}
    )


def operational_webhook_unknown() -> AppError:
    """No operational webhook of this account has this id."""
    return AppError(
        Kind.NOT_FOUND, "operational_webhook_unknown", "This account has no operational webhook with this id."
    )


def operational_webhooks_too_many(most: int) -> AppError:
    """The account has as many operational webhooks as it may have."""
    return AppError(
        Kind.CONFLICT,
        "operational_webhooks_too_many",
        "This account has too many operational webhooks.",
        {"most": most},
    )


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


def app_unknown() -> AppError:
    """No app of this account has this id."""
    return AppError(Kind.NOT_FOUND, "app_unknown", "The account has no app with this id.")


def client_certificate_unknown() -> AppError:
    """An endpoint that is shown no client certificate, or another one by now."""
    return AppError(Kind.NOT_FOUND, "client_certificate_unknown", "The app has no client certificate for this event.")


def client_certificate_refused(why: str) -> AppError:
    """A client certificate, or its key, that cannot be used. Neither is repeated."""
    return AppError(
        Kind.INVALID, "client_certificate_refused", f"The client certificate cannot be used: {why}.", {"why": why}
    )
