"""What the menu refuses, each with its stable code. People see them as a page."""

from switchbay.kit.errors import AppError, Kind


def app_unknown() -> AppError:
    """The app is not in the menu: not installed, switched off, or not meant for it."""
    return AppError(Kind.NOT_FOUND, "launch_app_unknown", "This application is not in the menu.")


def entry_unsafe() -> AppError:
    """Its entry would be opened without encryption."""
    return AppError(
        Kind.CONFLICT,
        "launch_entry_unsafe",
        "This application cannot be started: its entry address is not https. Its manifest has to be changed.",
    )


def target_refused() -> AppError:
    """The page that was asked for is not one of the app's."""
    return AppError(
        Kind.INVALID, "launch_target_refused", "This link leads to a page that does not belong to the application."
    )


def account_unknown() -> AppError:
    """There can be no such account."""
    return AppError(Kind.NOT_FOUND, "launch_account_unknown", "There is no such account.")


def page_address_invalid() -> AppError:
    """An address of a page that none of our pages leads to."""
    return AppError(Kind.INVALID, "page_address_invalid", "This address is not one of these pages.")
