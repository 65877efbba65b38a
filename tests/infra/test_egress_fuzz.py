"""The reader of responses against hostile bytes: it always ends, keeps its limits, and believes nothing ambiguous.

Bytes come in arbitrary pieces, and what is read must not depend on them. What is read as a whole response must be what
another parser, h11, reads from the same bytes.
"""

import asyncio
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.infra.egress.http1 import MAX_HEAD_BYTES, Connection

LIMIT = 40


class FakeTransport(asyncio.Transport):
    """Goes nowhere; tells whether it was cut."""

    def __init__(self) -> None:
        super().__init__()
        self.is_cut = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Forget it."""

    def abort(self) -> None:
        """Remember it."""
        self.is_cut = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read. ``by_end`` says that only the end of the connection ended the response."""

    status: int | None
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    truncated: bool
    failure: str | None
    by_end: bool
    reusable: bool

    @property
    def is_whole(self) -> bool:
        """Whether a whole response was read."""
        return self.failure is None and not self.truncated


def read(pieces: Iterable[bytes], limit: int = LIMIT) -> Seen:
    """Have a connection read these pieces, and then its end."""
    return asyncio.run(_read(pieces, limit))


async def _read(pieces: Iterable[bytes], limit: int) -> Seen:
    connection, transport = Connection(), FakeTransport()
    connection.connection_made(transport)
    done = connection.exchange(b"", limit)
    for piece in pieces:
        if transport.is_cut:
            break
        connection.data_received(piece)
    by_end, reusable = not done.done(), connection.is_reusable
    connection.eof_received()
    connection.connection_lost(None)
    assert done.done()
    reply = done.result()
    assert len(reply.body) <= limit
    assert reply.received <= 2 * limit + 4 * MAX_HEAD_BYTES
    assert not (reusable and transport.is_cut)
    return Seen(reply.status, tuple(reply.headers), bytes(reply.body), reply.truncated, reply.failure, by_end, reusable)


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """The pieces between these places; none of them is empty."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


# Responses that are nearly right

_STATUS_LINES = st.one_of(
    st.integers(200, 599).map(lambda status: b"HTTP/1.1 %d Word\r\n" % status),
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200\r\n",
            b"HTTP/1.1 200 \r\n",
            b"HTTP/1.1  200 OK\r\n",
            b"HTTP/1.0 200 OK\r\n",
            b"HTTP/2.0 200 OK\r\n",
            b"HTTP/0.9 200 OK\r\n",
            b"HTTP/1.1 099 Odd\r\n",
            b"HTTP/1.1 2000 OK\r\n",
            b"HTTP/1.1 20 OK\r\n",
            b"HTTP/1.1 204 No\r\n",
            b"HTTP/1.1 304 No\r\n",
            b"HTTP/1.1 101 Switch\r\n",
            b"http/1.1 200 OK\r\n",
            b"ICY 200 OK\r\n",
            b"HTTP/1.1 200 OK\n",
            b"HTTP/1.1 200 OK\r",
            b"\r\nHTTP/1.1 200 OK\r\n",
        ]
    ),
)
_HEADERS = st.sampled_from(
    [
        b"Content-Length: %(n)d\r\n",
        b"Content-Length: %(n)d\r\n",
        b"content-length:%(n)d\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: +%(n)d\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: %(n)d, %(n)d\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: \r\n %(n)d\r\n",
        b"Content-Length : %(n)d\r\n",
        b"Content-Length: %(n)d \r\n",
        b"Content-Length: 1\r\n 2\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: Chunked\r\n",
        b"Transfer-Encoding:\tchunked\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b"Transfer-Encoding: chun\r\n ked\r\n",
        b"Transfer-Encoding\x0b: chunked\r\n",
        b"Transfer_Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Connection: keep-alive\r\n",
        b"Connection: upgrade\r\nUpgrade: h2c\r\n",
        b"X-A: 1\r\n",
        b"X-A: 1\n",
        b"X-A: 1\r",
        b"X-A: \x00\r\n",
        b"X-Fold: a\r\n b\r\n",
        b" X-Lead: 1\r\n",
        b"no colon\r\n",
        b": no name\r\n",
    ]
)
_INTERIM = st.sampled_from(
    [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nLink: x\r\nContent-Length: 5\r\n\r\n"]
)
_CHUNKS = st.sampled_from(
    [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"5;ext=1\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
        b"5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n",
        b"05\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"5\r\nhello\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        b"0\r\n\r\n",
        b"30\r\n" + 48 * b"h" + b"\r\n0\r\n\r\n",
    ]
)
_BODIES = st.one_of(_CHUNKS, st.binary(max_size=LIMIT + 5))
_AFTER = st.sampled_from([b"", b"", b"", b"\r\n", b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 2"])


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes of a server; ``long`` many in place of a mark, so that an example can be shown."""

    marked: bytes
    long: int = 0

    @property
    def data(self) -> bytes:
        """The bytes themselves."""
        return self.marked.replace(b"<long>", self.long * b"x")


