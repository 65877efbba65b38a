"""Outbound calls against real servers that behave and misbehave."""

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from support.certs import Authority
from support.receiver import Answer, Received, Receiver
from switchbay.infra.egress import Egress, Outcome
from switchbay.kit.errors import AppError

LOOPBACK = ("127.0.0.0/8", "::1/128")


def only_loopback(_host: str, _port: int) -> list[str]:
    """Resolve every name to this machine."""
    return ["127.0.0.1"]


@pytest.fixture
async def egress(authority: Authority) -> AsyncIterator[Egress]:
    door = Egress(LOOPBACK, authority.ca_file, lookup=only_loopback)
    yield door
    await door.close()


async def post(
    egress: Egress, url: str, body: bytes = b"{}", *, connect: float = 2, response: float = 2, most: int = 1000
) -> Outcome:
    return await egress.post(
        url,
        [("Content-Type", "application/json"), ("X-One", "1")],
        body,
        connect_seconds=connect,
        response_seconds=response,
        response_bytes=most,
    )


async def test_a_post_arrives_byte_for_byte_and_its_answer_comes_back(egress: Egress, authority: Authority) -> None:
    body = '{"text":"héllo 👋"}'.encode()
    async with Receiver(authority, lambda _: Answer(201, b"made", [("X-Two", "2")])) as receiver:
        outcome = await post(egress, receiver.url("/hook?a=1"), body)
    request = receiver.requests[0]
    assert (request.method, request.path, request.body) == ("POST", "/hook?a=1", body)
    assert request.headers == {
        "host": f"localhost:{receiver.port}",
        "content-type": "application/json",
        "x-one": "1",
        "content-length": str(len(body)),
    }
    assert (outcome.status, outcome.body, outcome.failure, outcome.truncated) == (201, b"made", None, False)
    assert ("X-Two", "2") in outcome.headers
    assert outcome.address == "127.0.0.1"
    assert outcome.connect_ms is not None
    assert outcome.total_ms >= outcome.connect_ms


async def test_a_connection_is_used_again(egress: Egress, authority: Authority) -> None:
    async with Receiver(authority) as receiver:
        first = await post(egress, receiver.url())
        second = await post(egress, receiver.url())
    assert receiver.connections == 1
    assert first.connect_ms is not None
    assert second.connect_ms is None


async def test_a_kept_connection_that_the_server_closed_costs_nothing(egress: Egress, authority: Authority) -> None:
    async with Receiver(authority) as receiver:
        await post(egress, receiver.url())
        receiver.drop_connections()
        outcome = await post(egress, receiver.url())
    assert outcome.status == 200
    assert receiver.connections == 2
    assert len(receiver.requests) == 2


async def test_a_server_that_closes_on_the_second_request_gets_it_over_a_new_connection(
    egress: Egress, authority: Authority
) -> None:
    async with Receiver(authority) as receiver:
        await post(egress, receiver.url())
        receiver.answer = lambda request: Answer(raw=b"", close=True) if request.connection == 1 else Answer()
        outcome = await post(egress, receiver.url())
    assert (outcome.status, outcome.failure) == (200, None)
    assert [request.connection for request in receiver.requests] == [1, 1, 2]


async def test_a_kept_connection_is_closed_after_a_while(authority: Authority) -> None:
    egress = Egress(LOOPBACK, authority.ca_file, lookup=only_loopback, idle_seconds=0.05)
    async with Receiver(authority) as receiver:
        await post(egress, receiver.url())
        await receiver.wait_until_closed()
        assert (await post(egress, receiver.url())).connect_ms is not None
    await egress.close()


async def test_a_redirect_is_an_answer_and_is_not_followed(egress: Egress, authority: Authority) -> None:
    location = ("Location", "http://169.254.169.254/latest/meta-data/")
    async with Receiver(authority, lambda _: Answer(302, b"", [location])) as receiver:
        outcome = await post(egress, receiver.url())
    assert (outcome.status, outcome.failure) == (302, None)
    assert location in outcome.headers
    assert len(receiver.requests) == 1


async def test_no_compression_is_asked_for_and_none_is_undone(egress: Egress, authority: Authority) -> None:
    packed = b"\x1f\x8b" + bytes(50)
    async with Receiver(authority, lambda _: Answer(200, packed, [("Content-Encoding", "gzip")])) as receiver:
        outcome = await post(egress, receiver.url())
    assert "accept-encoding" not in receiver.requests[0].headers
    assert outcome.body == packed


