"""The errors of the oauth room that other rooms and routes see. Those of the token endpoint are in ``protocol``."""

from collections.abc import Sequence

from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue


def app_token_missing() -> AppError:
    """No application token came with the request."""
    return AppError(Kind.UNAUTHENTICATED, "app_token_missing", "The Authorization header carries no application token.")


def app_token_invalid() -> AppError:
    """One answer for every reason: an attacker learns nothing from it. The reason is in the log."""
    return AppError(
        Kind.UNAUTHENTICATED,
        "app_token_invalid",
        "The application token is expired, forged, of another account, or its application is disabled.",
    )


def consumer_token_missing() -> AppError:
    """No consumer token came with the request."""
    return AppError(Kind.UNAUTHENTICATED, "consumer_token_missing", "The request carries no consumer token.")


def consumer_token_invalid() -> AppError:
    """One answer for every reason, as with application tokens."""
    return AppError(
        Kind.UNAUTHENTICATED,
        "consumer_token_invalid",
        "The consumer token is expired, forged, or of another account.",
    )


def scope_missing(scope: str) -> AppError:
    """The application token is good, but does not allow this."""
    return AppError(
        Kind.FORBIDDEN, "scope_missing", f"The application token lacks the scope {scope}.", {"scope": scope}
    )


def consumer_id_invalid(reason: str) -> AppError:
    """The connector's own id of a consumer cannot be taken."""
    return AppError(Kind.INVALID, "consumer_id_invalid", f"The ext_consumer_id {reason}.")


def resource_invalid(resource: str | None) -> AppError:
    """What was given as a resource indicator is none, or there are too many of them."""
    problem = "There are too many resources" if resource is None else f"{resource!r} cannot be a resource"
    return AppError(
        Kind.INVALID,
        "resource_invalid",
        f"{problem}: a resource is an absolute https address without a fragment, and there are at most a hundred.",
    )


def key_algorithm_unsupported(purpose: str, alg: str) -> AppError:
    """Keys of this purpose never sign by this algorithm."""
    return AppError(Kind.INVALID, "key_algorithm_unsupported", f"Keys for {purpose} do not sign by {alg}.")


def keys_unavailable() -> AppError:
    """The signing keys changed faster than they could be read; trying again is safe."""
    return AppError(
        Kind.UNAVAILABLE, "keys_unavailable", "The signing keys are changing at this moment. Try again.", retry_after=1
    )


def subject_gone() -> AppError:
    """The user of a grant was deleted between its decision and its token."""
    return AppError(Kind.FORBIDDEN, "subject_gone", "The user is no longer there.")


def consent_unknown() -> AppError:
    """Nobody has given this consent, or it was withdrawn before."""
    return AppError(Kind.NOT_FOUND, "consent_unknown", "There is no such consent.")


def consent_scope_invalid(more: Sequence[str], allowed: Sequence[str]) -> AppError:
    """A consent for more than the app may ask for."""
    detail: dict[str, JsonValue] = {"scope": list(more), "allowed": list(allowed)}
    return AppError(Kind.INVALID, "consent_scope_invalid", "The application may not ask for this scope.", detail)


def consent_cursor_invalid() -> AppError:
    """The cursor is not one that this server gave out."""
    return AppError(Kind.INVALID, "cursor_invalid", "The cursor is not one that this server gave out.")


def user_token_missing() -> AppError:
    """No access token of a user came with the request."""
    return AppError(Kind.UNAUTHENTICATED, "user_token_missing", "The Authorization header carries no access token.")


def user_token_invalid() -> AppError:
    """One answer for every reason, as with application tokens."""
    return AppError(
        Kind.UNAUTHENTICATED, "user_token_invalid", "The access token is expired, revoked, or of another account."
    )


def registration_off() -> AppError:
    """The account does not let apps register themselves."""
    return AppError(Kind.FORBIDDEN, "registration_off", "This account does not let applications register themselves.")


def registration_token_invalid(rule: str) -> AppError:
    """A label, a number of uses or a lifetime that an initial access token cannot have."""
    return AppError(Kind.INVALID, "registration_token_invalid", f"Not acceptable: {rule}.")


def registration_token_unknown() -> AppError:
    """No initial access token of the account has this id."""
    return AppError(Kind.NOT_FOUND, "registration_token_unknown", "The account has no such registration token.")


def registration_tokens_full(most: int) -> AppError:
    """The account has as many initial access tokens as it may have."""
    return AppError(
        Kind.CONFLICT,
        "registration_tokens_full",
        "The account has as many registration tokens as it may have; revoke some first.",
        {"most": most},
    )


def registration_busy() -> AppError:
    """The account's apps changed each time between reading this one and storing it."""
    return AppError(
        Kind.UNAVAILABLE, "registration_busy", "The account's applications are changing. Try again.", retry_after=1
    )


def upstream_unknown() -> AppError:
    """The account has no provider of this id."""
    return AppError(Kind.NOT_FOUND, "upstream_unknown", "There is no such provider in this account.")


def upstream_invalid(member: str, rule: str) -> AppError:
    """A member of a provider has a value that it cannot have."""
    return AppError(Kind.INVALID, "upstream_invalid", f"{member}: {rule}.", {"member": member})


def upstream_limit(most: int) -> AppError:
    """The account has as many providers as it may have."""
    return AppError(Kind.CONFLICT, "upstream_limit", f"An account has at most {most} providers.", {"limit": most})


def upstream_link_unknown() -> AppError:
    """The user has never logged in at this provider."""
    return AppError(Kind.NOT_FOUND, "upstream_link_unknown", "This user is not known at this provider.")


def web_messaging_off() -> AppError:
    """The account names no web origin."""
    return AppError(Kind.FORBIDDEN, "web_messaging_off", "Consumers do not come by themselves to this account.")


def origin_not_allowed() -> AppError:
    """A page of an origin that the account does not name."""
    return AppError(
        Kind.FORBIDDEN, "origin_not_allowed", "Pages of this origin may not use the web messenger of the account."
    )


def sign_up_throttled(seconds: int) -> AppError:
    """Too many tokens for one network; ``seconds`` is how long to wait."""
    message = "Too many sign-ups from this network. Wait before the next one."
    return AppError(Kind.TOO_MANY, "sign_up_throttled", message, {"retry_after": seconds}, retry_after=seconds)
