"""What the configuration refuses, each with its stable code."""

from collections.abc import Sequence

from switchbay.engagement.configuration.domain.findings import MOST, Finding
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

_MOST_USERS = 100


def object_unknown(type_: str) -> AppError:
    """The account has no such object, or none any more."""
    return AppError(Kind.NOT_FOUND, "object_unknown", f"The account has no {type_} with this id.", {"type": type_})


def configuration_invalid(findings: Sequence[Finding]) -> AppError:
    """The body has errors; the detail lists them."""
    message = "The body has errors; the findings list them."
    if len(findings) == 1:
        message = f"{findings[0].message.rstrip('.')} (at {findings[0].path or 'the body'})."
    return AppError(
        Kind.INVALID,
        "configuration_invalid",
        message,
        {"findings": [finding.to_json() for finding in findings[:MOST]]},
    )


def capability_missing(findings: Sequence[Finding]) -> AppError:
    """The app's manifest does not allow what an engagement is to be made of."""
    return AppError(
        Kind.INVALID,
        "capability_missing",
        "; ".join(dict.fromkeys(finding.message for finding in findings[:3])) + ".",
        {"findings": [finding.to_json() for finding in findings[:MOST]]},
    )


def users_barred(users: Sequence[JsonValue]) -> AppError:
    """The change of a shared item would keep engagements that use it from being offered."""
    return AppError(
        Kind.CONFLICT,
        "users_barred",
        "Engagements that use this item come from apps whose manifests do not allow it after this change.",
        {"users": list(users[:_MOST_USERS]), "count": len(users)},
    )


def object_in_use(users: Sequence[JsonValue]) -> AppError:
    """What others refer to cannot be deleted."""
    return AppError(
        Kind.CONFLICT,
        "object_in_use",
        "Others refer to this object; change or delete them first.",
        {"users": list(users[:_MOST_USERS]), "count": len(users)},
    )


def configuration_full(type_: str, most: int) -> AppError:
    """The account has as many objects of this type as it may have."""
    return AppError(
        Kind.CONFLICT, "configuration_full", f"An account has at most {most} objects of this type.", {"type": type_}
    )


def call_not_allowed(method: str) -> AppError:
    """The method, or the method that overrides it, means nothing here."""
    return AppError(Kind.NOT_ALLOWED, "call_not_allowed", "This method is not allowed here.", {"method": method[:20]})


def query_invalid(name: str) -> AppError:
    """A parameter of the query has a value that it cannot have."""
    return AppError(Kind.INVALID, "query_invalid", f"The parameter {name} cannot have this value.", {"name": name})


def design_unknown() -> AppError:
    """No engagement of this id and revision is offered now."""
    return AppError(Kind.NOT_FOUND, "design_unknown", "No engagement of this id and revision is offered now.")
