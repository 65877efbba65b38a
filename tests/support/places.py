"""A small database of places in MaxMind's format."""

from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]  # untyped upstream


def write_places(path: Path, **networks: dict[str, Any]) -> None:
    """Write a database; of each network, named as ``a198_51_100_0_24``, what is known."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-City", languages=["en"])
    for name, known in networks.items():
        *octets, bits = name.removeprefix("a").split("_")
        writer.insert_network(IPSet([f"{'.'.join(octets)}/{bits}"]), known)
    writer.to_db_file(str(path))


OSLO = {
    "country": {"iso_code": "NO", "names": {"en": "Norway", "de": "Norwegen"}},
    "subdivisions": [{"iso_code": "03", "names": {"en": "Oslo County"}}, {"names": {"en": "Frogner"}}],
    "city": {"names": {"en": "Oslo"}},
}
