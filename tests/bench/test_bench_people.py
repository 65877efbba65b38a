"""The people of "make crowd" notice what breaks a transcript."""

import random
import ssl
from typing import Any

import pytest
from bench.people import Agent, Consumer, World


@pytest.fixture
def world() -> World:
    return World((1,), ssl.create_default_context(), random.Random(1), 1.0)  # noqa: S311 - a test


def event(sequence: int, message: str = "hi") -> dict[str, Any]:
    return {"dialogId": "d", "sequence": sequence, "event": {"message": message}}


def followed(*sequences: int) -> dict[str, Any]:
    body = {"dialogId": "d", "changes": [event(one) for one in sequences]}
    return {"kind": "notification", "type": "ms.MessagingEventNotification", "body": body}


def told(sequence: int, message: str = "hi") -> dict[str, Any]:
    return {"kind": "notification", "type": ".ams.ms.OnlineEventDistribution", "body": event(sequence, message)}


@pytest.mark.parametrize(
    ("sequences", "faults"),
    [
        ((0, 1, 2), []),
        ((0, 2), ["kim: d has 1 events, then came 2"]),
        ((0, 0), ["kim: d has 1 events, and 0 came again"]),
    ],
)
def test_a_consumer_notices_gaps_and_repeats(world: World, sequences: tuple[int, ...], faults: list[str]) -> None:
    kim = Consumer(world, "kim", "/", transcripts={"d": []}, connections=1)
    kim.told(1, followed(*sequences))
    assert kim.faults == faults


def test_what_a_broken_connection_still_brings_is_left_alone(world: World) -> None:
    kim = Consumer(world, "kim", "/", transcripts={"d": []}, connections=2)
    kim.told(1, followed(0))
    assert kim.transcripts == {"d": []}


@pytest.mark.parametrize(
    ("sequences", "faults"),
    [
        ((3, 4), []),
        ((3, 5), ["bob: d told 5 after 3"]),
        ((3, 3), ["bob: d told 3 after 3"]),
    ],
)
def test_an_agent_notices_what_one_connection_skips_or_repeats(
    world: World, sequences: tuple[int, ...], faults: list[str]
) -> None:
    bob = Agent(world, "bob", "/", transcripts={"d": ["hi"] * 3}, connections=1, _early=[])
    for one in sequences:
        bob.told(1, told(one))
    assert bob.faults == faults


def test_an_agent_notices_an_event_that_has_become_another(world: World) -> None:
    bob = Agent(world, "bob", "/", transcripts={"d": ["hi"]}, connections=1)
    bob.told(1, told(0, "ho"))
    assert bob.faults == ["bob: d has another 0 now"]
