"""An app may ask for the events of all conversations; only an administrator's approval gives them."""

from typing import Any

import pytest

from support.apps_house import BRAND, CONTENT_EVENT, INSTALLATIONS, MANAGEMENT, OTHER_BRAND, AppsHouse, connector
from switchbay.apps.domain.conversations import AccessState, ConversationAccess, access_after_change, decided
from switchbay.apps.tables import app_conversation_access
from switchbay.webhooks.tables import owners

AT = 1_700_000_000_000
HOOK = {"endpoint": "https://archive.example.com/content"}
ASKED = ConversationAccess(AccessState.ASKED, 1)
APPROVED = ConversationAccess(AccessState.APPROVED, 1, 2, "ada")
REFUSED = ConversationAccess(AccessState.REFUSED, 1, 2, "ada")
WITHDRAWN = ConversationAccess(AccessState.WITHDRAWN, 1, 2, "ada")


def archive(**changes: object) -> dict[str, Any]:
    """A manifest that asks for all conversations."""
    webhooks = {CONTENT_EVENT: HOOK, "conversations": "all"}
    return connector(client_name="com.example.archive", capabilities={"webhooks": webhooks}, **changes)


def modest(**changes: object) -> dict[str, Any]:
    """The same without asking."""
    return {**archive(**changes), "capabilities": {"webhooks": {CONTENT_EVENT: HOOK}}}


async def install(house: AppsHouse) -> str:
    answer = await house.call("POST", MANAGEMENT, archive())
    assert answer.status_code == 201
    return str(answer.json()["app"]["id"])