@st.composite
def responses(draw: st.DrawFn) -> Raw:
    """A response that is right, or nearly, or damaged in a few places."""
    body = draw(_BODIES)
    headers = b"".join(draw(st.lists(_HEADERS, max_size=4))).replace(b"%(n)d", b"%d" % len(body))
    long = draw(st.one_of(st.just(0), st.just(0), st.just(0), st.integers(MAX_HEAD_BYTES - 120, MAX_HEAD_BYTES + 60)))
    headers += b"X-Long: <long>\r\n" if long else b""
    interim = b"".join(draw(st.lists(_INTERIM, max_size=2)))
    data = bytearray(interim + draw(_STATUS_LINES) + headers + b"\r\n" + body + draw(_AFTER))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        place = draw(st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 2))] = draw(
            st.one_of(st.binary(max_size=2), st.sampled_from([b"\r\n", b"\n", b"\r", b" ", b":", b"\x00"]))
        )
    return Raw(bytes(data), long)


def assert_same(in_pieces: Seen, at_once: Seen) -> None:
    """The same was read. Blank lines behind a response end the connection if they come late, which is as good."""
    assert in_pieces.reusable <= at_once.reusable
    assert in_pieces == replace(at_once, reusable=in_pieces.reusable)


_PLACES = st.lists(st.integers(0, 2 * MAX_HEAD_BYTES), max_size=8)


@given(st.one_of(responses(), st.binary(max_size=200).map(Raw)), _PLACES)
def test_what_is_read_does_not_depend_on_the_pieces(raw: Raw, places: list[int]) -> None:
    assert_same(read(cut(raw.data, places)), read([raw.data]))


@given(responses())
def test_one_byte_at_a_time_gives_the_same(raw: Raw) -> None:
    assert_same(read(cut(raw.data, range(len(raw.data)))), read([raw.data]))


@pytest.mark.parametrize("excess", [-1, 0, 1])
@pytest.mark.parametrize("piece", [1_000, 16_384, 200_000])
def test_the_limit_of_the_head_is_exact_however_it_comes(excess: int, piece: int) -> None:
    start, end = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: ", b"\r\n\r\n"
    data = start + (MAX_HEAD_BYTES + excess - len(start) - len(end)) * b"x" + end + b"ok"
    seen = read(cut(data, range(0, len(data), piece)))
    assert (seen.failure, seen.body) == (("response_head_too_large", b"") if excess > 0 else (None, b"ok"))


@pytest.mark.parametrize("piece", [1_000, 65_536, 2_000_000])
@pytest.mark.parametrize(
    "flood",
    [b"1;" + 1_000_000 * b"x", 300_000 * b"1;\r\na\r\n", b"0\r\n" + 200_000 * b"T: x\r\n"],
    ids=["extension", "chunks", "trailers"],
)
def test_framing_without_content_is_cut_at_the_same_byte_however_it_comes(flood: bytes, piece: int) -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + flood
    seen = read(cut(data, range(0, len(data), piece)))
    assert seen == read([data])
    assert (seen.by_end, seen.reusable) == (False, False)
    assert seen.truncated or seen.failure == "protocol"


# Against another parser


_STATUS_LINE = re.compile(rb"[\r\n]*(HTTP/1\.[01] ([0-9]{3}))(?: [^\r\n]*)?\r\n")


def as_h11_wants_it(data: bytes) -> bytes:
    """The bytes without blank lines before a response, and without reasons: there h11 is stricter, to no effect."""
    begun = b""
    while (found := _STATUS_LINE.match(data)) is not None:
        end = data.find(b"\r\n\r\n", found.end() - 2)
        is_last = end < 0 or not found[2].startswith(b"1")
        end = len(data) if is_last else end + 4
        begun, data = begun + found[1] + b" \r\n" + data[found.end() : end], data[end:]
        if is_last:
            break
    return begun + data


