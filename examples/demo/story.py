"""The first story of the demo: a consumer and an agent talk, and every event reaches the connector in order."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from examples.demo.screen import Screen
from examples.demo.stage import ACCOUNT, ADMIN, AGENT, Stage

from switchbay.cli.connection import Connection
from switchbay.cli.connector import Connector, text_event
from switchbay.cli.output import mapping, objects
from switchbay.kit.jsonvalue import JsonValue

ARRIVAL_SECONDS = 20.0
_CONVERSATION_CHANGE = "cqm.ExConversationChangeNotification"
_RICH: dict[str, JsonValue] = {
    "type": "RichContentEvent",
    "content": {
        "type": "vertical",
        "elements": [
            {"type": "text", "text": "Order 4711: on its way"},
            {
                "type": "button",
                "title": "Track it",
                "click": {"actions": [{"type": "link", "uri": "https://shop.example.com/orders/4711"}]},
            },
        ],
    },
}


class StoryFailed(Exception):
    """Something did not happen that should have."""


class _Watch:
    """Compares what the connector receives with what has to come next."""

    def __init__(self, stage: Stage, screen: Screen) -> None:
        self._stage = stage
        self._screen = screen
        self.latencies: list[int] = []
        self.count = 0

    def expect(self, *events: tuple[str, str]) -> None:
        """Wait for these events, in this order; each is its type and a part of its summary."""
        for event, words in events:
            self._expect_one(event, words)

    def _expect_one(self, event: str, words: str) -> None:
        while True:
            line = self._stage.connector.next_line(ARRIVAL_SECONDS)
            if line is None:
                raise StoryFailed(f"{event} ({words}) did not arrive within {ARRIVAL_SECONDS:.0f} s")
            show(self._screen, line)
            if line["signature"] != "signature ok":
                raise StoryFailed("a webhook came with a bad signature")
            if line["attempt"] > 1:  # delivery is at least once
                continue
            if line["event"] != event or words not in line["summary"]:
                raise StoryFailed(f"expected {event} ({words}), but {line['event']} ({line['summary']}) came")
            self.count += 1
            if isinstance(line["latency_ms"], int):
                self.latencies.append(line["latency_ms"])
            return


def show(screen: Screen, line: dict[str, object]) -> None:
    """Show one line of the connector."""
    attempt, latency = line.get("attempt"), line.get("latency_ms")
    screen.delivery(
        str(line.get("event")),
        attempt if isinstance(attempt, int) else 0,
        latency if isinstance(latency, int) else None,
        str(line.get("signature")),
        str(line.get("summary")),
    )


def tell_story(stage: Stage, screen: Screen) -> None:
    """Run the flow once; raise StoryFailed at the first thing that is not as it should be."""
    watch = _Watch(stage, screen)
    app = stage.connector_app
    kim = Connector.sign_in(stage.client, ACCOUNT, app.client_id, app.client_secret, "kim@example.com")
    screen.step("the connector has its tokens; Kim, a consumer, opens a conversation")
    conversation, first = kim.open("Hello, where is my order?")
    watch.expect(
        (_CONVERSATION_CHANGE, "state OPEN, stage OPEN (CONSUMER"),
        ("ContentEvent", "CONSUMER: Hello, where is my order?"),
    )

    screen.step("Anna, an agent, joins, reads and types")
    path = f"/conversations/{conversation}"
    stage.agent.call("POST", f"{path}/join")
    watch.expect((_CONVERSATION_CHANGE, "ASSIGNED_AGENT"))
    _agent_says(stage.agent, path, _read([first or 0]))
    _agent_says(stage.agent, path, {"type": "ChatStateEvent", "chatState": "COMPOSING"})
    watch.expect(("AcceptStatusEvent", "ASSIGNED_AGENT: READ"), ("ChatStateEvent", "ASSIGNED_AGENT: COMPOSING"))

    screen.step("she answers with a text and with rich content")
    text = _agent_says(stage.agent, path, text_event("Let me look: it left the warehouse today."))
    rich = _agent_says(stage.agent, path, _RICH)
    watch.expect(("ContentEvent", "ASSIGNED_AGENT: Let me look"), ("RichContentEvent", "ASSIGNED_AGENT"))

    screen.step("Kim reads, types, thanks her, and closes the conversation")
    kim.publish(conversation, _read([text, rich]))
    kim.publish(conversation, {"type": "ChatStateEvent", "chatState": "COMPOSING"})
    kim.say(conversation, "Great, thank you! 👋")
    kim.close(conversation)
    watch.expect(
        ("AcceptStatusEvent", "CONSUMER: READ"),
        ("ChatStateEvent", "CONSUMER: COMPOSING"),
        ("ContentEvent", "CONSUMER: Great, thank you!"),
        (_CONVERSATION_CHANGE, "state CLOSE, stage CLOSE"),
    )
    _compare_with_the_servers_view(stage, conversation, watch.count)
    middle = sorted(watch.latencies)[len(watch.latencies) // 2] if watch.latencies else 0
    screen.done(f"all {watch.count} events arrived in order, every signature ok, middle latency {middle} ms")


def _agent_says(agent: Connection, path: str, event: dict[str, JsonValue]) -> int:
    sequence = mapping(agent.call("POST", f"{path}/events", body=event)).get("sequence")
    if not isinstance(sequence, int):
        raise StoryFailed("an event was not given a sequence")
    return sequence


def _read(sequences: Sequence[int]) -> dict[str, JsonValue]:
    return {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [*sequences]}


def _compare_with_the_servers_view(stage: Stage, conversation: str, count: int) -> None:
    """The server must count the same deliveries as the connector, all of them delivered."""
    query = [("conversation", conversation), ("limit", "100")]
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while True:  # results are recorded in batches, a moment after the connector's answer
        deliveries = objects(mapping(stage.admin.call("GET", "/deliveries", query=query)).get("items"))
        delivered = sum(delivery.get("status") == "delivered" for delivery in deliveries)
        if len(deliveries) == delivered == count:
            return
        if time.monotonic() > deadline:
            raise StoryFailed(
                f"the server lists {len(deliveries)} deliveries, {delivered} of them delivered; "
                f"the connector received {count}"
            )
        time.sleep(0.2)


def stay(stage: Stage, screen: Screen, page: str) -> None:
    """Tell how to go on by hand, then show what arrives until interrupted. ``page``: where the web messenger is."""
    screen.step("the server stays up (Ctrl-C ends everything); try it in another terminal:")
    program = Path(sys.executable).parent / "switchbay"
    app = stage.connector_app
    for line in (
        f"export SWITCHBAY_SERVER={stage.address} SWITCHBAY_ACCOUNT={ACCOUNT} SWITCHBAY_CA_FILE={stage.ca_file}",
        f"export SWITCHBAY_CLIENT_ID={app.client_id} SWITCHBAY_CLIENT_SECRET={app.client_secret.reveal()}",
        f"export SWITCHBAY_USER={ADMIN} SWITCHBAY_PASSWORD={stage.passwords[ADMIN].reveal()}",
        f'{program} message send "Hello again" --consumer kim',
        f"{program} deliveries list",
        f"{program} apps list",
        f"curl '{stage.directory}/api/account/{ACCOUNT}/service/baseURI.json?version=1.0'",
    ):
        screen.command(line)
    screen.step("and in a browser, which will warn of a certificate that only this machine knows:")
    screen.command(stage.launch_address)
    screen.command(f"{stage.shop_address}  (a shop with offers)")
    screen.command(f"{stage.address}/console/{ACCOUNT}/conversations")
    screen.command(page)
    screen.say(
        "the last is a shop's page with the web messenger; open the first one before, or its script is not trusted"
    )
    screen.say(f"the administrator, who watches conversations, is {ADMIN}, password {stage.passwords[ADMIN].reveal()}")
    screen.say(f"the agent is {AGENT}, password {stage.passwords[AGENT].reveal()}")
    while True:
        received = stage.connector.next_line(None)
        if received is not None:
            show(screen, received)