async def test_a_proxy_of_the_environment_is_not_used(
    egress: Egress, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with Receiver(authority) as receiver:
        assert (await post(egress, receiver.url())).status == 200


# Certificates


async def test_an_unknown_authority_is_refused(authority: Authority) -> None:
    egress = Egress(LOOPBACK, lookup=only_loopback)
    async with Receiver(authority) as receiver:
        outcome = await post(egress, receiver.url())
    await egress.close()
    assert (outcome.status, outcome.failure) == (None, "tls")
    assert outcome.detail is not None
    assert outcome.detail.startswith("the certificate was not accepted")
    assert receiver.requests == []


async def test_a_certificate_for_another_name_is_refused(egress: Egress, authority: Authority) -> None:
    async with Receiver(authority, hosts=("other.example",)) as receiver:
        outcome = await post(egress, receiver.url())
    assert (outcome.failure, receiver.requests) == ("tls", [])


async def test_an_expired_certificate_is_refused(egress: Egress, authority: Authority) -> None:
    start = dt.datetime(2021, 1, 1, tzinfo=dt.UTC)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(
        authority.server_file("localhost", not_before=start, not_after=start + dt.timedelta(days=1))
    )
    async with Receiver(None, context=context) as receiver:
        outcome = await post(egress, receiver.url())
    assert (outcome.failure, receiver.requests) == ("tls", [])


async def test_a_server_with_an_old_tls_version_is_refused(egress: Egress, authority: Authority) -> None:
    old = authority.server_context("localhost")
    careless = ssl.create_default_context(cafile=authority.ca_file)
    for context in (old, careless):
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with Receiver(None, context=old) as receiver:
        _, writer = await asyncio.open_connection("127.0.0.1", receiver.port, ssl=careless, server_hostname="localhost")
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.1"
        writer.transport.abort()
        outcome = await post(egress, receiver.url())
    assert (outcome.failure, receiver.requests) == ("tls", [])


def test_an_unreadable_file_of_authorities_is_refused(tmp_path: Path) -> None:
    for content in (None, b"no certificate"):
        path = tmp_path / "ca.pem"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(AppError) as caught:
            Egress((), path)
        assert caught.value.code == "egress_ca_file_unreadable"


# Addresses


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "10.0.0.1",
        "0.0.0.0",  # noqa: S104 - nothing is bound: it must be refused
    ],
)
async def test_an_address_that_is_not_public_is_never_connected_to(authority: Authority, host: str) -> None:
    egress = Egress((), authority.ca_file)
    async with Receiver(authority) as receiver:
        outcome = await post(egress, receiver.url(host=host))
    await egress.close()
    # The system's resolver refuses some odd forms outright: as good.
    assert outcome.failure in {"blocked_address", "dns"}
    assert outcome.status is None
    assert receiver.connections == 0


async def test_one_lookup_serves_the_check_and_the_connection(authority: Authority) -> None:
    answers = iter([["203.0.113.1", "127.0.0.1"], ["127.0.0.1"]])
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    egress = Egress((), authority.ca_file, lookup=rebinding)
    async with Receiver(authority) as receiver:
        outcome = await post(egress, receiver.url(host="rebind.example"))
    await egress.close()
    assert outcome.failure == "blocked_address"
    assert asked == ["rebind.example"]
    assert receiver.connections == 0


async def test_only_the_permitted_addresses_of_a_name_are_tried(authority: Authority) -> None:
    egress = Egress(LOOPBACK, authority.ca_file, lookup=lambda _host, _port: ["10.0.0.1", "127.0.0.1"])
    async with Receiver(authority) as receiver:
        outcome = await post(egress, receiver.url())
    await egress.close()
    assert (outcome.status, outcome.address) == (200, "127.0.0.1")


async def test_the_next_address_is_tried_when_one_does_not_answer(authority: Authority) -> None:
    egress = Egress(LOOPBACK, authority.ca_file, lookup=lambda _host, _port: ["127.0.0.2", "127.0.0.1"])
    async with Receiver(authority) as receiver:  # listens on 127.0.0.1 alone
        outcome = await post(egress, receiver.url())
    await egress.close()
    assert (outcome.status, outcome.address) == (200, "127.0.0.1")


