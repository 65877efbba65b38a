"""``make soak``: load the server, kill it without warning again and again, and count what arrives.

Every message whose POST was answered 200 must reach the receiver, in order within its conversation; repeats are allowed
(delivery is at least once) and counted. Exit 1 when one is missing or out of order.
"""

import argparse
import json
import random
import sys
import time

from bench.stage import Stage

_PATIENCE_SECONDS = 120


def _soak(engine: str, given: argparse.Namespace) -> bool:
    chance = random.Random(given.seed)
    with Stage(engine) as stage:
        accepted_file = stage.folder / "accepted.json"
        load = stage.load(
            messages=given.messages, rate=given.rate, conversations=50, concurrency=32, accepted=accepted_file
        )
        assert load.stdout is not None
        load.stdout.readline()  # "opened"
        kills = 0
        while load.poll() is None and kills < given.kills:
            time.sleep(chance.uniform(0.5, 3))
            stage.kill_server()
            kills += 1
            stage.start_server()
        result = json.loads(load.communicate()[0].strip().splitlines()[-1])
        accepted = set(json.loads(accepted_file.read_text()))
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (lost := len(accepted - set(stage.receiver("GET", "/stamps")))) and time.monotonic() < deadline:
            time.sleep(0.5)
        received = stage.receiver("GET", "/stats")
    print(
        f"{engine}: {result['accepted']} accepted, {result['failed']} refused or cut, {kills} kills; "
        f"{received['received']} received, {lost} lost, {received['repeated']} repeated, "
        f"{received['disordered']} out of order, {received['bad_signatures']} bad signatures",
        flush=True,
    )
    return not (lost or received["disordered"] or received["bad_signatures"])


def main() -> int:
    """Soak both engines."""
    parser = argparse.ArgumentParser(description=__doc__, prog="make soak ARGS=…")
    parser.add_argument("--engine", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--messages", type=int, default=6_000)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    engines = ["sqlite", "postgresql"] if given.engine == "both" else [given.engine]
    kept = [_soak(engine, given) for engine in engines]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
