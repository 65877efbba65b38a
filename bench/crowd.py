"""``make crowd``: a crowd talks over sockets that break, and all must end with the same transcript.

Consumers open a conversation each; every conversation has an agent and a manager besides. All of them talk and listen
over their own sockets, on SQLite to one node, on PostgreSQL to two, whichever they happen to reach, and connections
are torn a few times at any moment. At the end the transcripts of all participants are compared with what the server
has, and with what was answered to whoever said it. Exit 1 when anything is missing, comes twice or stands elsewhere.
"""

import argparse
import asyncio
import random
import resource
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import uvloop
from pyreqwest.client import Client, ClientBuilder

from bench.connectors import Connector
from bench.crew import Agent as Hired
from bench.crew import hire
from bench.people import Agent, Consumer, Person, World
from bench.stage import ACCOUNT, Stage

T = TypeVar("T")
_TOGETHER = 32
_MANAGERS = 10
"""Of so many agents one is a manager."""
_PATIENCE_SECONDS = 120.0
_FAULTS_SHOWN = 10
_EVENTS = 100
_SETTINGS = {"SWITCHBAY_AGENT_GRACE_SECONDS": "600"}
"""An agent whom this machine keeps waiting for long does not lose the conversations meanwhile."""
Truth = dict[str, list[str]]


async def _each(work: Callable[[T], Awaitable[None]], some: Iterable[T]) -> None:
    """Do the work for all, some at a time."""
    left = iter(some)

    async def worker() -> None:
        for one in left:
            await work(one)

    await asyncio.gather(*(worker() for _ in range(_TOGETHER)))


