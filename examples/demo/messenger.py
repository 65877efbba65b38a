"""The third story of the demo: a visitor of a web page writes in its messenger, and Anna answers.

There is no browser here to run the messenger's script. What is looked at is all that it needs: the page, the script,
the sign-up and the socket, used from the page's origin in the order in which the script uses them.
"""

import json
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
from examples.demo.screen import Screen
from examples.demo.stage import ACCOUNT, Stage
from examples.demo.story import StoryFailed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from switchbay.cli.connector import text_event
from switchbay.cli.output import mapping, objects
from switchbay.infra.tls import ssl_context_for_client

_SECONDS = 20.0
_ASKED = "Do you have tea?"
_ANSWERED = "Green and black."


def page_address(stage: Stage) -> str:
    """Where a browser finds the page with the messenger."""
    return f"{stage.page_address}/?account={ACCOUNT}&server={quote(stage.address, safe=':/')}"


def visit(stage: Stage, screen: Screen) -> None:
    """Walk through a visit once; raise StoryFailed at the first thing that is not as it should be."""
    screen.step(f"the account lets pages of {stage.page_address} use the web messenger")
    stage.allow_pages()
    trust = ssl_context_for_client(stage.ca_file)
    with httpx.Client(verify=trust, timeout=_SECONDS, headers={"Origin": stage.page_address}) as browser:
        _load(browser, page_address(stage), "page.js")
        script = _load(browser, f"{stage.address}/messenger/v1/messenger.js", "switchbay-messenger")
        screen.say(f"   the page and its script are there, {len(script) // 1024} kB")
        token = _sign_up(browser, stage)
    with _open_socket(stage, trust) as connection:
        visitor = _Visitor(connection)
        visitor.ask("InitConnection", {}, headers=[{"type": ".ams.headers.ConsumerAuthentication", "jwt": token}])
        conversation = str(visitor.ask("cm.ConsumerRequestConversation", {})["conversationId"])
        visitor.ask("ms.SubscribeMessagingEvents", {"dialogId": conversation, "fromSeq": 0})
        visitor.ask("ms.PublishEvent", {"dialogId": conversation, "event": text_event(_ASKED)})
        screen.step("a visitor signs up without a name and writes; Anna joins and answers")
        path = f"/conversations/{conversation}"
        stage.agent.call("POST", f"{path}/join")
        stage.agent.call("POST", f"{path}/events", body=text_event(_ANSWERED))
        visitor.hear(_ANSWERED)
    said = [
        mapping(one.get("event")).get("message")
        for one in objects(mapping(stage.agent.call("GET", f"{path}/events")).get("items"))
    ]
    if said != [_ASKED, _ANSWERED]:
        raise StoryFailed(f"the conversation holds {said}")
    stage.agent.call("POST", f"{path}/close")
    screen.done("the web messenger's page, script, sign-up and socket work")


def _load(browser: httpx.Client, address: str, words: str) -> str:
    answer = browser.get(address)
    if answer.status_code != httpx.codes.OK or words not in answer.text:
        raise StoryFailed(f"{address} answers {answer.status_code} without {words!r}")
    return answer.text


def _sign_up(browser: httpx.Client, stage: Stage) -> str:
    answer = browser.post(
        f"{stage.address}/api/account/{ACCOUNT}/signup", content=b"{}", headers={"Content-Type": "text/plain"}
    )
    allowed = answer.headers.get("access-control-allow-origin")
    if answer.is_error or allowed != stage.page_address:
        raise StoryFailed(f"the sign-up answers {answer.status_code}, for pages of {allowed}")
    return str(answer.json()["jwt"])


def _open_socket(stage: Stage, trust: ssl.SSLContext) -> ClientConnection:
    return connect(
        f"{stage.address.replace('https', 'wss', 1)}/ws_api/account/{ACCOUNT}/messaging/consumer?v=3",
        ssl=trust,
        origin=Origin(stage.page_address),
        proxy=None,
        open_timeout=_SECONDS,
    )


class _Visitor:
    """The messenger's connection: requests with answers, and what is told meanwhile."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self._told: list[str] = []

    def ask(self, kind: str, body: object, **more: object) -> dict[str, Any]:
        """Make a request; return the body of its answer."""
        self._number += 1
        request_id = str(self._number)
        self._connection.send(json.dumps({"kind": "req", "id": request_id, "type": kind, "body": body, **more}))
        answer = self._receive(lambda frame: frame.get("reqId") == request_id)
        if answer.get("code") not in {200, "OK"}:
            raise StoryFailed(f"{kind} is answered with {answer.get('body')}")
        found = answer.get("body")
        return found if isinstance(found, dict) else {}

    def hear(self, message: str) -> None:
        """Wait until somebody has said this."""
        if not any(message in text for text in self._told):
            self._receive(lambda frame: message in json.dumps(frame))

    def _receive(self, is_wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            try:
                frame: dict[str, Any] = json.loads(self._connection.recv(timeout=_SECONDS))
            except TimeoutError:
                raise StoryFailed(f"the socket said nothing for {_SECONDS:.0f} s") from None
            if is_wanted(frame):
                return frame
            self._told.append(json.dumps(frame))
