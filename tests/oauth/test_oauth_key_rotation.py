"""The life of keys: next, active, retiring, gone. Two nodes rotate once, and whoever verifies notices nothing."""

import asyncio
import heapq
import json
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from joserfc import jws
from joserfc.jwk import KeySet

from switchbay.accounts.public import OPERATOR
from switchbay.infra.db import Database, DatabaseUnavailable, Tx
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError
from switchbay.oauth.domain import Algorithm, KeyPurpose, KeyState
from switchbay.oauth.protocol.key_schedule import Schedule
from switchbay.oauth.protocol.rfc7515_signature import TokenRefused, read_header
from switchbay.oauth.service import KeyRing
from switchbay.oauth.service.rotation import Rotated
from switchbay.oauth.tables import keys

DAY = 86_400
LEAD = 2 * 900_000 + 60_000
ROTATION = 90 * DAY * 1000
RETIRING = 3_600_000 + 900_000 + 60_000
ES256 = Algorithm.ES256
RS256 = Algorithm.RS256


async def states(db: Database, purpose: KeyPurpose = KeyPurpose.OIDC) -> dict[str, str]:
    async def read(tx: Tx) -> dict[str, str]:
        found = await tx.fetch(sa.select(keys.c.kid, keys.c.state).where(keys.c.purpose == purpose.value))
        return {row["kid"]: row["state"] for row in found}

    return await db.read(read)


async def count(db: Database) -> Counter[str]:
    return Counter((await states(db)).values())


async def published(ring: KeyRing) -> set[str]:
    return {key["kid"] for key in json.loads((await ring.render_account_keys("acme")).document)["keys"]}


async def sign(ring: KeyRing, purpose: KeyPurpose = KeyPurpose.OIDC, alg: Algorithm = ES256) -> str:
    return await ring.sign("acme", purpose, b"{}", alg=alg)


async def kid_that_signs(ring: KeyRing, purpose: KeyPurpose = KeyPurpose.OIDC, alg: Algorithm = ES256) -> str:
    return read_header(await sign(ring, purpose, alg)).kid


async def believed(ring: KeyRing, token: str) -> bool:
    try:
        return await ring.open("acme", token, set(KeyPurpose)) == b"{}"
    except TokenRefused as refused:
        if str(refused) != "key_unknown":
            raise
        return False


async def step(ring: KeyRing, clock: ManualClock, ms: int) -> Rotated:
    """Let time pass, then let the schedule take its step."""
    clock.advance(ms=ms)
    return await ring.rotate_once(clock.now_ms())


# By schedule


async def test_a_key_is_published_signs_retires_and_goes_at_its_times(
    db: Database, ring: KeyRing, clock: ManualClock
) -> None:
    first = await kid_that_signs(ring)
    old = await sign(ring)
    assert await step(ring, clock, ROTATION - LEAD - 1) == Rotated(0, 0, 0)
    assert await states(db) == {first: "active"}
    assert await step(ring, clock, 1) == Rotated(1, 0, 0)
    (second,) = set(await states(db)) - {first}
    assert await states(db) == {first: "active", second: "next"}
    assert {first, second} <= await published(ring)
    assert await kid_that_signs(ring) == first

    assert await step(ring, clock, LEAD - 1) == Rotated(0, 0, 0)
    assert await kid_that_signs(ring) == first
    assert (await step(ring, clock, 1)).promoted == 1
    assert (await states(db))[first] == "retiring"
    assert (await states(db))[second] == "active"
    assert await kid_that_signs(ring) == second
    assert {first, second} <= await published(ring)

    assert (await step(ring, clock, RETIRING - 1)).removed == 0
    assert await believed(ring, old)
    assert (await step(ring, clock, 1)).removed == 1
    clock.advance(seconds=2)  # for so long a node believes what it read
    assert not await believed(ring, old)
    assert first not in await states(db)
    assert first not in await published(ring)


async def test_the_next_key_follows_after_the_same_time_again(db: Database, ring: KeyRing, clock: ManualClock) -> None:
    signing = [await kid_that_signs(ring)]
    for _ in range(3):
        assert (await step(ring, clock, ROTATION - LEAD)).made == 1
        assert (await step(ring, clock, LEAD)).promoted == 1
        signing.append(await kid_that_signs(ring))
    assert len(set(signing)) == 4
    assert await states(db) == {signing[-2]: "retiring", signing[-1]: "active"}


