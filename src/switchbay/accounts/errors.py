"""The errors of the accounts room, each with a stable code (``docs/reference/accounts.md`` explains them)."""

from switchbay.kit.errors import AppError, Kind


def account_unknown() -> AppError:
    """No account has this id."""
    return AppError(Kind.NOT_FOUND, "account_unknown", "There is no such account.")


def account_exists() -> AppError:
    """The id of a new account is taken."""
    return AppError(Kind.CONFLICT, "account_exists", "An account with this id exists already.")


def account_id_invalid() -> AppError:
    """The id of a new account has the wrong shape."""
    return AppError(
        Kind.INVALID, "account_id_invalid", "An account id is 1 to 20 ASCII letters, digits or underscores."
    )


def account_setting_invalid(setting: str, rule: str) -> AppError:
    """A setting of an account is out of its range."""
    return AppError(Kind.INVALID, "account_setting_invalid", f"{setting}: {rule}", {"setting": setting})


def name_invalid(what: str, rule: str) -> AppError:
    """A name has characters or a length that names may not have; ``what`` says which name."""
    return AppError(Kind.INVALID, "name_invalid", f"The {what} is not acceptable: {rule}.", {"name": what})


def password_invalid(rule: str) -> AppError:
    """A password is too short or too long to be one."""
    return AppError(Kind.INVALID, "password_invalid", f"The password is not acceptable: {rule}.")


def roles_missing() -> AppError:
    """A user must have a role."""
    return AppError(Kind.INVALID, "roles_missing", "A user needs at least one role.")


def user_unknown() -> AppError:
    """No user of the account has this id."""
    return AppError(Kind.NOT_FOUND, "user_unknown", "There is no such user in this account.")


def user_exists() -> AppError:
    """The login name is taken, in whatever case it is written."""
    return AppError(Kind.CONFLICT, "user_exists", "A user with this login name exists already.")


def last_admin() -> AppError:
    """The change would leave the account without an administrator."""
    return AppError(Kind.CONFLICT, "last_admin", "An account keeps at least one enabled user with the role admin.")


def role_missing(wanted: str) -> AppError:
    """The caller has none of the roles that may do this."""
    return AppError(Kind.FORBIDDEN, "role_missing", f"This needs a user with the role {wanted}.")


def session_missing() -> AppError:
    """The request names no session."""
    return AppError(Kind.UNAUTHENTICATED, "session_missing", "Log in first: the request carries no session.")


def session_invalid() -> AppError:
    """The session is unknown here, over, or another account's."""
    return AppError(Kind.UNAUTHENTICATED, "session_invalid", "The session is over or was never valid for this account.")


def session_unknown() -> AppError:
    """No session of the account has this id."""
    return AppError(Kind.NOT_FOUND, "session_unknown", "There is no such session in this account.")


def csrf_invalid() -> AppError:
    """The session lives, but the request lacks its csrf value; not a 401, which would have clients log in again."""
    return AppError(Kind.FORBIDDEN, "csrf_invalid", "The csrf value is not the one of this session.")


def login_failed() -> AppError:
    """One answer for an unknown user, a disabled one and a wrong password."""
    return AppError(Kind.UNAUTHENTICATED, "login_failed", "The user name or the password is wrong.")


def login_throttled(seconds: int) -> AppError:
    """Too many failed logins; ``seconds`` is how long to wait."""
    message = "Too many failed logins. Wait before the next one."
    return AppError(Kind.TOO_MANY, "login_throttled", message, {"retry_after": seconds}, retry_after=seconds)


def login_busy() -> AppError:
    """More logins are under way than this node hashes passwords for."""
    message = "Too many logins are under way at once. Try again."
    return AppError(Kind.UNAVAILABLE, "login_busy", message, retry_after=1)


def login_ticket_invalid() -> AppError:
    """The ticket between password and code is too old, of another account, or what it tells is not true any more."""
    return AppError(Kind.UNAUTHENTICATED, "login_ticket_invalid", "This login took too long. Start it again.")


def login_not_recent() -> AppError:
    """The session is too old for a change of how its user logs in."""
    return AppError(Kind.FORBIDDEN, "login_not_recent", "Log in again first: this needs a login of the last minutes.")


def second_factor_missing() -> AppError:
    """The password is right, and this user needs a code as well."""
    return AppError(
        Kind.UNAUTHENTICATED, "second_factor_missing", "Send the code of the second factor too, in the member otp."
    )


def second_factor_invalid() -> AppError:
    """The code is wrong, too old, or was used before."""
    return AppError(
        Kind.UNAUTHENTICATED, "second_factor_invalid", "The code is wrong, too old, or has been used already."
    )


def second_factor_refused() -> AppError:
    """The same where a live session asks: not a 401, which would have clients log in again."""
    return AppError(Kind.FORBIDDEN, "second_factor_refused", "The code is wrong, too old, or has been used already.")


def second_factor_exists() -> AppError:
    """A second factor is in use already."""
    return AppError(Kind.CONFLICT, "second_factor_exists", "There is a second factor already. Remove it first.")


def second_factor_unknown() -> AppError:
    """There is no second factor to confirm, use or remove."""
    return AppError(Kind.NOT_FOUND, "second_factor_unknown", "There is no second factor.")


def login_field_missing(field: str) -> AppError:
    """The login body lacks a member, or it is not a string, or it is empty."""
    message = f"The login needs the member {field}, a string that is not empty."
    return AppError(Kind.INVALID, "login_field_missing", message, {"field": field})


def login_method_unsupported(method: str) -> AppError:
    """The login body is one of the kinds that this server does not offer."""
    message = f"Login by {method} is not offered; send username and password."
    return AppError(Kind.INVALID, "login_method_unsupported", message, {"method": method})


def service_unknown() -> AppError:
    """The directory has no service of this name; names are case-sensitive."""
    return AppError(Kind.NOT_FOUND, "service_unknown", "The directory has no service of this name.")


def cursor_invalid() -> AppError:
    """A cursor that no answer of this list contained."""
    return AppError(Kind.INVALID, "cursor_invalid", "The cursor is not one that this list gave out.")


def filter_invalid(name: str) -> AppError:
    """A filter that no stored value can match."""
    return AppError(Kind.INVALID, "filter_invalid", f"The filter {name} cannot match anything.", {"filter": name})
