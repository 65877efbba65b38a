"""The grammar of addresses."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.manifest.domain import uris


@given(st.ip_addresses(v=6).map(str) | st.text("0123456789abcdefABCDEF:.", max_size=40))
def test_ipv6_hosts_are_those_that_the_standard_library_knows(text: str) -> None:
    try:
        known = ipaddress.IPv6Address(text) is not None
    except ValueError:
        known = False
    assert uris.is_https(f"https://[{text}]/") is known


@given(st.ip_addresses(v=4).map(str) | st.text("0123456789.", min_size=1, max_size=16))
def test_ipv4_hosts_are_those_that_the_standard_library_knows(text: str) -> None:
    try:
        known = ipaddress.IPv4Address(text) is not None
    except ValueError:
        known = False
    assert uris.is_https(f"https://{text}/") is known


@pytest.mark.parametrize(
    "uri",
    [
        "https://a.example",
        "https://a.example.",
        "https://A.EXAMPLE:1/",
        "https://my_app/",
        "https://xn--bcher-kva.example/",
        "https://a.example?x",
        "https://a.example:65535/%C3%A9?a=b&c=d?/",
        f"https://{'a' * 63}.example/",
    ],
)
def test_https_addresses(uri: str) -> None:
    assert uris.is_https(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://",
        "https:/a.example",
        "https://a..example/",
        "https://-a.example/",
        "https://a-.example/",
        "https://bücher.example/",
        "https://a.example:/",
        "https://a.example:0/",
        "https://a.example:080/",
        "https://a.example/%4",
        "https://a.example/%zz",
        "https://a.example/{x}",
        "https://a.example/ ",
        "https://a.example\\x",
        "https://0x7f.1/",
        "https://1.2.3/",
        "https://[::1%25eth0]/",
        f"https://{'a' * 64}.example/",
        "https://" + "a." * 127 + "example/",
        "https://a.example\n",
        "http://a.example/",
    ],
)
def test_what_is_no_https_address(uri: str) -> None:
    assert not uris.is_https(uri)


@pytest.mark.parametrize(
    "uri",
    ["http://localhost", "https://LOCALHOST:1/x", "http://127.0.0.1/", "http://127.255.1.9?x", "http://[::1]:8#f"],
)
def test_loopback(uri: str) -> None:
    assert uris.is_loopback(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost.example/",
        "http://127.0.0.1.example/",
        "http://128.0.0.1/",
        "http://[::2]/",
        "http://localhost@a.example/",
    ],
)
def test_not_loopback(uri: str) -> None:
    assert not uris.is_loopback(uri)


@pytest.mark.parametrize(
    ("uri", "host", "origin"),
    [
        ("https://A.example.:80/x@y", "a.example", "a.example.:80"),
        ("https://u:p@b.example/", "b.example", "b.example"),
        ("https://[2001:DB8::1]:8443/", "2001:db8::1", "[2001:db8::1]:8443"),
        ("mailto:x", "", ""),
    ],
)
def test_host_and_origin(uri: str, host: str, origin: str) -> None:
    assert (uris.host_of(uri), uris.origin_of(uri)) == (host, origin)


@pytest.mark.parametrize("host", ["your", "your-domain.com", "api.your-domain.com", "yourdomain.com"])
def test_example_hosts(host: str) -> None:
    assert uris.is_example_host(host)


@pytest.mark.parametrize("host", ["app.example.com", "mysteryour-domain.com", "yourself.com", "localhost"])
def test_real_hosts(host: str) -> None:
    assert not uris.is_example_host(host)
