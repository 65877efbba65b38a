"""What explanations and simulations refuse."""

from switchbay.kit.errors import AppError, Kind


def visit_invalid(reason: str) -> AppError:
    """A visit that was written down cannot be read."""
    return AppError(Kind.INVALID, "visit_invalid", f"The visit cannot be read: {reason}.")


def visit_unknown() -> AppError:
    """There is no such session, or it is over."""
    return AppError(Kind.NOT_FOUND, "visit_unknown", "There is no session with these ids, or it is over.")


def visit_needed() -> AppError:
    """A visit is given in none or in both of the two ways."""
    return AppError(Kind.INVALID, "visit_needed", "Give either a visit, or a visitorId with a sessionId.")


def crowd_needed() -> AppError:
    """A crowd is given in none or in both of the two ways."""
    return AppError(Kind.INVALID, "crowd_needed", "Give either visits, or the count of visits to make up.")


def simulation_too_large(most: int) -> AppError:
    """Too many visits for the number of engagements."""
    return AppError(
        Kind.INVALID,
        "simulation_too_large",
        f"A simulation has at most {most} pairs of a visit and an engagement of the campaign, and at least one.",
        {"pairs": most},
    )


def simulation_running() -> AppError:
    """The node is at another one; its processor is for visitors."""
    return AppError(Kind.TOO_MANY, "simulation_running", "Another simulation is running on this node.", retry_after=5)