async def test_plain_http_is_refused_unless_in_development_to_this_machine() -> None:
    async with Receiver(None) as receiver:
        production = Egress(LOOPBACK, lookup=only_loopback)
        refused = await post(production, receiver.url())
        assert (refused.failure, receiver.connections) == ("http_refused", 0)
        development = Egress((), dev_loopback=True, lookup=only_loopback)
        assert (await post(development, receiver.url())).status == 200
        elsewhere = Egress(("10.0.0.0/8",), dev_loopback=True, lookup=lambda _host, _port: ["10.0.0.1"])
        assert (await post(elsewhere, receiver.url())).failure == "http_refused"
    for door in (production, development, elsewhere):
        await door.close()


async def test_a_name_that_does_not_exist_is_a_dns_failure(authority: Authority) -> None:
    def unknown(host: str, _port: int) -> list[str]:
        raise OSError(f"no such name: {host}")

    egress = Egress((), authority.ca_file, lookup=unknown)
    outcome = await post(egress, "https://nowhere.example/")
    await egress.close()
    assert (outcome.failure, outcome.detail) == ("dns", "no such name: nowhere.example")


async def test_a_resolver_that_hangs_is_given_up_in_time(authority: Authority) -> None:
    import threading  # noqa: PLC0415 - only here

    release = threading.Event()

    def hang(_host: str, _port: int) -> list[str]:
        release.wait(5)
        return ["127.0.0.1"]

    egress = Egress(LOOPBACK, authority.ca_file, lookup=hang)
    outcome = await post(egress, "https://slow.example/", connect=0.1)
    release.set()
    await egress.close()
    assert outcome.failure == "dns"
    assert outcome.total_ms < 1000


async def test_a_url_that_cannot_be_parsed_is_a_failure_not_an_exception(egress: Egress) -> None:
    assert (await post(egress, "https://user@localhost/")).failure == "bad_url"


async def test_a_header_with_a_line_break_is_never_sent(egress: Egress, authority: Authority) -> None:
    async with Receiver(authority) as receiver:
        with pytest.raises(ValueError, match="cannot be sent"):
            await egress.post(
                receiver.url(),
                [("X-A", "1\r\nX-B: 2")],
                b"",
                connect_seconds=1,
                response_seconds=1,
                response_bytes=10,
            )
    assert receiver.connections == 0


# Slow and broken servers


@contextlib.asynccontextmanager
async def raw_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], context: ssl.SSLContext | None
) -> AsyncIterator[str]:
    writers: list[asyncio.StreamWriter] = []

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError):
            await serve(reader, writer)

    server = await asyncio.start_server(run, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)


async def test_a_server_that_never_shakes_hands_is_a_connect_timeout(egress: Egress) -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(silent, None) as url:
        outcome = await post(egress, url, connect=0.2)
    assert (outcome.failure, outcome.status, outcome.address) == ("connect_timeout", None, "127.0.0.1")
    assert 150 <= outcome.total_ms < 1500


async def test_a_port_that_nobody_listens_on_is_a_connect_failure(egress: Egress) -> None:
    async with Receiver(None) as receiver:
        url = f"https://localhost:{receiver.port}/"
    outcome = await post(egress, url)
    assert outcome.failure == "connect"


async def test_a_server_that_speaks_no_tls_is_a_tls_failure(egress: Egress) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with raw_server(plain, None) as url:
        outcome = await post(egress, url)
    assert outcome.failure == "tls"


async def test_a_server_that_never_answers_is_a_response_timeout(egress: Egress, authority: Authority) -> None:
    async with Receiver(authority, lambda _: Answer(delay=30)) as receiver:
        outcome = await post(egress, receiver.url(), response=0.2)
        assert outcome.failure == "response_timeout"
        assert outcome.connect_ms is not None
        assert 150 <= outcome.total_ms - outcome.connect_ms < 1500
        await asyncio.sleep(0.05)
        assert not receiver.open


async def test_a_server_that_drips_its_answer_is_a_response_timeout(egress: Egress, authority: Authority) -> None:
    async with Receiver(authority, lambda _: Answer(body=500 * b"x", drip=0.02)) as receiver:
        outcome = await post(egress, receiver.url(), response=0.3)
    assert outcome.failure == "response_timeout"
    assert outcome.total_ms < 2000