async def decide(house: AppsHouse, app_id: str, decision: str, *, user: str = "admin", **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await house.call("POST", f"{MANAGEMENT}/{app_id}/conversations/{decision}", user=user, headers=sent)


async def hears_all(house: AppsHouse) -> list[bool]:
    return [bool(row["hears_all"]) for row in await house.rows(owners)]


async def stored(house: AppsHouse) -> list[tuple[object, object]]:
    return [(row["state"], row["decided_by"]) for row in await house.rows(app_conversation_access)]


@pytest.mark.parametrize(
    ("old", "asks", "after"),
    [
        (None, False, None),
        (None, True, ConversationAccess(AccessState.ASKED, 9)),
        (ASKED, True, ASKED),
        (APPROVED, True, APPROVED),
        (REFUSED, True, REFUSED),
        (WITHDRAWN, True, WITHDRAWN),
        (APPROVED, False, None),
    ],
)
def test_a_request_lasts_as_long_as_the_manifest_asks(
    old: ConversationAccess | None, asks: bool, after: ConversationAccess | None
) -> None:
    assert access_after_change(old, asks=asks, now=9) == after


@pytest.mark.parametrize(
    ("old", "decision", "after"),
    [
        (ASKED, AccessState.APPROVED, AccessState.APPROVED),
        (REFUSED, AccessState.APPROVED, AccessState.APPROVED),
        (WITHDRAWN, AccessState.APPROVED, AccessState.APPROVED),
        (ASKED, AccessState.REFUSED, AccessState.REFUSED),
        (APPROVED, AccessState.REFUSED, None),
        (WITHDRAWN, AccessState.REFUSED, None),
        (APPROVED, AccessState.WITHDRAWN, AccessState.WITHDRAWN),
        (ASKED, AccessState.WITHDRAWN, None),
        (REFUSED, AccessState.WITHDRAWN, None),
        (ASKED, AccessState.ASKED, None),
    ],
)
def test_what_may_be_decided(old: ConversationAccess, decision: AccessState, after: AccessState | None) -> None:
    new = decided(old, decision, by="bob", now=9)
    assert new == (None if after is None else ConversationAccess(after, 1, 9, "bob"))


@pytest.mark.parametrize("old", [APPROVED, REFUSED, WITHDRAWN])
def test_deciding_the_same_again_changes_nothing(old: ConversationAccess) -> None:
    assert decided(old, old.state, by="bob", now=9) is old


async def test_asking_gives_nothing(house: AppsHouse) -> None:
    app_id = await install(house)
    assert (await hears_all(house), await stored(house)) == ([False], [("asked", None)])
    shown = (await house.call("GET", f"{MANAGEMENT}/{app_id}")).json()["app"]["conversations"]
    assert shown == {
        "asked": "all",
        "state": "asked",
        "asked_at": AT,
        "decided_at": None,
        "decided_by": None,
        "reason": "asks for all conversations, not approved",
    }


async def test_an_approval_counts_is_shown_and_is_audited(house: AppsHouse) -> None:
    app_id = await install(house)
    house.clock.advance(seconds=1)
    answer = await decide(house, app_id, "approve")
    assert answer.status_code == 200
    shown = answer.json()["app"]["conversations"]
    [(state, by)] = await stored(house)
    assert (shown["state"], shown["decided_at"], shown["decided_by"], shown["reason"]) == (
        "approved",
        AT + 1000,
        by,
        None,
    )
    assert (state, await hears_all(house)) == ("approved", [True])
    entry = (await house.audit(app_id))[-1]
    assert (entry.action, entry.actor.id) == ("app.approve_conversations", by)


async def test_an_approval_can_be_withdrawn_and_given_again(house: AppsHouse) -> None:
    app_id = await install(house)
    seen = []
    for decision in ("approve", "withdraw", "approve"):
        assert (await decide(house, app_id, decision)).status_code == 200
        seen += await hears_all(house)
    assert seen == [True, False, True]
    assert [entry.action for entry in await house.audit(app_id)] == [
        "app.install",
        "app.approve_conversations",
        "app.withdraw_conversations",
        "app.approve_conversations",
    ]


async def test_a_decision_made_again_changes_nothing_and_is_not_audited(house: AppsHouse) -> None:
    app_id = await install(house)
    await decide(house, app_id, "approve")
    before = (await house.rows(app_conversation_access), len(await house.audit(app_id)))
    house.clock.advance(seconds=5)
    assert (await decide(house, app_id, "approve")).status_code == 200
    assert (await house.rows(app_conversation_access), len(await house.audit(app_id))) == before


async def test_an_update_that_keeps_asking_keeps_the_approval(house: AppsHouse) -> None:
    app_id = await install(house)
    await decide(house, app_id, "approve")
    answer = await house.call("PUT", f"{MANAGEMENT}/{app_id}", archive(display_name="Another"))
    assert answer.json()["app"]["conversations"]["state"] == "approved"
    assert await hears_all(house) == [True]


async def test_asking_anew_needs_an_approval_anew(house: AppsHouse) -> None:
    app_id = await install(house)
    await decide(house, app_id, "approve")
    await house.call("PUT", f"{MANAGEMENT}/{app_id}", modest())
    assert (await hears_all(house), await stored(house)) == ([False], [])
    await house.call("PUT", f"{INSTALLATIONS}/{app_id}", archive(), headers={"If-Match": "*"})
    assert (await hears_all(house), await stored(house)) == ([False], [("asked", None)])


async def test_other_changes_leave_the_approval_alone(house: AppsHouse) -> None:
    app_id = await install(house)
    await decide(house, app_id, "approve")
    seen = []
    for call in ("rotate-secret", "disable", "enable"):
        assert (await house.call("POST", f"{MANAGEMENT}/{app_id}/{call}")).status_code == 200
        seen += await hears_all(house)
    assert seen == [True, False, True]
    assert [state for state, _ in await stored(house)] == ["approved"]


async def test_what_was_decided_goes_with_the_app(house: AppsHouse) -> None:
    app_id = await install(house)
    await decide(house, app_id, "approve")
    await house.call("DELETE", f"{MANAGEMENT}/{app_id}")
    assert (await hears_all(house), await stored(house)) == ([], [])


@pytest.mark.parametrize(("user", "status"), [("developer", 403), ("agent", 403), ("foreign", 401)])
@pytest.mark.parametrize("decision", ["approve", "refuse", "withdraw"])
async def test_only_an_administrator_of_the_account_decides(
    house: AppsHouse, user: str, status: int, decision: str
) -> None:
    app_id = await install(house)
    assert (await decide(house, app_id, decision, user=user)).status_code == status
    assert (await hears_all(house), await stored(house)) == ([False], [("asked", None)])


async def test_an_administrator_decides_about_apps_of_the_own_account_only(house: AppsHouse) -> None:
    app_id = await install(house)
    path = f"/switchbay/v1/accounts/{OTHER_BRAND}/apps/{app_id}/conversations/approve"
    assert (await house.call("POST", path, user="foreign")).json()["error"]["code"] == "app_unknown"
    assert (await house.call("POST", path.replace(OTHER_BRAND, BRAND), user="foreign")).status_code == 401
    assert await hears_all(house) == [False]


@pytest.mark.parametrize(
    ("first", "second", "state"), [("approve", "refuse", "approved"), ("refuse", "withdraw", "refused")]
)
async def test_a_decision_that_does_not_fit_is_refused(house: AppsHouse, first: str, second: str, state: str) -> None:
    app_id = await install(house)
    await decide(house, app_id, first)
    before = (await house.revision(), await stored(house), await hears_all(house))
    answer = await decide(house, app_id, second)
    assert answer.status_code == 409
    assert (answer.json()["error"]["code"], answer.json()["error"]["detail"]) == (
        "conversations_decided",
        {"state": state},
    )
    assert (await house.revision(), await stored(house), await hears_all(house)) == before


async def test_there_is_nothing_to_decide_about_an_app_that_does_not_ask(house: AppsHouse) -> None:
    app_id = (await house.install())["id"]
    answer = await decide(house, app_id, "approve")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conversations_not_asked")
    assert (await hears_all(house), await stored(house)) == ([False], [])


async def test_a_decision_honours_if_match(house: AppsHouse) -> None:
    app_id = await install(house)
    stale = await decide(house, app_id, "approve", if_match=str(await house.revision() - 1))
    assert (stale.status_code, await hears_all(house)) == (412, [False])
    assert (await decide(house, app_id, "approve", if_match=str(await house.revision()))).status_code == 200


async def test_health_warns_until_the_request_is_approved(house: AppsHouse) -> None:
    body = archive()
    del body["x-team"]
    app_id = (await house.call("POST", MANAGEMENT, body)).json()["app"]["id"]
    seen = []
    for decision in ("refuse", "approve", "withdraw"):
        health = (await house.call("GET", f"{MANAGEMENT}/{app_id}/health")).json()
        seen.append((health["status"], health["conversations"]["reason"], [one["code"] for one in health["findings"]]))
        await decide(house, app_id, decision)
    health = (await house.call("GET", f"{MANAGEMENT}/{app_id}/health")).json()
    assert [*seen, (health["status"], health["conversations"]["reason"])] == [
        ("warning", "asks for all conversations, not approved", ["approval_needed"]),
        ("warning", "asks for all conversations, refused", ["approval_needed"]),
        ("good", None, []),
        ("warning", "asks for all conversations, the approval was withdrawn"),
    ]
