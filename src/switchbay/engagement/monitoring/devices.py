"""What kind of device a user agent belongs to."""

from collections.abc import Mapping
from typing import Final

import ua_parser

from switchbay.engagement.monitoring.domain.asked import Device, Family
from switchbay.infra.memory import BoundedCache

LONGEST_AGENT: Final = 256
_MOST_CACHED: Final = 5_000
_SYSTEMS: Final[Mapping[str, str]] = {
    "Windows": "WINDOWS",
    "Mac OS X": "MAC_OSX",
    "iOS": "IOS",
    "Android": "ANDROID",
    "Linux": "LINUX",
    "Ubuntu": "LINUX",
    "Fedora": "LINUX",
    "Debian": "LINUX",
    "Chrome OS": "LINUX",
}
_DESKTOPS: Final = frozenset({"WINDOWS", "MAC_OSX", "LINUX"})


class Devices:
    """Devices by user agent; the same few thousand come again and again."""

    def __init__(self) -> None:
        self._cache: BoundedCache[str, Device] = BoundedCache(_MOST_CACHED)

    def device_of(self, user_agent: str) -> Device:
        """The device of a user agent."""
        known = self._cache.get(user_agent)
        if known is None:
            known = parse(user_agent)
            self._cache.put(user_agent, known)
        return known


def parse(user_agent: str) -> Device:
    """Read a user agent. Crawlers and what is not known are no device."""
    found = ua_parser.parse(user_agent)
    system = _SYSTEMS.get(found.os.family, "") if found.os is not None else ""
    device = found.device.family if found.device is not None else ""
    return Device("NA" if device == "Spider" else _family(system, device, user_agent), system)


def _family(system: str, device: str, user_agent: str) -> Family:
    if device == "iPad" or "Tablet" in device or "Kindle" in device:
        return "TABLET"
    if system == "ANDROID":  # a tablet's browser leaves "Mobile" out; programs on phones call themselves what they like
        return "TABLET" if user_agent.startswith("Mozilla/") and "Mobile" not in user_agent else "MOBILE"
    if system == "IOS" or device in {"iPhone", "iPod", "Generic Smartphone", "Generic Feature Phone"}:
        return "MOBILE"
    return "DESKTOP" if system in _DESKTOPS else "NA"
