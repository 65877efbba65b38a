"""URLs of outbound calls are taken apart strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.infra.egress import BadUrl, Target, parse_target


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("https://a.example/hook", Target("https", "a.example", 443, "/hook"), "a.example"),
        ("https://A.Example.", Target("https", "a.example", 443, "/"), "a.example"),
        ("https://a.example:8443/x?y=1#z", Target("https", "a.example", 8443, "/x?y=1"), "a.example:8443"),
        ("http://127.0.0.1:80/", Target("http", "127.0.0.1", 80, "/"), "127.0.0.1"),
        ("https://[2606:4700::1]/h", Target("https", "2606:4700::1", 443, "/h"), "[2606:4700::1]"),
        ("https://bücher.example/ü%20x", Target("https", "xn--bcher-kva.example", 443, "/%C3%BC%20x"), None),
    ],
)
def test_a_url_is_taken_apart(url: str, target: Target, authority: str | None) -> None:
    assert parse_target(url) == target
    if authority is not None:
        assert parse_target(url).authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/hook",
        "ftp://a.example/",
        "file:///etc/passwd",
        "https://",
        "https:///hook",
        "https://user@a.example/",
        "https://user:secret@a.example/",
        "https://a.example:0/",
        "https://a.example:70000/",
        "https://a.example:x/",
        "https://a.example/\r\nX-Injected: 1",
        "https://a.example/a b",
        "https://a.example\\@b.example/",
        "https://a_b%2f.example/",
        "https://[::1/",
        "https://a.example/" + 5000 * "x",
    ],
)
def test_a_url_that_cannot_be_called_is_refused(url: str) -> None:
    with pytest.raises(BadUrl):
        parse_target(url)


@given(st.text(max_size=60))
def test_whatever_is_parsed_fits_into_a_request_line(rest: str) -> None:
    try:
        target = parse_target("https://a.example/" + rest)
    except BadUrl:
        return
    assert target.path.isascii()
    assert not set(target.path) & set(" \r\n\t\x00")
    assert (target.host, target.port) == ("a.example", 443)
