"""Errors of the management of skills and agents, with stable codes."""

from switchbay.kit.errors import AppError, Kind


def skill_unknown() -> AppError:
    """No such skill in the account."""
    return AppError(Kind.NOT_FOUND, "skill_unknown", "There is no such skill.")


def skill_exists() -> AppError:
    """The name is taken."""
    return AppError(Kind.CONFLICT, "skill_exists", "Another skill of the account has this name.")


def skill_used(agents: int, conversations: int) -> AppError:
    """The skill is in use."""
    return AppError(
        Kind.CONFLICT,
        "skill_used",
        "Agents have this skill, or open conversations ask for it.",
        {"agents": agents, "conversations": conversations},
    )


def skills_too_many(most: int) -> AppError:
    """An account has a bounded number of skills."""
    return AppError(Kind.CONFLICT, "skills_too_many", f"An account has at most {most} skills.", {"limit": most})


def skill_invalid(reason: str) -> AppError:
    """A name or a description that cannot be one."""
    return AppError(Kind.INVALID, "skill_invalid", f"This cannot be a skill: {reason}.")


def capacity_invalid(most: int) -> AppError:
    """A capacity out of range."""
    return AppError(Kind.INVALID, "capacity_invalid", f"A capacity is 0 to {most}.", {"limit": most})


def agent_state_invalid(reason: str) -> AppError:
    """An agent cannot be like this."""
    return AppError(Kind.INVALID, "agent_state_invalid", f"This is not the state of an agent: {reason}.")


def ring_answer_invalid() -> AppError:
    """Not one of the two answers."""
    return AppError(Kind.INVALID, "ring_answer_invalid", "A ring is ACCEPTED or REJECTED.")


def agent_not_found() -> AppError:
    """A user who does not exist, or who answers nobody."""
    return AppError(Kind.NOT_FOUND, "agent_not_found", "The account has no agent with this id.")
