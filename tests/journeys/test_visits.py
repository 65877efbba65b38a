"""A campaign is made over the configuration API, and visitors of the app get what it says, on one whole node."""

from typing import Any

from support.node import ACCOUNT, Node

_CONFIGURATION = f"/api/account/{ACCOUNT}/configuration/le-campaigns"
_APP = {
    "client_name": "com.example.shop",
    "display_name": "Shop",
    "description": "A shop",
    "grant_types": ["client_credentials"],
    "scope": "msg.consumer",
    "enabled": True,
}


async def test_a_campaign_reaches_the_visitors_whom_it_is_for(node: Node) -> None:
    headers = {**await node.login(), "If-Match": "*"}
    app = (await node.install(_APP, headers))["id"]

    async def make(kind: str, **members: Any) -> int:
        answer = await node.client.post(f"{_CONFIGURATION}/{kind}", json={"name": kind, **members}, headers=headers)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    place = await make("locations", conditions=[{"type": "section", "include": ['"cart"']}])
    rich = await make("behaviors", conditions=[{"type": "cart_value", "min": 100}])
    grown = await make("audiences", conditions=[{"type": "age", "min": 18}])
    bought = await make("goals", conditions=[{"type": "purchase_total"}])
    campaign = await make("campaigns", status="published", audience=grown, goal=bought, controlGroup={"percentage": 0})
    offered = await make(
        "engagements", campaignId=campaign, appInstallationId=app, entryPoints=[place], behaviors=[rich]
    )
    settings = await node.client.put(
        f"{_CONFIGURATION}/settings", json={"controlGroup": {"percentage": 0}}, headers=headers
    )
    assert settings.status_code == 200, settings.text

    base = f"/api/account/{ACCOUNT}/app/{app}"
    person = {"type": "personal", "personal": {"age": {"age": 30.0}}}
    first = await node.client.post(
        f"{base}/engagement?v=1.0", json={"entryPoints": ["sec://home"], "engagementAttributes": [person]}
    )
    assert (first.status_code, "engagementDetails" in first.json()) == (201, False)
    ids = f"v=1.1&vid={first.json()['visitorId']}&sid={first.json()['sessionId']}"
    cart = {"type": "cart", "total": "120.5", "numItems": 2}
    second = await node.client.post(
        f"{base}/engagement?{ids}", json={"entryPoints": ["sec://cart"], "engagementAttributes": [cart]}
    )
    assert second.status_code == 200, second.text
    assert second.json()["engagementDetails"] == [
        {
            "campaignId": campaign,
            "engagementId": offered,
            "engagementRevision": 1,
            "contextId": "1",
            "status": "expose",
        }
    ]
    about = {"campaign": campaign, "engId": offered, "revision": 1}
    events = [{"type": "impDisplay", **about}, {"type": "purchase", "orderId": "o-1", "total": 120.5}]
    reported = await node.client.put(f"{base}/report?{ids}", json={"engagementAttributes": events})
    assert reported.status_code == 200, reported.text
    state = await node.client.get(
        f"/api/account/{ACCOUNT}/monitoring/visitors/{first.json()['visitorId']}/visits/current/state?{ids}",
        headers=headers,
    )
    assert state.status_code == 200, state.text
    assert [one["state"] for one in state.json()["engagements"]] == ["DISPLAYED"]
    assert state.json()["purchases"][0]["orderId"] == "o-1"
    closed = await node.client.put(
        f"{base}/report?{ids}", json={"engagementAttributes": [{"type": "impClose", **about}]}
    )
    assert closed.status_code == 200
    third = await node.client.post(f"{base}/engagement?{ids}", json={})
    assert (third.status_code, "engagementDetails" in third.json()) == (200, False)


async def test_the_directory_names_the_service(node: Node) -> None:
    answer = await node.directory.get(f"/api/account/{ACCOUNT}/service/smt/baseURI.json?version=1.0")
    assert answer.status_code == 200
    assert answer.json()["service"] == "smt"
