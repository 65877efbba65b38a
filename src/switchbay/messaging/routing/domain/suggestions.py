"""Transfers to a certain agent: ring at once, wait for them, or take the offer back."""

from enum import StrEnum

from switchbay.messaging.routing.domain.agents import Agent


class Suggestion(StrEnum):
    """What to do about a conversation that is suggested to an agent."""

    RING = "ring"
    WAIT = "wait"
    WITHDRAW = "withdraw"


def judge_suggestion(agent: Agent | None, now: int) -> Suggestion:
    """Whoever is ONLINE or OCCUPIED is rung, whatever their capacity: somebody chose them.

    Who has just lost the connection is waited for. Of anybody else the suggestion is withdrawn.
    """
    if agent is None or not agent.availability.takes_transfers or agent.is_gone(now):
        return Suggestion.WITHDRAW
    if agent.is_connected:
        return Suggestion.RING
    return Suggestion.WAIT if agent.leaves_at is not None else Suggestion.WITHDRAW