class _Crowd:
    """Everybody, and what they have to say."""

    def __init__(self, stage: Stage, ports: tuple[int, ...], given: argparse.Namespace) -> None:
        context = ssl.create_default_context(cafile=str(stage.ca))
        luck = random.Random(given.seed)
        self._stage = stage
        self._given = given
        self._world = World(ports, context, luck, given.steady)
        self._consumers: list[Consumer] = []
        self._agents: list[Agent] = []
        self._living: list[asyncio.Task[None]] = []

    @property
    def everybody(self) -> Sequence[Person]:
        """All participants."""
        return [*self._consumers, *self._agents]

    async def gather(self, client: Client) -> None:
        """Have consumers open their conversations, and agents and managers join them."""
        given, stage = self._given, self._stage
        connector = Connector(client, stage.server_url, ACCOUNT)
        token = await connector.token(stage.install())

        async def come(number: int) -> None:
            jwt = await connector.identify(token, f"crowd-{number}")
            path, headers = f"/ws_api/account/{ACCOUNT}/messaging/consumer?v=3", {"Authorization": f"jwt {jwt}"}
            consumer = Consumer(self._world, f"consumer-{number}", path, headers)
            await consumer.open()
            self._consumers.append(consumer)

        await _each(come, range(given.consumers))
        managers = max(1, given.agents // _MANAGERS)
        await self._join(await asyncio.to_thread(hire, stage, given.agents - managers), "ASSIGNED_AGENT")
        hired = await asyncio.to_thread(lambda: hire(stage, managers, "agent_manager", prefix="manager"))
        await self._join(hired, "MANAGER")

    async def _join(self, hired: Sequence[Hired], role: str) -> None:
        agents = [Agent(self._world, one.name, one.socket_path) for one in hired]
        dialogs = [one.dialog for one in self._consumers]
        places = {agent.name: place for place, agent in enumerate(agents)}
        await _each(lambda agent: agent.join(dialogs[places[agent.name] :: len(agents)], role), agents)
        self._agents += agents

    async def talk(self) -> None:
        """Say everything, in spite of all that breaks, and leave when everybody has heard everything."""
        luck, given = self._world.luck, self._given
        for person in self.everybody:
            dialogs = list(person.transcripts)
            count = given.messages if isinstance(person, Consumer) else max(1, given.messages // 3)
            person.to_say = [(dialog, f"{person.name} says {number}") for number in range(count) for dialog in dialogs]
            person.pause_seconds = given.talk / len(person.to_say)
            person.breaks_left = luck.randint(1, given.breaks)
        self._living = [asyncio.create_task(person.live()) for person in self.everybody]
        while any(person.to_say or person.breaks_left for person in self.everybody):
            for one in self._living:
                if one.done():
                    await one  # it failed
            await asyncio.sleep(0.2)

    async def part(self, truth: Truth) -> None:
        """Wait until everybody has as much as there is, or nothing has come for long; then all leave."""
        since, known = time.monotonic(), -1
        lacking = 1
        while lacking and time.monotonic() - since < _PATIENCE_SECONDS:
            await asyncio.sleep(0.2)
            have = [
                (len(person.transcripts[one]), len(truth[one]))
                for person in self.everybody
                for one in person.transcripts
            ]
            lacking = sum(wanted - heard for heard, wanted in have)
            if lacking != known:
                since, known = time.monotonic(), lacking
        for person in self.everybody:
            person.may_go.set()
        await asyncio.gather(*self._living)

    def faults(self, truth: Truth) -> list[str]:
        """What is not as it should be."""
        found = [fault for person in self.everybody for fault in person.faults]
        for person in self.everybody:
            for dialog, transcript in person.transcripts.items():
                if transcript != truth[dialog]:
                    found.append(
                        f"{person.name}: of {dialog} {len(transcript)} events, other than the {len(truth[dialog])}"
                    )
                for text, sequence in person.said[dialog].items():
                    at = [place for place, one in enumerate(truth[dialog]) if one == text]
                    if at != [sequence]:
                        found.append(f"{person.name}: {text!r} was answered with {sequence} and stands at {at}")
        return found

    def sayings(self) -> int:
        """How many messages were answered."""
        return sum(len(said) for person in self.everybody for said in person.said.values())


async def _truth(client: Client, stage: Stage, dialogs: Iterable[str]) -> Truth:
    """What the server has of each conversation."""
    headers = stage.as_admin()
    found: Truth = {}

    async def read(dialog: str) -> None:
        texts: list[str] = []
        while True:
            url = f"{stage.server_url}/switchbay/v1/accounts/{ACCOUNT}/conversations/{dialog}/events"
            answer = await client.get(f"{url}?since={len(texts)}&limit={_EVENTS}").headers(headers).build().send()
            page = (await answer.json())["items"]
            for event in page:
                if event["sequence"] != len(texts):
                    raise SystemExit(f"{dialog} has a gap before {event['sequence']}")
                texts.append(event["event"].get("message", ""))
            if len(page) < _EVENTS:
                break
        found[dialog] = texts

    await _each(read, dialogs)
    return found


async def _run(stage: Stage, ports: tuple[int, ...], given: argparse.Namespace) -> bool:
    begun = time.monotonic()
    crowd = _Crowd(stage, ports, given)
    async with ClientBuilder().add_root_certificate_pem(stage.ca.read_bytes()).no_proxy().build() as client:
        await crowd.gather(client)
        gathered = time.monotonic() - begun
        await crowd.talk()
        talked = time.monotonic() - begun - gathered
        dialogs = {dialog for person in crowd.everybody for dialog in person.transcripts}
        truth = await _truth(client, stage, dialogs)
        await crowd.part(truth)
    faults = crowd.faults(truth)
    everybody = crowd.everybody
    print(
        f"{stage.engine}, nodes: {len(ports)}, consumers: {given.consumers}, agents: {given.agents}, "
        f"conversations: {len(truth)}: {sum(map(len, truth.values()))} events, {crowd.sayings()} messages answered, "
        f"{sum(one.connections for one in everybody)} connections; {len(faults)} faults; "
        f"{gathered:.0f} s to come together, {talked:.0f} s of talk",
        flush=True,
    )
    for fault in faults[:_FAULTS_SHOWN]:
        print(f"  {fault}", flush=True)
    return not faults


def crowd(engine: str, given: argparse.Namespace) -> bool:
    """Run on one engine; whether everything was as it should be."""
    with Stage(engine, settings=_SETTINGS) as stage:
        origins = {"web_origins": ["https://www.example.com"]}
        stage.call("PATCH", f"/switchbay/v1/accounts/{ACCOUNT}", origins, stage.as_admin())
        ports = (stage.port, stage.add_node()) if engine == "postgresql" else (stage.port,)
        return uvloop.run(_run(stage, ports, given))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the run can be told."""
    parser.add_argument("--consumers", type=int, default=1_000)
    parser.add_argument("--agents", type=int, default=100, help="every tenth is a manager")
    parser.add_argument(
        "--messages", type=int, default=6, help="of each consumer; agents say a third in each conversation"
    )
    parser.add_argument("--breaks", type=int, default=4, help="most broken connections of each")
    parser.add_argument(
        "--talk", type=float, default=60.0, help="seconds in which everybody says what they have to say"
    )
    parser.add_argument("--steady", type=float, default=20.0, help="seconds that a connection lasts, on the average")


def main() -> int:
    """Run on both engines."""
    parser = argparse.ArgumentParser(description=__doc__, prog="make crowd ARGS=…")
    parser.add_argument("--engine", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--seed", type=int, default=1)
    add_arguments(parser)
    given = parser.parse_args()
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    engines = ["sqlite", "postgresql"] if given.engine == "both" else [given.engine]
    kept = [crowd(engine, given) for engine in engines]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
