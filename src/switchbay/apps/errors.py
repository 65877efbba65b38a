"""What the apps room refuses, each with its stable code."""

from collections.abc import Mapping

from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue


def app_unknown() -> AppError:
    """No app of the account, or none any more, has this id."""
    return AppError(Kind.NOT_FOUND, "app_unknown", "The account has no app with this id.")


def app_name_taken(client_name: str) -> AppError:
    """Another app of the account has this name, compared without regard to case."""
    return AppError(
        Kind.CONFLICT,
        "app_name_taken",
        "Another app of this account has the same client_name; names are compared without regard to case.",
        {"client_name": client_name},
    )


def manifest_invalid(report: Mapping[str, JsonValue]) -> AppError:
    """The manifest has errors; the whole report is in the detail."""
    return AppError(
        Kind.INVALID,
        "manifest_invalid",
        "The manifest has errors; the report lists them all.",
        {"report": dict(report)},
    )


def conversations_not_asked() -> AppError:
    """A decision about an app that does not ask for all conversations."""
    return AppError(Kind.CONFLICT, "conversations_not_asked", "The app does not ask for all conversations.")


def conversations_decided(state: str) -> AppError:
    """A decision that does not fit what was decided before."""
    return AppError(
        Kind.CONFLICT,
        "conversations_decided",
        "A request that is approved is withdrawn, not refused; only an approval can be withdrawn.",
        {"state": state},
    )


def redacted_value(places: list[str]) -> AppError:
    """A header value is the mask that stands in exports, and there is no stored value it could mean."""
    return AppError(
        Kind.INVALID,
        "redacted_value",
        "A header value is the mask of an export, and no stored value belongs to it; give the value itself.",
        {"paths": list(places)},
    )


def rotation_under_way(not_after: int) -> AppError:
    """The previous secret is still valid, so a rotation would end it early."""
    return AppError(
        Kind.CONFLICT,
        "rotation_under_way",
        "The previous secret is still valid; finish that rotation first, or force this one.",
        {"not_after": not_after},
    )


def rotation_absent() -> AppError:
    """There is no rotation to finish."""
    message = "The app has only one valid primary secret; no rotation is under way."
    return AppError(Kind.CONFLICT, "rotation_absent", message)


def secret_unknown() -> AppError:
    """The app has no secret with this id, or none any more."""
    return AppError(Kind.NOT_FOUND, "secret_unknown", "The app has no secret with this id.")


def secret_name_invalid() -> AppError:
    """The name of a secret cannot be one."""
    return AppError(
        Kind.INVALID,
        "secret_name_invalid",
        'The name of a secret is 1 to 64 printable characters, and not "primary", which rotations replace.',
    )


def secret_name_taken(name: str) -> AppError:
    """The app has a secret of this name, compared without regard to case."""
    return AppError(Kind.CONFLICT, "secret_name_taken", "The app has a secret of this name already.", {"name": name})


def secret_end_past(not_after: int) -> AppError:
    """The secret would have ended before it began."""
    return AppError(
        Kind.INVALID, "secret_end_past", "The end of the secret, not_after, lies in the past.", {"not_after": not_after}
    )


def secrets_full(most: int) -> AppError:
    """The app has as many valid secrets as it may have."""
    return AppError(
        Kind.CONFLICT, "secrets_full", f"An app has at most {most} valid secrets; remove one first.", {"most": most}
    )


def secret_last() -> AppError:
    """Without this secret the app would be left with none, or only with some that end."""
    return AppError(
        Kind.CONFLICT, "secret_last", "This is the app's last secret without an end; add or rotate one first."
    )


def variable_malformed() -> AppError:
    """A placeholder's value is not given as it should be, or there are too many."""
    return AppError(
        Kind.INVALID, "variable_malformed", "Placeholders are filled with set=NAME=VALUE, at most 100 of them."
    )


def app_method_not_allowed(method: str) -> AppError:
    """The method, or the method that overrides it, means nothing here."""
    return AppError(
        Kind.NOT_ALLOWED, "app_method_not_allowed", "This method is not allowed here.", {"method": method[:20]}
    )


def logo_unknown() -> AppError:
    """There is no copy of a logo for this app."""
    return AppError(Kind.NOT_FOUND, "logo_unknown", "There is no logo here.")
