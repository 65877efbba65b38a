"""What "make bench" measures of agents' sockets: how fast many are told, how soon one is, what idle ones take."""

import time
from collections.abc import Iterator
from typing import Any

from bench import ledger, rounds
from bench.connectors import Target
from bench.crew import Agent, hire, share_out
from bench.stage import Stage
from bench.watching import BareSpeaker, Came, Connection, Watchers
from switchbay.infra.tls import ensure_certificate

Figures = dict[str, Any]
_SUBSCRIBED = 1_000
_SOCKETS_A_USER = 50
_CONVERSATIONS = 100
_SUBSCRIBE = (".ams.aam.SubscribeExConversations", {"convState": ["OPEN"]})
_CONNECTIONS = 16
_BARE_FRAMES = 100_000
_LATENCY_RATE = 500
_LATENCY_AGENTS = 20
_WARM_SECONDS = 2


def fan_out(stage: Stage, seconds: float) -> Iterator[tuple[str, Figures]]:
    """Events told to 1,000 sockets: to managers who subscribed to all conversations, to those who follow a dialog."""
    managers = hire(stage, _SUBSCRIBED // _SOCKETS_A_USER, "agent_manager")
    targets = stage.open([stage.install()], _CONVERSATIONS)
    following = ("ms.SubscribeMessagingEvents", {"dialogId": targets[0].conversation_id, "fromSeq": 0})
    for title, wanted, into in (
        (f"changes of {_CONVERSATIONS} conversations, to sockets that subscribed to all", _SUBSCRIBE, targets),
        ("events of one dialog, to sockets that follow it", following, targets[:1]),
    ):
        with Watchers(stage.folder, stage.port, stage.ca, _sockets(managers, _SUBSCRIBED, wanted)) as watchers:
            _fan_out_once(stage, watchers, into, _WARM_SECONDS)
            figures = _fan_out_once(stage, watchers, into, seconds)
        yield title, figures
        yield f"bare: frames as large, to {_SUBSCRIBED} sockets", _bare(stage, managers, figures["frame_bytes"])


def _sockets(agents: list[Agent], count: int, *requests: tuple[str, object]) -> list[Connection]:
    return [agents[place % len(agents)].connection(*requests) for place in range(count)]


def _fan_out_once(stage: Stage, watchers: Watchers, targets: list[Target], seconds: float) -> Figures:
    before, _ = stage.usage()
    watchers.begin()
    begun = time.monotonic()
    rounds.Load(stage, targets, seconds=seconds, connections=_CONNECTIONS).result()
    came, last = watchers.collect()
    spent, resident = stage.usage()
    return {
        "events_times_sockets_per_second": round(came.frames / (last - begun)),
        "events_per_second": round(came.most / (last - begun), 1),
        "frames_of_each_socket": came.least if came.least == came.most else f"{came.least} to {came.most}",
        "sockets_left": came.open,
        "frame_bytes": came.frame_bytes,
        "server_cpu_microseconds_per_frame": round((spent - before) * 1e6 / max(1, came.frames), 1),
        "clients_cpu_microseconds_per_frame": round(came.cpu_seconds * 1e6 / max(1, came.frames), 1),
        "server_resident_mb": round(resident),
    }


def _bare(stage: Stage, agents: list[Agent], frame_bytes: int) -> Figures:
    """The same clients and as large frames, from a server that does nothing but write them."""
    certificate = ensure_certificate(stage.folder / "data", ("localhost",), "receiver")
    found: Figures = {}
    with (
        BareSpeaker(certificate) as speaker,
        Watchers(stage.folder, speaker.port, stage.ca, _sockets(agents, _SUBSCRIBED)) as watchers,
    ):
        for together in (1, _CONNECTIONS):
            each = _BARE_FRAMES // _SUBSCRIBED // together * together
            watchers.begin()
            begun = time.monotonic()
            wrote = speaker.speak(each, frame_bytes, together)
            came, last = watchers.collect()
            name = "one_in_a_write" if together == 1 else f"{together}_in_a_write"
            found[f"frames_per_second_{name}"] = round(came.frames / (last - begun))
            found[f"server_cpu_microseconds_per_frame_{name}"] = round(wrote["cpu_seconds"] * 1e6 / came.frames, 1)
    return found


def latency(stage: Stage, seconds: float) -> Figures:
    """From a connector's POST to the frame at the agent who takes part, at 500 messages a second."""
    agents = hire(stage, _LATENCY_AGENTS)
    targets = stage.open([stage.install()], _CONVERSATIONS)
    share_out(stage, agents, targets)
    sockets = _sockets(agents, len(agents), _SUBSCRIBE)
    with Watchers(stage.folder, stage.port, stage.ca, sockets, timed=1, marks="OnlineEventDistribution") as watchers:
        _told(stage, watchers, targets, _WARM_SECONDS)
        return _told(stage, watchers, targets, seconds) | {"agents": len(agents)}


def _told(stage: Stage, watchers: Watchers, targets: list[Target], seconds: float) -> Figures:
    watchers.begin()
    before, _ = stage.usage()
    load = rounds.Load(stage, targets, seconds=seconds, rate=_LATENCY_RATE)
    sent = load.result()
    spent = stage.usage()[0] - before
    came, _ = watchers.collect()
    return _percentiles(came) | {
        "accepted": len(ledger.numbers(load.accepted)),
        "told": len(came.latencies),
        "post_p50_ms": sent["post_p50_ms"],
        "post_p95_ms": sent["post_p95_ms"],
        "server_cpu_share": round(spent / seconds, 2),
    }


def _percentiles(came: Came) -> Figures:
    ordered = sorted(came.latencies) or [0.0]
    return {f"p{share}_ms": ordered[min(len(ordered) - 1, len(ordered) * share // 100)] for share in (50, 95, 99)}


def idle(stage: Stage, count: int) -> Figures:
    """What so many sockets of agents take that only wait, each with a subscription."""
    agents = hire(stage, max(1, count // int(stage.environment["SWITCHBAY_SOCKETS_PER_USER"])))
    before = stage.usage()[1]
    begun = time.monotonic()
    with Watchers(stage.folder, stage.port, stage.ca, _sockets(agents, count, _SUBSCRIBE)) as watchers:
        seconds = time.monotonic() - begun
        time.sleep(2)
        resident = stage.usage()[1]
        cpu = stage.usage()[0]
        time.sleep(5)
        cpu = stage.usage()[0] - cpu
        alive = watchers.ping()
        after = stage.usage()[1]
    return {
        "sockets": watchers.first.open,
        "that_answered_in_the_end": alive.pongs,
        "resident_mb_without_them": round(before),
        "resident_mb_with_them": round(resident),
        "resident_mb_after_a_ping_of_each": round(after),
        "kilobytes_per_socket": round((resident - before) * 1_000 / count, 1),
        "server_cpu_share_while_idle": round(cpu / 5, 3),
        "opened_per_second": round(count / seconds),
    }


SETTINGS = {"SWITCHBAY_SOCKETS_PER_USER": str(_SOCKETS_A_USER)}
"""What the server is told for these measurements."""
