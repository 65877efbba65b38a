"""Signatures off the event loop: every caller gets the signature of its own bytes, whoever else asks or goes away."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from switchbay.oauth.protocol.rfc7515_signature import sign_rs256
from switchbay.oauth.service.signing import Signers

KEYS = [rsa.generate_private_key(65_537, 2_048) for _ in range(3)]


@pytest.fixture
def signers() -> Signers:
    return Signers()


async def test_many_at_once_each_get_their_own(signers: Signers) -> None:
    asked = [(KEYS[number % 3], str(number).encode()) for number in range(200)]
    made = await asyncio.gather(*(signers.sign(key, text) for key, text in asked))
    assert made == [sign_rs256(key, text) for key, text in asked]


async def test_one_after_the_other_is_never_left_waiting(signers: Signers) -> None:
    async with asyncio.timeout(60):
        for number in range(300):  # each comes just when the thread before has found nothing more to do
            text = str(number).encode()
            assert await signers.sign(KEYS[0], text) == sign_rs256(KEYS[0], text)


async def test_who_goes_away_spoils_it_for_nobody(signers: Signers) -> None:
    tasks = [asyncio.create_task(signers.sign(KEYS[0], b"%d" % number)) for number in range(60)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for number, outcome in enumerate(outcomes):
        if number % 2:
            assert outcome == sign_rs256(KEYS[0], b"%d" % number)
        else:
            assert isinstance(outcome, asyncio.CancelledError)
    assert await signers.sign(KEYS[1], b"after") == sign_rs256(KEYS[1], b"after")


async def test_a_key_that_cannot_sign_fails_its_caller_and_no_other(signers: Signers) -> None:
    bad = signers.sign(KEYS[1], 1)  # type: ignore[arg-type]  # what is no bytes cannot be signed
    outcomes = await asyncio.gather(bad, *(signers.sign(KEYS[0], b"x") for _ in range(10)), return_exceptions=True)
    assert isinstance(outcomes[0], TypeError)
    assert outcomes[1:] == [sign_rs256(KEYS[0], b"x")] * 10


async def test_the_event_loop_goes_on_meanwhile(signers: Signers) -> None:
    turns = 0
    waiting = asyncio.gather(*(signers.sign(KEYS[0], b"%d" % number) for number in range(100)))
    while not waiting.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 20
    assert len(set(await waiting)) == 100


async def test_nobody_waits_for_ever_once_it_is_stopped(signers: Signers) -> None:
    tasks = [asyncio.create_task(signers.sign(KEYS[0], b"%d" % number)) for number in range(100)]
    await asyncio.sleep(0)
    signers.stop()
    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, bytes | asyncio.CancelledError) for each in outcomes)
    with pytest.raises(RuntimeError, match="any more"):
        await signers.sign(KEYS[0], b"late")
