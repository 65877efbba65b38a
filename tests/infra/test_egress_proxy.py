"""Outbound calls through a forward proxy: what it is asked, what the guard still refuses, what may go wrong."""

import base64
from collections.abc import AsyncIterator

import pytest

from support.certs import Authority
from support.forward_proxy import ForwardProxy
from support.receiver import Answer, Receiver
from switchbay.infra.egress import Egress, Outcome
from switchbay.infra.egress.proxy import Proxy, parse_proxy
from switchbay.infra.egress.resolver import system_lookup
from switchbay.infra.settings import Settings
from switchbay.kit.errors import AppError

PUBLIC = "93.184.216.34"
"""What the names of the tests lead to. Nobody connects to it: the proxy leads every tunnel to the receiver."""


def lookup(host: str, port: int) -> list[str]:
    """Resolve the endpoint's name to a public address, the proxy's as the system does."""
    return [PUBLIC] if host == "hook.example" else system_lookup(host, port)


@pytest.fixture
async def receiver(authority: Authority) -> AsyncIterator[Receiver]:
    async with Receiver(authority, lambda _: Answer(201, b"made"), hosts=("hook.example",)) as running:
        yield running


@pytest.fixture
async def proxy(receiver: Receiver) -> AsyncIterator[ForwardProxy]:
    async with ForwardProxy(receiver.port) as running:
        yield running


async def _post(
    authority: Authority, proxy_url: str, *, host: str = "hook.example", times: int = 1, connect: float = 30
) -> Outcome:
    egress = Egress((), authority.ca_file, proxy=proxy_url, lookup=lookup)
    try:
        for _ in range(times - 1):
            await egress.post(
                f"https://{host}:8443/a", (), b"x", connect_seconds=30, response_seconds=30, response_bytes=100
            )
        return await egress.post(
            f"https://{host}:8443/a", (), b"{}", connect_seconds=connect, response_seconds=30, response_bytes=100
        )
    finally:
        await egress.close()


async def test_the_proxy_is_asked_for_the_checked_address_and_the_server_for_its_name(
    authority: Authority, receiver: Receiver, proxy: ForwardProxy
) -> None:
    outcome = await _post(authority, proxy.url())
    assert (outcome.status, outcome.body, outcome.failure) == (201, b"made", None)
    assert proxy.heads == [f"CONNECT {PUBLIC}:8443 HTTP/1.1\r\nHost: {PUBLIC}:8443\r\n\r\n".encode()]
    [request] = receiver.requests  # its certificate names hook.example alone, and was accepted
    assert (request.headers["host"], request.body) == ("hook.example:8443", b"{}")
    assert outcome.address == PUBLIC
    assert outcome.connect_ms is not None


async def test_a_tunnel_is_used_again(authority: Authority, receiver: Receiver, proxy: ForwardProxy) -> None:
    outcome = await _post(authority, proxy.url(), times=3)
    assert (outcome.status, outcome.connect_ms) == (201, None)
    assert (len(proxy.heads), receiver.connections, len(receiver.requests)) == (1, 1, 3)


async def test_the_proxy_gets_its_credentials_and_the_endpoint_does_not(
    authority: Authority, receiver: Receiver, proxy: ForwardProxy
) -> None:
    assert (await _post(authority, proxy.url("bay:p%40ss%3Aword@"))).status == 201
    given = base64.b64encode(b"bay:p@ss:word")
    assert b"\r\nProxy-Authorization: Basic " + given + b"\r\n" in proxy.heads[0]
    assert "proxy-authorization" not in receiver.requests[0].headers


async def test_a_proxy_may_be_reached_over_tls(authority: Authority, receiver: Receiver) -> None:
    async with ForwardProxy(receiver.port, authority.server_context("localhost")) as proxy:
        outcome = await _post(authority, proxy.url(), times=2)
    assert (outcome.status, outcome.body, outcome.failure) == (201, b"made", None)
    assert proxy.asked == [f"CONNECT {PUBLIC}:8443 HTTP/1.1"]


async def test_a_proxy_whose_certificate_is_not_accepted_is_told_nothing(
    authority: Authority, receiver: Receiver
) -> None:
    async with ForwardProxy(receiver.port, authority.server_context("other.example")) as proxy:
        outcome = await _post(authority, proxy.url("bay:secret@"))
    assert outcome.failure == "proxy"
    assert outcome.detail is not None
    assert outcome.detail.startswith("the certificate was not accepted")
    assert proxy.heads == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "2130706433", "[::1]", "[64:ff9b::1]"])
async def test_the_guard_still_refuses_what_is_not_public(
    authority: Authority, receiver: Receiver, proxy: ForwardProxy, host: str
) -> None:
    outcome = await _post(authority, proxy.url(), host=host)
    assert outcome.failure in {"blocked_address", "dns"}
    assert (proxy.heads, receiver.connections) == ([], 0)


async def test_what_the_operator_has_opened_is_called_without_the_proxy(
    authority: Authority, proxy: ForwardProxy
) -> None:
    egress = Egress(("127.0.0.0/8",), authority.ca_file, proxy=proxy.url())
    async with Receiver(authority) as near:
        outcome = await egress.post(near.url(), (), b"{}", connect_seconds=30, response_seconds=30, response_bytes=100)
        assert (outcome.status, near.connections, proxy.heads) == (200, 1, [])
    await egress.close()


async def test_an_endpoint_behind_the_proxy_must_prove_its_name(authority: Authority) -> None:
    async with (
        Receiver(authority, hosts=("other.example",)) as receiver,
        ForwardProxy(receiver.port) as proxy,
    ):
        outcome = await _post(authority, proxy.url())
    assert (outcome.failure, outcome.address, receiver.requests) == ("tls", PUBLIC, [])


