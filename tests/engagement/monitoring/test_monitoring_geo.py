"""Places of addresses, from a small database that is made here."""

import os
from pathlib import Path

from support.places import OSLO, write_places
from switchbay.engagement.domain.visit import Geo
from switchbay.engagement.monitoring.geo import Places


def test_addresses_have_places(tmp_path: Path) -> None:
    path = tmp_path / "places.mmdb"
    write_places(path, a198_51_100_0_24=OSLO, a203_0_113_0_24={"registered_country": {"iso_code": "SE"}})
    places = Places(path)
    assert places.refresh()
    oslo = Geo(country="Norway", country_code="NO", state="Oslo County", city="Oslo")
    assert places.locate("198.51.100.7") == oslo
    assert places.locate("::ffff:198.51.100.7") in (oslo, None)
    assert places.locate("203.0.113.9") == Geo(country_code="SE")
    assert [places.locate(one) for one in ("192.0.2.1", "2001:db8::1", "nonsense", "")] == [None] * 4


def test_without_a_file_there_are_no_places(tmp_path: Path) -> None:
    for path in (None, tmp_path / "absent.mmdb"):
        places = Places(path)
        assert not places.refresh()
        assert places.locate("198.51.100.7") is None


def test_a_file_is_loaded_again_when_it_changes_and_kept_when_it_breaks(tmp_path: Path) -> None:
    path = tmp_path / "places.mmdb"
    write_places(path, a198_51_100_0_24=OSLO)
    places = Places(path)
    assert places.refresh()
    assert not places.refresh()
    path.write_bytes(b"")  # in place, as a careless copy does it: what is loaded must survive
    assert not places.refresh()
    found = places.locate("198.51.100.9")
    assert found is not None
    assert found.city == "Oslo"
    write_places(path, a198_51_100_0_24={"city": {"names": {"en": "Bergen"}}})
    os.utime(path, ns=(1, 1))
    assert places.refresh()
    assert places.locate("198.51.100.9") == Geo(city="Bergen")
