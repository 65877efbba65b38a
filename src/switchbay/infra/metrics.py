"""Prometheus's text of a node: of one process, or of both, its own numbers added up."""

import asyncio
from collections.abc import Iterable
from typing import cast

import prometheus_client
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from switchbay.infra.link import Link

_ASK, _TELL = b"m", b"M"
_WAIT_SECONDS = 1.0
_OURS = "switchbay_"


class _Families:
    """Something to be written out as a registry is."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self._families


def added_up(first: bytes, second: bytes) -> bytes:
    """The numbers of two processes of a node as one text; what is about a process itself is the first one's."""
    families = {each.name: each for each in text_string_to_metric_families(first.decode())}
    for other in text_string_to_metric_families(second.decode()):
        if other.name.startswith(_OURS) and not other.name.endswith("_created"):
            known = families.setdefault(other.name, other)
            if known is not other:
                known.samples = _sums([*known.samples, *other.samples])
    return prometheus_client.generate_latest(cast("CollectorRegistry", _Families(families.values())))


def _sums(samples: Iterable[Sample]) -> list[Sample]:
    sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for each in samples:
        key = (each.name, tuple(each.labels.items()))
        sums[key] = sums.get(key, 0.0) + each.value
    return [Sample(name, dict(labels), value) for (name, labels), value in sums.items()]


class NodeMetrics:
    """The metrics of this process and, where there is a ``link``, of the other one, which is asked for them."""

    def __init__(self, link: Link | None) -> None:
        self._link = link
        self._told: asyncio.Future[bytes] | None = None
        if link is not None:
            link.handle(_ASK, lambda _: link.send(_TELL, prometheus_client.generate_latest()))
            link.handle(_TELL, self._hear)

    def _hear(self, message: bytes) -> None:
        if self._told is not None and not self._told.done():
            self._told.set_result(message)

    async def render(self) -> bytes:
        """Prometheus's text. An other process that does not answer in a second is left out."""
        if self._link is None or not self._link.has_room:
            return prometheus_client.generate_latest()
        if self._told is None or self._told.done():
            self._told = asyncio.get_running_loop().create_future()
            self._link.send(_ASK)
        try:
            theirs = await asyncio.wait_for(asyncio.shield(self._told), _WAIT_SECONDS)
        except TimeoutError:
            return prometheus_client.generate_latest()
        return added_up(prometheus_client.generate_latest(), theirs)