async def test_a_node_that_comes_late_publishes_first_and_lets_sign_later(
    db: Database, ring: KeyRing, clock: ManualClock
) -> None:
    first = await kid_that_signs(ring)
    assert await step(ring, clock, 3 * ROTATION) == Rotated(1, 0, 0)
    assert await kid_that_signs(ring) == first
    assert await step(ring, clock, LEAD - 1) == Rotated(0, 0, 0)
    assert (await step(ring, clock, 1)).promoted == 1
    assert await kid_that_signs(ring) != first


async def test_keys_of_published_purposes_rotate_and_the_others_do_not(
    db: Database, ring: KeyRing, clock: ManualClock
) -> None:
    before = {purpose: await kid_that_signs(ring, purpose, RS256) for purpose in KeyPurpose}
    assert (await step(ring, clock, ROTATION - LEAD)).made == 2
    assert (await step(ring, clock, LEAD)).promoted == 2
    after = {purpose: await kid_that_signs(ring, purpose, RS256) for purpose in KeyPurpose}
    assert {purpose for purpose in KeyPurpose if before[purpose] != after[purpose]} == {
        KeyPurpose.APP_V2,
        KeyPurpose.OIDC,
    }


async def test_an_accounts_algorithms_rotate_each_for_itself(db: Database, ring: KeyRing, clock: ManualClock) -> None:
    await kid_that_signs(ring, alg=ES256)
    clock.advance(seconds=DAY)
    await kid_that_signs(ring, alg=RS256)
    assert (await step(ring, clock, ROTATION - LEAD - DAY * 1000)).made == 1
    made = {key.alg for key in await ring.list_keys("acme") if key.state is KeyState.NEXT}
    assert made == {ES256}
    assert (await step(ring, clock, LEAD)).promoted == 1
    assert (await step(ring, clock, DAY * 1000)).made == 1


async def test_nothing_rotates_when_the_operator_turned_it_off(
    db: Database, clock: ManualClock, randomness: Randomness, vault: Vault
) -> None:
    ring = KeyRing(db, clock, randomness, vault, rotation_seconds=0)
    first = await kid_that_signs(ring)
    assert await step(ring, clock, 100 * ROTATION) == Rotated(0, 0, 0)
    assert await kid_that_signs(ring) == first


async def test_rotation_faster_than_key_sets_expire_still_publishes_first(
    db: Database, clock: ManualClock, randomness: Randomness, vault: Vault
) -> None:
    ring = KeyRing(db, clock, randomness, vault, rotation_seconds=60)
    first = await kid_that_signs(ring)
    assert await ring.rotate_once(clock.now_ms()) == Rotated(1, 0, 0)
    assert await step(ring, clock, LEAD - 1) == Rotated(0, 0, 0)
    assert await kid_that_signs(ring) == first
    assert await step(ring, clock, 1) == Rotated(1, 1, 0)
    assert await kid_that_signs(ring) != first


async def test_two_nodes_rotate_once(db: Database, ring: KeyRing, other_ring: KeyRing, clock: ManualClock) -> None:
    await kid_that_signs(ring)
    clock.advance(ms=ROTATION - LEAD)
    now = clock.now_ms()
    done = await asyncio.gather(*(node.rotate_once(now) for node in (ring, other_ring) * 4))
    assert sum(each.made for each in done) == 1
    assert await count(db) == {"active": 1, "next": 1}
    clock.advance(ms=LEAD)
    now = clock.now_ms()
    done = await asyncio.gather(*(node.rotate_once(now) for node in (ring, other_ring) * 4))
    assert sum(each.promoted for each in done) == 1
    assert await count(db) == {"active": 1, "retiring": 1}
    assert await kid_that_signs(ring) == await kid_that_signs(other_ring)
    clock.advance(ms=RETIRING)
    now = clock.now_ms()
    done = await asyncio.gather(*(node.rotate_once(now) for node in (ring, other_ring) * 4))
    assert sum(each.removed for each in done) == 1
    assert await count(db) == {"active": 1}