def h11_reads(data: bytes, *, has_end: bool) -> tuple[int, bytes] | str:
    """The status and body that h11 reads, or what it says against the bytes."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=2 * MAX_HEAD_BYTES)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(as_h11_wants_it(data))
    if has_end:
        connection.receive_data(b"")
    status, body = 0, b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return status, body
            elif not isinstance(event, h11.InformationalResponse):
                return f"not whole: {event!r}"
    except h11.RemoteProtocolError as error:
        return str(error)


@given(responses())
def test_a_whole_response_is_what_another_parser_reads(raw: Raw) -> None:
    seen = read([raw.data])
    if seen.is_whole:
        assert h11_reads(raw.data, has_end=seen.by_end) == (seen.status, seen.body)


_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_HELLO = b"5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        _OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        _OK + b"Content-Length: 5\r\nContent-Length: 2\r\n\r\nhello",
        _OK + b"Content-Length: 5, 5\r\n\r\nhello",
        _OK + b"Content-Length: +5\r\n\r\nhello",
        _OK + b"Content-Length: -5\r\n\r\nhello",
        _OK + b"Content-Length: 0x5\r\n\r\nhello",
        _OK + b"Content-Length:\r\n\r\nhello",
        _OK + b"Content-Length: 18446744073709551621\r\n\r\nhello",
        _OK + b"Content-Length : 5\r\n\r\nhello",
        _OK + b"Content-Length:\r\n 5\r\n\r\nhello",
        _OK + b"Content-Length: 1\r\n 2\r\n\r\nhellohellohe",
        _OK + b"Content-Length: 5\r\n" + _CHUNKED + b"\r\n" + _HELLO,
        _OK + _CHUNKED + b"Content-Length: 5\r\n\r\n" + _HELLO,
        _OK + _CHUNKED + _CHUNKED + b"\r\n" + _HELLO,
        _OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + _HELLO,
        _OK + b"Transfer-Encoding: chunked, identity\r\n\r\nhello",
        _OK + b"Transfer-Encoding: identity\r\n\r\nhello",
        _OK + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + _HELLO,
        _OK + b"X-A: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
        _OK + b"X-A: a\r\n Content-Length: 2\r\nContent-Length: 5\r\n\r\nhello",
        _OK + b"X-A: a\rContent-Length: 2\r\nContent-Length: 5\r\n\r\nhello",
        _OK + b"X-A: a\x00b\r\nContent-Length: 5\r\n\r\nhello",
        _OK + _CHUNKED + b"\r\n5\nhello\n0\n\n",
        _OK + _CHUNKED + b"\r\n0x5\r\nhello\r\n0\r\n\r\n",
        _OK + _CHUNKED + b"\r\n-5\r\nhello\r\n0\r\n\r\n",
        _OK + _CHUNKED + b"\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
        _OK + _CHUNKED + b"\r\n5\r\nhello0\r\n\r\n",
        _OK + _CHUNKED + b"\r\n5;a\nb\r\nhello\r\n0\r\n\r\n",
        _OK + _CHUNKED + b"\r\n5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/0.9 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 099 Odd\r\n\r\n" + _OK + b"Content-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + _OK + b"\r\n",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello" + _OK + b"Content-Length: 0\r\n\r\n",
    ],
)
def test_what_two_readers_could_understand_differently_is_no_response(data: bytes) -> None:
    seen = read([data])
    assert (seen.failure, seen.by_end, seen.reusable) == ("protocol", False, False)


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n" + _CHUNKED + b"\r\n", b""),
        (_OK, b""),
        (_OK + b"Content-Length: 9\r\n\r\nhello", b"hello"),
        (_OK + _CHUNKED + b"\r\n5\r\nhel", b"hel"),
        (_OK + _CHUNKED + b"\r\n5\r\nhello\r\n", b"hello"),
        (_OK + _CHUNKED + b"\r\n5\r\nhello\r\n0\r\nTrailer", b"hello"),
    ],
)
def test_a_response_that_breaks_off_is_not_whole(data: bytes, body: bytes) -> None:
    seen = read([data])
    assert (seen.failure, seen.body, seen.by_end) == ("connection_closed", body, True)


@pytest.mark.parametrize("after", [b"x", b"\x00", b"HTTP/1.1 2", _OK + b"Content-Length: 0\r\n\r\n"])
@pytest.mark.parametrize("is_late", [False, True])
def test_whatever_follows_a_response_ends_the_connection(after: bytes, is_late: bool) -> None:
    data = _OK + b"Content-Length: 5\r\n\r\nhello"
    seen = read([data, after] if is_late else [data + after])
    assert (seen.status, seen.body, seen.failure, seen.reusable) == (200, b"hello", None, False)
    assert read([data]).reusable is True
