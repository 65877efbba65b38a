"""Where visitors come from, and on what."""

import pytest

from switchbay.engagement.monitoring.devices import Devices, parse
from switchbay.engagement.monitoring.domain.arrival import Arrival, arrive
from switchbay.engagement.monitoring.domain.asked import Device
from switchbay.engagement.monitoring.domain.pages import sort_points

_SHOP = "https://www.shop.example/start"


@pytest.mark.parametrize(
    ("referrer", "arrival"),
    [
        ("", Arrival()),
        ("https://shop.example/other", Arrival()),
        ("nonsense", Arrival()),
        ("https://[", Arrival()),
        ("https://news.example/tea?q=x", Arrival("https://news.example/tea?q=x")),
        (
            "https://www.google.co.uk/search?q=green+tea&hl=en",
            Arrival("https://www.google.co.uk/search?q=green+tea&hl=en", "google", ("green tea",)),
        ),
        ("https://www.google.com/", Arrival("https://www.google.com/", "google")),
        (
            "https://uk.search.yahoo.com/search?p=tea%20%20pot",
            Arrival("https://uk.search.yahoo.com/search?p=tea%20%20pot", "yahoo", ("tea pot",)),
        ),
        (
            "https://search.brave.com/search?q=tea",
            Arrival("https://search.brave.com/search?q=tea", "brave", ("tea",)),
        ),
        (
            "https://ads.example/click?keyword=cheap+tea",
            Arrival("https://ads.example/click?keyword=cheap+tea", "", ("cheap tea",)),
        ),
    ],
)
def test_a_referrer_tells_site_engine_and_searches(referrer: str, arrival: Arrival) -> None:
    assert arrive(_SHOP, referrer) == arrival


def test_paid_words_stand_in_the_address_of_the_page() -> None:
    assert arrive(_SHOP + "?keyword=tea+cups&keyword=tea+cups", "").phrases == ("tea cups",)


def test_entry_points_are_sorted_by_their_schemes() -> None:
    points = sort_points(
        ("tel://18005550100", "HTTPS://shop.example/A", "https://b.example", "sec://Home", "SEC://x/y", "lang://en")
    )
    assert points.url == "HTTPS://shop.example/A"
    assert points.sections == ("Home", "x/y")
    assert points.other == ("tel://18005550100", "lang://en")


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120 Safari/537.36",
            ("DESKTOP", "WINDOWS"),
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 13_1) AppleWebKit/605 Version/17 Safari/605", ("DESKTOP", "MAC_OSX")),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", ("DESKTOP", "LINUX")),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17 Mobile/15E148 Safari/604",
            ("MOBILE", "IOS"),
        ),
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) Version/17 Mobile/15E148 Safari/604", ("TABLET", "IOS")),
        ("Mozilla/5.0 (Linux; Android 13; Pixel 7) Chrome/120 Mobile Safari/537.36", ("MOBILE", "ANDROID")),
        ("Mozilla/5.0 (Linux; Android 13; SM-X906C) Chrome/120 Safari/537.36", ("TABLET", "ANDROID")),
        ("Dalvik/2.1.0 (Linux; U; Android 12; Pixel)", ("MOBILE", "ANDROID")),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", ("NA", "")),
        ("curl/8.0", ("NA", "")),
        ("", ("NA", "")),
    ],
)
def test_user_agents_are_devices(agent: str, device: tuple[str, str]) -> None:
    found = parse(agent)
    assert (found.family, found.os) == device


def test_devices_are_remembered() -> None:
    devices = Devices()
    first = devices.device_of("Mozilla/5.0 (Windows NT 10.0; Win64; x64)")
    assert first == Device("DESKTOP", "WINDOWS")
    assert devices.device_of("Mozilla/5.0 (Windows NT 10.0; Win64; x64)") is first