@pytest.mark.parametrize(("status", "addresses"), [(502, [PUBLIC, "[2606:4700::1111]"]), (407, [PUBLIC])])
async def test_the_next_address_is_tried_unless_the_proxy_does_not_admit_us(
    authority: Authority, receiver: Receiver, proxy: ForwardProxy, status: int, addresses: list[str]
) -> None:
    proxy.answer = b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status
    egress = Egress(
        (),
        authority.ca_file,
        proxy=proxy.url(),
        lookup=lambda host, port: [PUBLIC, "2606:4700::1111"] if host == "hook.example" else system_lookup(host, port),
    )
    outcome = await egress.post(
        "https://hook.example/", (), b"{}", connect_seconds=30, response_seconds=30, response_bytes=100
    )
    await egress.close()
    assert proxy.asked == [f"CONNECT {address}:443 HTTP/1.1" for address in addresses]
    assert (outcome.failure, outcome.detail) == ("proxy", f"the proxy answered {status}")


# What may go wrong


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "the proxy answered 407"),
        (b"HTTP/1.1 503 No\r\n\r\n<html>", "the proxy answered 503"),
        (b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\n\r\n", "the proxy answered 302"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "the proxy answered 100"),
        (b"HTTP/1.1 200 OK\r\n\r\nand more", "the proxy went on talking"),
        (b"SSH-2.0-OpenSSH_9.7\r\n\r\n", "the proxy does not speak HTTP/1.1"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "the proxy does not speak HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nX: " + 20_000 * b"x" + b"\r\n\r\n", "the proxy's answer is too long"),
        (20_000 * b"x", "the proxy's answer is too long"),
    ],
)
async def test_a_proxy_that_does_not_make_a_tunnel_is_a_failure_of_the_proxy(
    authority: Authority, receiver: Receiver, proxy: ForwardProxy, answer: bytes, detail: str
) -> None:
    proxy.answer = answer
    outcome = await _post(authority, proxy.url())
    assert (outcome.failure, outcome.detail, outcome.status) == ("proxy", detail, None)
    assert (len(proxy.heads), receiver.connections) == (1, 0)


async def test_a_proxy_that_does_not_answer_is_given_up_in_time(
    authority: Authority, receiver: Receiver, proxy: ForwardProxy
) -> None:
    proxy.answer = b""
    outcome = await _post(authority, proxy.url(), connect=0.5)
    assert (outcome.failure, outcome.status, receiver.connections) == ("proxy_timeout", None, 0)


async def test_a_server_behind_the_proxy_that_never_shakes_hands_is_a_connect_timeout(
    authority: Authority, proxy: ForwardProxy
) -> None:
    async with ForwardProxy(0) as silent:  # takes the connection, and waits for a request that does not come
        proxy.leads_to = silent.port
        outcome = await _post(authority, proxy.url(), connect=1)
    assert (outcome.failure, outcome.address) == ("connect_timeout", PUBLIC)


async def test_a_proxy_that_is_not_there_is_a_failure_of_the_proxy(authority: Authority, receiver: Receiver) -> None:
    async with ForwardProxy(receiver.port) as gone:
        url = gone.url()
    assert (await _post(authority, url)).failure == "proxy"


async def test_a_proxy_whose_name_leads_nowhere_is_a_failure_of_the_proxy(authority: Authority) -> None:
    def unknown(host: str, _port: int) -> list[str]:
        if host == "proxy.example":
            raise OSError("no such name")
        return [PUBLIC]

    egress = Egress((), authority.ca_file, proxy="http://proxy.example:3128", lookup=unknown)
    outcome = await egress.post(
        "https://hook.example/", (), b"{}", connect_seconds=30, response_seconds=30, response_bytes=100
    )
    await egress.close()
    assert (outcome.failure, outcome.detail) == ("proxy", "no such name")


# The setting


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("", None),
        ("http://proxy.example:3128", Proxy("proxy.example", 3128, is_secure=False)),
        ("http://10.0.0.1:8080/", Proxy("10.0.0.1", 8080, is_secure=False)),
        ("https://[fd00::1]:3129", Proxy("fd00::1", 3129, is_secure=True)),
        ("http://u:p@proxy.example", Proxy("proxy.example", 80, is_secure=False, credentials="Basic dTpw")),
        ("https://u@proxy.example", Proxy("proxy.example", 443, is_secure=True, credentials="Basic dTo=")),
    ],
)
def test_the_setting_is_read(text: str, proxy: Proxy | None) -> None:
    assert parse_proxy(text) == proxy


@pytest.mark.parametrize(
    "text",
    [
        "proxy.example:3128",
        "socks5://user:hunter2@proxy.example:1080",
        "http://user:hunter2@",
        "http://user:hunter2@proxy.example:0",
        "http://user:hunter2@proxy.example:hunter2",
        "http://user:hunter2/x@proxy.example:3128",
        "http://user:hunter2@proxy.example:3128/path",
        "http://user:hunter2@proxy.example:3128?x=1",
        "http://user:hunter2%0d%0aX: 1@proxy.example:3128",
        "http://user:hunter2@proxy example:3128",
    ],
)
def test_a_setting_that_is_no_proxy_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(AppError) as caught:
        parse_proxy(text)
    assert caught.value.code == "egress_proxy_malformed"
    assert "hunter2" not in f"{caught.value.message} {caught.value.detail}"
    assert caught.value.__cause__ is None


def test_the_password_is_not_shown_with_the_settings() -> None:
    settings = Settings.model_validate({"egress_proxy": "http://user:hunter2@proxy.example:3128"})
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in repr(parse_proxy(settings.egress_proxy.get_secret_value()))
    assert "dXNlcjpodW50ZXIy" not in repr(parse_proxy(settings.egress_proxy.get_secret_value()))