async def test_another_node_signs_with_the_new_key_within_two_seconds(
    ring: KeyRing, other_ring: KeyRing, clock: ManualClock
) -> None:
    first = await kid_that_signs(other_ring)
    await step(ring, clock, ROTATION - LEAD)
    clock.advance(ms=LEAD)
    await kid_that_signs(other_ring)
    assert (await ring.rotate_once(clock.now_ms())).promoted == 1
    clock.advance(ms=1_999)
    assert await kid_that_signs(other_ring) == first
    assert await believed(ring, await sign(other_ring))
    clock.advance(ms=1)
    assert await kid_that_signs(other_ring) == await kid_that_signs(ring) != first


async def test_a_step_that_the_database_refuses_changes_nothing(
    db: Database, ring: KeyRing, clock: ManualClock
) -> None:
    await kid_that_signs(ring)
    await db.close()
    with pytest.raises(DatabaseUnavailable):
        await step(ring, clock, ROTATION)


async def test_the_loop_rotates_without_being_asked(
    db: Database, clock: ManualClock, randomness: Randomness, vault: Vault
) -> None:
    ring = KeyRing(db, clock, randomness, vault, jwks_seconds=1)
    first = await kid_that_signs(ring)
    clock.advance(ms=ROTATION)
    await ring.start()
    try:
        async with asyncio.timeout(30):
            while await kid_that_signs(ring) == first:
                clock.advance(seconds=10)
                await asyncio.sleep(0.02)
    finally:
        await ring.stop()
    assert (await states(db))[first] == "retiring"


# Nobody notices


@dataclass
class Verifier:
    """A server of others that believes a key set for as long as it may, and asks for no kid that it does not know."""

    fetched: int = 0
    max_age: int = -1
    keys: KeySet = field(default_factory=lambda: KeySet([]))
    fetches: int = 0

    async def verify(self, token: str, ring: KeyRing, now: int) -> None:
        if self.max_age < 0 or now >= self.fetched + self.max_age * 1000:
            found = await ring.render_account_keys("acme")
            self.keys = KeySet.import_key_set(json.loads(found.document))
            self.fetched, self.max_age = now, found.max_age
            self.fetches += 1
        jws.deserialize_compact(token, self.keys, algorithms=["RS256", "ES256"])


async def test_no_verifier_that_caches_key_sets_ever_fails_in_a_year_of_rotations(
    db: Database, vault: Vault, randomness: Randomness
) -> None:
    """A quarter passes in quiet; then, from before a key is made until its predecessor is gone, a minute a step."""
    chance = random.Random(db.engine)  # noqa: S311 - the same year at every run
    clock, ahead = ManualClock(), ManualClock()
    ahead.advance(seconds=25)  # one node's clock is wrong
    nodes = [(KeyRing(db, each, randomness, vault), each) for each in (clock, ahead)]
    verifiers = [Verifier() for _ in range(8)]
    signed: Counter[str] = Counter()

    def pass_time(until: int) -> None:
        for each in (clock, ahead):
            each.advance(ms=until - clock.now_ms() if each is clock else until - ahead.now_ms() + 25_000)

    async def check(token: str, checking: list[Verifier]) -> None:
        for verifier in checking:
            await verifier.verify(token, chance.choice(nodes)[0], clock.now_ms())
        assert await believed(chance.choice(nodes)[0], token)

    begun = clock.now_ms()
    await nodes[0][0].render_account_keys("acme")
    for quarter in range(1, 5 if db.engine == "sqlite" else 3):
        due = begun + quarter * (ROTATION + 120_000) - LEAD
        pass_time(due - 1_200_000)
        waiting: list[tuple[int, int, str]] = []
        while clock.now_ms() < due + LEAD + RETIRING + 1_200_000:
            now = clock.now_ms()
            signing = sign(chance.choice(nodes)[0], KeyPurpose.OIDC, chance.choice((ES256, RS256)))
            ring, its_clock = chance.choice(nodes)  # one node rotates while another signs
            token, _ = await asyncio.gather(signing, ring.rotate_once(its_clock.now_ms()))
            signed[read_header(token).kid] += 1
            # Caches are of every age: each verifier begins at a time of its own.
            await check(
                token, [each for place, each in enumerate(verifiers) if now >= due - 1_200_000 + place * 110_000]
            )
            # Once more in the last millisecond of its life, and once somewhere before.
            for later in (3_599_999, chance.randrange(3_599_999)):
                heapq.heappush(waiting, (now + later, signed.total(), token))
            following = now + chance.randrange(20_000, 90_000)
            while waiting and waiting[0][0] <= following:
                at, _, old = heapq.heappop(waiting)
                pass_time(at)
                await check(old, verifiers[:2])
            pass_time(following)
    assert len(signed) == 2 * (quarter + 1)  # the keys of both algorithms changed every quarter
    assert min(verifier.fetches for verifier in verifiers) > 8 * quarter


