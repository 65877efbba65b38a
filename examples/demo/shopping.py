"""The third story of the demo: a shop publishes its campaigns, and a visitor of its pages is offered a conversation.

The visitor here calls what the web tag calls from a page; open the shop in a browser to see the offers themselves.
"""

import json
from pathlib import Path
from typing import Any

from examples.demo.screen import Screen
from examples.demo.stage import ACCOUNT, ADMIN, Stage
from examples.demo.story import StoryFailed

from switchbay.cli.output import mapping, objects
from switchbay.kit.jsonvalue import JsonValue

_CAMPAIGNS = Path(__file__).resolve().parent.parent / "shop" / "campaigns"
_CONFIGURATION = f"/api/account/{ACCOUNT}/configuration/le-campaigns"


def go_shopping(stage: Stage, screen: Screen) -> None:
    """Publish the shop's campaigns, then visit it; raise StoryFailed at the first thing that is not as it should be."""
    stage.allow_pages()
    screen.step(f"{ADMIN} publishes the campaigns of examples/shop, without a control group")
    _call(stage, "PUT", "/settings", {"controlGroup": {"percentage": 0}}, {"If-Match": "*"})
    known = {one["name"] for one in objects(_call(stage, "GET", "/campaigns"))}
    for file in sorted(_CAMPAIGNS.glob("*.json")):
        campaign = json.loads(file.read_text("utf-8"))
        name = campaign["campaign"]["name"]
        if name in known:
            continue
        made = mapping(_call(stage, "POST", "/campaigns/import", campaign))
        _call(stage, "POST", f"/campaigns/{made['campaignId']}/publish", None, {"If-Match": "*"})
        screen.say(f"   {file.name}: {name}")

    screen.step("a visitor comes to the shop")
    shown = _Visitor(stage)
    welcome = shown.visit("/index.html", "home")
    design = _design(stage, welcome)
    screen.say(f"   is offered {design['presentation']['titles']['']!r} on the home page")
    shown.report(_impression("impDisplay", welcome))
    shown.visit("/checkout.html", "checkout", expects_offer=False)
    shown.report({"type": "error", "error": {"code": "card_declined", "message": "Your card was declined."}})
    help_offer = shown.visit("/checkout.html", "checkout")
    screen.say(f"   and {_design(stage, help_offer)['presentation']['titles']['']!r} when the card is declined")
    totals = mapping(mapping(stage.admin.call("GET", "/reports/engagements")).get("totals"))
    offered, displayed = int(str(totals.get("offered"))), int(str(totals.get("displayed")))
    if offered < 2 or not displayed:  # noqa: PLR2004 - the two above
        raise StoryFailed(f"the report counts {totals}")
    screen.done(f"{offered} offers made, {displayed} shown; in the browser they open the messenger")


class _Visitor:
    """Somebody who looks at pages of the shop."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._session: dict[str, str] = {}

    def visit(self, page: str, section: str, *, expects_offer: bool = True) -> dict[str, Any]:
        """Come to a page; what is offered there."""
        answer = self._ask("engagement", {"entryPoints": [self._stage.shop_address + page, f"sec://{section}"]})
        offered = objects(answer.get("engagementDetails"))
        if bool(offered) != expects_offer:
            raise StoryFailed(f"{page}: offered {offered}")
        return offered[0] if offered else {}

    def report(self, attribute: dict[str, JsonValue]) -> None:
        """Tell what has happened."""
        self._ask("report", {"engagementAttributes": [attribute]}, method="PUT")

    def _ask(self, name: str, body: dict[str, JsonValue], method: str = "POST") -> dict[str, JsonValue]:
        path = f"/api/account/{ACCOUNT}/app/{self._stage.shop_app.client_id}/{name}"
        answer = mapping(self._stage.client.call(method, path, query={"v": "1.1", **self._session}, body=body))
        self._session = {"vid": str(answer["visitorId"]), "sid": str(answer["sessionId"])}
        return answer


def _call(
    stage: Stage, method: str, path: str, body: JsonValue = None, headers: dict[str, str] | None = None
) -> JsonValue:
    """Call the configuration API as the administrator."""
    return stage.client.call(method, _CONFIGURATION + path, body=body, headers=headers, bearer=stage.admin.bearer)


def _design(stage: Stage, offer: dict[str, Any]) -> Any:  # noqa: ANN401 - as the server answers it
    app = stage.shop_app.client_id
    number, revision = offer["engagementId"], offer["engagementRevision"]
    return stage.client.call("GET", f"/api/account/{ACCOUNT}/app/{app}/engagement/{number}/{revision}/design")


def _impression(kind: str, offer: dict[str, Any]) -> dict[str, JsonValue]:
    return {
        "type": kind,
        "campaign": offer["campaignId"],
        "engId": offer["engagementId"],
        "revision": offer["engagementRevision"],
        "eContext": [{"type": "engagementContext", "id": offer["contextId"]}],
    }
