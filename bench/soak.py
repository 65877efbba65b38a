"""``make soak``: load the server, kill it without warning again and again, and count what arrives.

Every message whose POST was answered 200 must reach the receiver, in order within its conversation; repeats are allowed
(delivery is at least once) and counted. Exit 1 when one is missing or out of order.
"""

import argparse
import random
import sys
import time

from bench import ledger, rounds
from bench.stage import Stage

_PATIENCE_SECONDS = 60.0
_CONVERSATIONS = 50


def _soak(engine: str, given: argparse.Namespace) -> bool:
    chance = random.Random(given.seed)
    accepted = 0
    with Stage(engine) as stage:
        assert stage.endpoints is not None
        targets = stage.open([stage.install()], _CONVERSATIONS)
        expected: set[int] = set()
        for kill in range(given.kills):
            load = rounds.Load(stage, targets, seconds=60, rate=given.rate, first=kill * 1_000_000)
            time.sleep(chance.uniform(0.5, 3))
            stage.kill_server()
            load.end()
            load.result()
            expected |= load.expected()
            stage.start_server()
        accepted = len(expected)
        stage.endpoints.settle(accepted, 0, _PATIENCE_SECONDS)
        time.sleep(stage.lease_seconds + 1)  # until what a killed server held has been sent, too
        came = ledger.count(ledger.arrivals(stage.endpoints.log), expected, rounds.secrets_of(targets))
    print(
        f"{engine}: {accepted} accepted, {given.kills} kills; {came.received} received, {came.lost} lost, "
        f"{came.duplicates} repeated, {came.out_of_order} out of order, {came.bad_signatures} bad signatures",
        flush=True,
    )
    return not (came.lost or came.out_of_order or came.bad_signatures)


def main() -> int:
    """Soak both engines."""
    parser = argparse.ArgumentParser(description=__doc__, prog="make soak ARGS=…")
    parser.add_argument("--engine", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--rate", type=float, default=200, help="messages a second; 0: as fast as they are taken")
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    engines = ["sqlite", "postgresql"] if given.engine == "both" else [given.engine]
    kept = [_soak(engine, given) for engine in engines]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
