"""The counting clients of "make bench" count frames however they arrive."""

import socket
import ssl
from typing import cast

import pytest
from bench.watchers import Watcher

from switchbay.infra.websocket import frame_head


def frame(size: int) -> bytes:
    return frame_head(size) + b"x" * size


@pytest.mark.parametrize("piece", [1, 7, 1_000, 100_000])
def test_frames_of_every_length_are_counted_in_pieces_of_any_size(piece: int) -> None:
    data = frame(5) + frame(125) + frame(126) + frame(65_535) + frame(65_536) + b"\x8a\x00"
    near, far = socket.socketpair()
    with near, far:
        watcher = Watcher(cast("ssl.SSLSocket", near), b"")
        for start in range(0, len(data), piece):
            watcher.take(data[start : start + piece])
    assert (watcher.frames, watcher.bytes, watcher.pongs) == (5, 5 + 125 + 126 + 65_535 + 65_536, 1)


def test_the_time_of_a_marked_frame_is_taken_from_the_message_that_it_carries() -> None:
    text = b'{"type":"Marked","message":"bench 000000007 0000000000001000 xxx"}'
    near, far = socket.socketpair()
    with near, far:
        watcher = Watcher(cast("ssl.SSLSocket", near), b"Marked")
        watcher.take(frame_head(len(text)) + text)
        watcher.take(frame(50))
    [latency] = watcher.latencies
    assert latency > 1_000_000  # since the beginning of the epoch