# By hand


async def test_a_published_key_replaced_by_hand_is_published_before_it_signs(
    db: Database, ring: KeyRing, clock: ManualClock
) -> None:
    first = await kid_that_signs(ring)
    shown = await ring.rotate("acme", KeyPurpose.OIDC, ES256, OPERATOR)
    (made,) = [key for key in shown if key.state is KeyState.NEXT]
    assert (made.purpose, made.alg, made.published) == (KeyPurpose.OIDC, ES256, True)
    assert made.until == clock.now_ms() + LEAD
    assert made.kid in await published(ring)
    assert await step(ring, clock, LEAD - 1) == Rotated(0, 0, 0)
    assert await kid_that_signs(ring) == first
    assert (await step(ring, clock, 1)).promoted == 1
    assert await kid_that_signs(ring) == made.kid


async def test_asking_again_while_a_key_waits_makes_no_other(db: Database, ring: KeyRing, clock: ManualClock) -> None:
    await kid_that_signs(ring)
    await ring.rotate("acme", KeyPurpose.OIDC, ES256, OPERATOR)
    before = await states(db)
    await asyncio.gather(*(ring.rotate("acme", KeyPurpose.OIDC, ES256, OPERATOR) for _ in range(3)))
    assert await states(db) == before


@pytest.mark.parametrize(
    ("purpose", "lifetime"), [(KeyPurpose.APP_V1, 3_600_000), (KeyPurpose.CONSUMER, 31_536_000_000)]
)
async def test_a_key_that_is_not_published_is_exchanged_at_once_and_verifies_until_its_tokens_are_over(
    db: Database, ring: KeyRing, other_ring: KeyRing, clock: ManualClock, purpose: KeyPurpose, lifetime: int
) -> None:
    old = await sign(ring, purpose, RS256)
    assert await kid_that_signs(other_ring, purpose, RS256) == read_header(old).kid
    await ring.rotate("acme", purpose, RS256, OPERATOR)
    new = await sign(ring, purpose, RS256)
    assert read_header(new).kid != read_header(old).kid
    assert Counter((await states(db, purpose)).values()) == {"active": 1, "retiring": 1}
    assert await believed(other_ring, new)
    assert await believed(other_ring, old)
    await step(ring, clock, lifetime + 900_000 + 60_000 - 1)
    assert await believed(other_ring, old)
    assert (await step(ring, clock, 1)).removed == 1
    clock.advance(seconds=2)
    assert not await believed(other_ring, old)
    assert await believed(other_ring, new)


async def test_in_an_emergency_every_key_of_the_slot_is_dropped_and_a_new_one_signs_at_once(
    db: Database, ring: KeyRing, other_ring: KeyRing, clock: ManualClock
) -> None:
    retired = await sign(ring)
    await step(ring, clock, ROTATION - LEAD)
    await step(ring, clock, LEAD)
    active, other_slot = await sign(ring), await sign(ring, alg=RS256)
    await ring.rotate("acme", KeyPurpose.OIDC, ES256, OPERATOR)
    before = await states(db)
    assert sorted(before.values()) == ["active", "active", "next", "retiring"]
    assert await believed(other_ring, active)

    await ring.rotate("acme", KeyPurpose.OIDC, ES256, OPERATOR, emergency=True)
    new = await sign(ring)
    assert await states(db) == {read_header(new).kid: "active", read_header(other_slot).kid: "active"}
    assert read_header(new).kid not in before
    assert not await believed(ring, active)
    assert not await believed(ring, retired)
    assert await believed(ring, new)
    assert await believed(ring, other_slot)
    assert await published(ring) & (set(before) | {read_header(new).kid}) == {
        read_header(new).kid,
        read_header(other_slot).kid,
    }
    clock.advance(seconds=2)
    assert not await believed(other_ring, active)
    assert await kid_that_signs(other_ring) == read_header(new).kid


