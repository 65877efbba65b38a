"""The consumer's profile."""

from typing import Any

from support.messaging_stage import ACCOUNT, CONSUMER, Stage


async def profile(stage: Stage) -> Any:
    found = await stage.messaging.find_consumer(ACCOUNT, CONSUMER)
    return None if found is None else found.profile


async def test_a_profile_is_merged_over_what_is_known(stage: Stage) -> None:
    sdes = [{"type": "ctmrinfo", "info": {"socialId": "1234567890"}}]
    answered = await stage.send(
        "userprofile.SetUserProfile",
        {"firstName": "Kim", "privateData": {"mail": "kim@example.test", "mobileNum": "1"}},
    )
    assert answered.body == {"reqId": "1", "code": "OK", "body": {"msg": "OK User Profile set successfully"}}
    await stage.send(
        "userprofile.SetUserProfile", {"privateData": {"mobileNum": "2"}, "authenticatedData": {"lp_sdes": sdes}}
    )
    assert await profile(stage) == {
        "firstName": "Kim",
        "privateData": {"mail": "kim@example.test", "mobileNum": "2"},
        "authenticatedData": {"lp_sdes": sdes},
    }


async def test_an_empty_profile_keeps_what_is_known(stage: Stage) -> None:
    await stage.send("userprofile.SetUserProfile", {"firstName": "Kim\x00"})
    before = await stage.messaging.find_consumer(ACCOUNT, CONSUMER)
    stage.clock.advance(seconds=1)
    assert (await stage.send("userprofile.SetUserProfile", {})).status == 200
    assert await stage.messaging.find_consumer(ACCOUNT, CONSUMER) == before
    assert await profile(stage) == {"firstName": "Kim\x00"}


async def test_a_profile_belongs_to_its_consumer(stage: Stage) -> None:
    await stage.send("userprofile.SetUserProfile", {"firstName": "Lee"}, consumer="other-consumer")
    assert await profile(stage) is None


async def test_a_profile_that_grows_too_large_is_refused_and_the_old_one_stays(stage: Stage) -> None:
    await stage.send("userprofile.SetUserProfile", {"firstName": "Kim"})
    answered = await stage.send("userprofile.SetUserProfile", {"description": "x" * 66_000})
    assert (answered.status, answered.error) == (413, 41303)
    assert await profile(stage) == {"firstName": "Kim"}


async def test_a_profile_is_an_object(stage: Stage) -> None:
    answered = await stage.send("userprofile.SetUserProfile", "Kim")
    assert (answered.status, answered.error) == (400, 40003)
    assert await profile(stage) is None
