"""Agents for the measurements: users who are hired and logged in, and what their clients open and ask for."""

import json
import urllib.parse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bench.connectors import Target
from bench.stage import ACCOUNT, Stage
from bench.watching import Connection

_PASSWORD = "bench-of-agents"
_USERS = f"/switchbay/v1/accounts/{ACCOUNT}/users"
_CONVERSATIONS = f"/switchbay/v1/accounts/{ACCOUNT}/conversations"


@dataclass(frozen=True, slots=True)
class Agent:
    """A user who is logged in."""

    name: str
    bearer: str = field(repr=False)

    @property
    def socket_path(self) -> str:
        """Where this agent's socket is opened."""
        return f"/ws_api/account/{ACCOUNT}/messaging/brand/{urllib.parse.quote(self.bearer)}?v=2.1"

    def connection(self, *requests: tuple[str, object]) -> Connection:
        """A socket that sends these requests, each a type and a body."""
        texts = [
            json.dumps({"kind": "req", "id": str(number), "type": type_, "body": body})
            for number, (type_, body) in enumerate(requests, start=1)
        ]
        return Connection(self.socket_path, tuple(texts))


def hire(stage: Stage, count: int, role: str = "agent", *, prefix: str = "agent") -> list[Agent]:
    """So many new users with this role, logged in."""

    def one(number: int) -> Agent:
        name = f"{prefix}-{number}"
        body = {"login_name": name, "password": _PASSWORD, "roles": [role]}
        stage.call("POST", _USERS, body, stage.as_admin())
        login = stage.call("POST", f"/api/account/{ACCOUNT}/login", {"username": name, "password": _PASSWORD})
        return Agent(name, str(login["bearer"]))

    stage.as_admin()
    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(one, range(count)))


def share_out(stage: Stage, agents: Sequence[Agent], targets: Sequence[Target]) -> None:
    """Have the agents join the conversations, each in turn."""
    for place, target in enumerate(targets):
        headers = {"Authorization": f"Bearer {agents[place % len(agents)].bearer}"}
        stage.call("POST", f"{_CONVERSATIONS}/{target.conversation_id}/join", None, headers)