async def test_two_emergencies_at_once_leave_one_key(db: Database, ring: KeyRing, other_ring: KeyRing) -> None:
    await kid_that_signs(ring)
    both = (node.rotate("acme", KeyPurpose.OIDC, ES256, OPERATOR, emergency=True) for node in (ring, other_ring))
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert all(isinstance(each, list) or getattr(each, "code", "") == "keys_unavailable" for each in outcomes)
    assert await count(db) == {"active": 1}


async def test_an_emergency_wins_over_a_step_of_the_schedule(
    db: Database, ring: KeyRing, other_ring: KeyRing, clock: ManualClock
) -> None:
    leaked = await kid_that_signs(ring)
    await step(ring, clock, ROTATION - LEAD)
    before = set(await states(db))
    clock.advance(ms=LEAD)
    await asyncio.gather(
        other_ring.rotate_once(clock.now_ms()),
        ring.rotate("acme", KeyPurpose.OIDC, ES256, OPERATOR, emergency=True),
        other_ring.rotate_once(clock.now_ms()),
    )
    after = await states(db)
    assert leaked in before
    assert not before & set(after)
    assert Counter(after.values())["active"] == 1


async def test_keys_do_not_sign_by_algorithms_that_their_purpose_has_not(db: Database, ring: KeyRing) -> None:
    for purpose in (KeyPurpose.APP_V1, KeyPurpose.APP_V2, KeyPurpose.CONSUMER):
        with pytest.raises(AppError) as refused:
            await ring.rotate("acme", purpose, ES256, OPERATOR, emergency=True)
        assert refused.value.code == "key_algorithm_unsupported"
        with pytest.raises(ValueError, match="do not sign by"):
            await ring.sign("acme", purpose, b"{}", alg=ES256)
        assert await states(db, purpose) == {}


async def test_the_list_says_when_each_state_ends(db: Database, ring: KeyRing, clock: ManualClock) -> None:
    await kid_that_signs(ring, KeyPurpose.APP_V1, RS256)
    await kid_that_signs(ring)
    begun = clock.now_ms()
    ends = {(key.purpose, key.state): key.until for key in await ring.list_keys("acme")}
    assert ends == {
        (KeyPurpose.APP_V1, KeyState.ACTIVE): None,
        (KeyPurpose.OIDC, KeyState.ACTIVE): begun + ROTATION,
    }
    await step(ring, clock, ROTATION - LEAD)
    await step(ring, clock, LEAD)
    ends = {(key.purpose, key.state): key.until for key in await ring.list_keys("acme")}
    assert ends[KeyPurpose.OIDC, KeyState.RETIRING] == begun + ROTATION + RETIRING
    assert ends[KeyPurpose.OIDC, KeyState.ACTIVE] == begun + 2 * ROTATION
    assert await ring.list_keys("other") == []


# The schedule itself


@pytest.mark.parametrize("jwks_ms", [1_000, 900_000, 86_400_000])
@pytest.mark.parametrize("rotation_ms", [0, 1_000, ROTATION])
def test_a_key_set_is_never_believed_for_as_long_as_a_key_is_published_before_it_signs(
    rotation_ms: int, jwks_ms: int
) -> None:
    schedule = Schedule(rotation_ms, jwks_ms, token_ms=3_600_000, consumer_token_ms=1)
    assert schedule.max_age_seconds * 1000 == jwks_ms
    assert 2 * schedule.max_age_seconds * 1000 < schedule.lead_ms
    for purpose in (KeyPurpose.APP_V1, KeyPurpose.APP_V2, KeyPurpose.OIDC):
        assert schedule.retiring_ms(purpose) > 3_600_000 + schedule.max_age_seconds * 1000