async def test_connect_and_read_timeouts_are_separate(egress: Egress, authority: Authority) -> None:
    """Each has all of its own time: neither a slow handshake nor a slow answer uses up the other's."""
    async with Receiver(authority, lambda _: Answer(delay=1.3)) as receiver:
        slow_answer = await post(egress, receiver.url(), connect=1, response=30)

        async def pass_on_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(1.3)
            near, far = await asyncio.open_connection("127.0.0.1", receiver.port)
            await asyncio.gather(_pump(reader, far), _pump(near, writer))

        receiver.answer = lambda _: Answer(201)
        async with raw_server(pass_on_late, None) as url:
            slow_handshake = await post(egress, url, connect=30, response=1)
    assert (slow_answer.status, slow_answer.failure) == (200, None)
    assert (slow_handshake.status, slow_handshake.failure) == (201, None)
    assert slow_handshake.connect_ms is not None
    assert slow_handshake.connect_ms >= 1000


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.transport.abort()


async def test_times_tell_of_the_connection_the_first_byte_and_the_end(egress: Egress, authority: Authority) -> None:
    async with Receiver(authority, lambda _: Answer(body=20 * b"x", drip=0.005)) as receiver:
        first = await post(egress, receiver.url(), response=30)
        again = await post(egress, receiver.url(), response=30)
        receiver.answer = lambda _: Answer(delay=30)
        silent = await post(egress, receiver.url(), response=0.1)
    assert first.connect_ms is not None
    assert first.first_byte_ms is not None
    assert first.connect_ms <= first.first_byte_ms < first.total_ms
    assert (first.status, first.body) == (200, 20 * b"x")
    assert again.connect_ms is None
    assert again.first_byte_ms is not None
    assert again.first_byte_ms < again.total_ms
    assert (silent.failure, silent.first_byte_ms) == ("response_timeout", None)


async def test_of_a_gigabyte_only_the_limit_is_read(egress: Egress, authority: Authority) -> None:
    async with Receiver(authority, lambda _: Answer(body=1024 * b"x" * 64, repeat_body=16_384)) as receiver:
        outcome = await post(egress, receiver.url(), most=2000)
        await asyncio.sleep(0.05)
        assert not receiver.open
        assert receiver.body_bytes_sent < 32 * 1024 * 1024
    assert (outcome.status, outcome.body, outcome.truncated, outcome.failure) == (200, 2000 * b"x", True, None)


async def test_an_answer_as_long_as_the_limit_is_whole(egress: Egress, authority: Authority) -> None:
    async with Receiver(authority, lambda _: Answer(body=1000 * b"x")) as receiver:
        outcome = await post(egress, receiver.url(), most=1000)
        assert (outcome.body, outcome.truncated) == (1000 * b"x", False)
        assert (await post(egress, receiver.url(), most=999)).truncated is True


@pytest.mark.parametrize(
    ("raw", "failure"),
    [
        (
            b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, 100 * b"y") for n in range(100_000)),
            "response_head_too_large",
        ),
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(1_000)), "response_head_too_large"),
        (b"HTTP/1.1 200 OK\r\nX: " + 1_000_000 * b"y", "response_head_too_large"),
        (20_000 * b"HTTP/1.1 100 Continue\r\n\r\n", "response_head_too_large"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "protocol"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "protocol"),
    ],
)
async def test_a_broken_answer_is_a_failure(egress: Egress, authority: Authority, raw: bytes, failure: str) -> None:
    async with Receiver(authority, lambda _: Answer(raw=raw)) as receiver:
        outcome = await post(egress, receiver.url(), response=2)
    assert outcome.failure == failure


async def test_a_body_that_is_cut_off_is_a_failure(egress: Egress, authority: Authority) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"
    async with Receiver(authority, lambda _: Answer(raw=raw, close=True)) as receiver:
        outcome = await post(egress, receiver.url())
    assert (outcome.status, outcome.body, outcome.failure) == (200, b"12345", "connection_closed")


