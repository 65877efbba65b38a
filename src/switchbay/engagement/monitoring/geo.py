"""Where an address is, from a file in MaxMind's format (GeoLite2-City and its like) that the operator supplies.

The file is copied before it is opened, so that whoever overwrites it in place cannot pull it from under a look-up. It
is loaded again when it changes; a file that cannot be read leaves what was loaded before, and without any there are no
places.
"""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

import maxminddb
import structlog

from switchbay.engagement.domain.visit import Geo
from switchbay.infra.memory import BoundedCache

_MOST_CACHED: Final = 20_000
_NOWHERE: Final = Geo()
_LANGUAGE: Final = "en"
_Stamp: TypeAlias = tuple[int, int, int]
_log = structlog.get_logger("geo")


class Places:
    """The places of addresses. Look-ups are for one thread at a time."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp: _Stamp | None = None
        self._reader: maxminddb.Reader | None = None
        self._cache: BoundedCache[str, Geo] = BoundedCache(_MOST_CACHED)

    def refresh(self) -> bool:
        """Load the file if it is new or has changed; whether it was loaded. Reads the whole file."""
        if self._path is None:
            return False
        try:
            stamp = _stamp_of(self._path)
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            reader = _open_copy(self._path)
        except (OSError, maxminddb.InvalidDatabaseError) as error:
            _log.warning("cannot read the database of places", path=str(self._path), reason=str(error))
            return False
        self._reader, self._cache = reader, BoundedCache(_MOST_CACHED)
        _log.info("loaded the database of places", kind=reader.metadata().database_type)
        return True

    def locate(self, address: str) -> Geo | None:
        """The place of an address, None where it is not known."""
        reader, cache = self._reader, self._cache
        if reader is None:
            return None
        known = cache.get(address)
        if known is None:
            known = _look_up(reader, address)
            cache.put(address, known)
        return None if known is _NOWHERE else known


def _stamp_of(path: Path) -> _Stamp:
    about = path.stat()
    return about.st_mtime_ns, about.st_size, about.st_ino


def _open_copy(path: Path) -> maxminddb.Reader:
    with tempfile.NamedTemporaryFile(prefix="switchbay-places-", suffix=".mmdb") as copy:
        with path.open("rb") as original:
            shutil.copyfileobj(original, copy, 1 << 20)
        copy.flush()
        return maxminddb.open_database(copy.name)  # it stays mapped when its name is gone


def _look_up(reader: maxminddb.Reader, address: str) -> Geo:
    try:
        found = reader.get(address)
    except (ValueError, maxminddb.InvalidDatabaseError):
        return _NOWHERE
    if not isinstance(found, Mapping):
        return _NOWHERE
    country = found.get("country") or found.get("registered_country")
    divisions = found.get("subdivisions")
    geo = Geo(
        country=_name(country),
        country_code=_text(country, "iso_code"),
        state=_name(divisions[0]) if isinstance(divisions, list) and divisions else "",
        city=_name(found.get("city")),
    )
    return _NOWHERE if geo == _NOWHERE else geo


def _name(place: object) -> str:
    return _text(place.get("names"), _LANGUAGE) if isinstance(place, Mapping) else ""


def _text(place: object, member: str) -> str:
    value = place.get(member) if isinstance(place, Mapping) else None
    return value if isinstance(value, str) else ""