async def test_a_body_that_ends_with_the_connection_is_whole(egress: Egress, authority: Authority) -> None:
    raw = b"HTTP/1.0 200 OK\r\n\r\n12345"
    async with Receiver(authority, lambda _: Answer(raw=raw, close=True)) as receiver:
        outcome = await post(egress, receiver.url())
    assert (outcome.status, outcome.body, outcome.failure) == (200, b"12345", None)


async def test_a_chunked_answer_is_put_together(egress: Egress, authority: Authority) -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
    async with Receiver(authority, lambda _: Answer(raw=raw)) as receiver:
        outcome = await post(egress, receiver.url())
        again = await post(egress, receiver.url())
    assert (outcome.status, outcome.body, outcome.failure) == (200, b"abcde", None)
    assert again.connect_ms is None


async def test_an_interim_answer_is_skipped(egress: Egress, authority: Authority) -> None:
    raw = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"
    async with Receiver(authority, lambda _: Answer(raw=raw)) as receiver:
        outcome = await post(egress, receiver.url())
    assert (outcome.status, outcome.body, outcome.headers) == (201, b"ok", (("Content-Length", "2"),))


async def test_bytes_behind_an_answer_do_not_become_the_next_answer(egress: Egress, authority: Authority) -> None:
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    answers = iter([Answer(raw=b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" + forged), Answer(503, b"real")])
    async with Receiver(authority, lambda _: next(answers)) as receiver:
        first = await post(egress, receiver.url())
        second = await post(egress, receiver.url())
    assert (first.status, second.status, second.body) == (500, 503, b"real")


async def test_endless_chunk_extensions_are_cut_off(egress: Egress, authority: Authority) -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + 4_000_000 * b"x"
    async with Receiver(authority, lambda _: Answer(raw=raw)) as receiver:
        outcome = await post(egress, receiver.url(), response=2)
    assert outcome.truncated is True or outcome.failure == "protocol"
    assert outcome.total_ms < 1500


async def test_a_get_sends_no_body(egress: Egress, authority: Authority) -> None:
    async with Receiver(authority, lambda _: Answer(body=b"logo")) as receiver:
        outcome = await egress.get(
            receiver.url("/logo.png"), [("Accept", "image/*")], connect_seconds=2, response_seconds=2, response_bytes=9
        )
    assert (outcome.body, receiver.requests[0].method, receiver.requests[0].body) == (b"logo", "GET", b"")
    assert "content-length" not in receiver.requests[0].headers


async def test_many_calls_at_once_each_get_their_own_answer(egress: Egress, authority: Authority) -> None:
    def echo(request: Received) -> Answer:
        return Answer(body=request.body)

    async with Receiver(authority, echo) as receiver:
        outcomes = await asyncio.gather(*(post(egress, receiver.url(), b"%d" % number) for number in range(100)))
    assert [outcome.body for outcome in outcomes] == [b"%d" % number for number in range(100)]


async def test_a_call_that_is_cancelled_leaves_no_connection(egress: Egress, authority: Authority) -> None:
    async with Receiver(authority, lambda _: Answer(delay=30)) as receiver:
        call = asyncio.create_task(post(egress, receiver.url(), response=30))
        await receiver.wait_for(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.sleep(0.05)
        assert not receiver.open


async def test_closing_ends_calls_under_way(egress: Egress, authority: Authority) -> None:
    async with Receiver(authority, lambda _: Answer(delay=30)) as receiver:
        call = asyncio.create_task(post(egress, receiver.url(), response=30))
        await receiver.wait_for(1)
        await egress.close()
        assert (await call).failure == "connection_closed"
        assert (await post(egress, receiver.url())).failure == "connect"


async def test_closing_while_a_connection_is_made_leaves_none(egress: Egress, authority: Authority) -> None:
    arrived, may_go_on = asyncio.Event(), asyncio.Event()
    async with Receiver(authority) as receiver:

        async def pass_on_when_told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            arrived.set()
            await may_go_on.wait()
            near, far = await asyncio.open_connection("127.0.0.1", receiver.port)
            await asyncio.gather(_pump(reader, far), _pump(near, writer))

        async with raw_server(pass_on_when_told, None) as url:
            call = asyncio.create_task(post(egress, url, connect=30, response=30))
            await arrived.wait()
            await egress.close()
            may_go_on.set()
            outcome = await call
            await receiver.wait_until_closed()
    assert (outcome.failure, outcome.status, receiver.requests) == ("connect", None, [])
