"""Tuning of the process that serves, done once before its threads start."""

import ctypes
import gc
import sys

# SQLite's writer thread gives the interpreter lock back at every statement and must not wait 5 ms to get it again.
_SWITCH_SECONDS = 0.002
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_ARENAS = 2
# Large buffers come from the system and go back to it; a threshold that is set also stays where it is. The event loop
# keeps one of 256 KB for each TLS connection and hardly uses it: from the system it takes one page, out of the heap it
# takes with it what the handshake before used there, some 20 KB. What is read is smaller (infra/tls.py): to ask the
# system for every read would cost a fifth of the throughput.
_OF_THEIR_OWN_BYTES = 256 * 1024
_GARBAGE_THRESHOLDS = (20_000, 20, 50)


def tune() -> None:
    """Switch threads sooner, and keep the C library from giving each thread a heap of its own (about 20 MB saved)."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    _c_library("mallopt", _M_ARENA_MAX, _ARENAS)
    _c_library("mallopt", _M_MMAP_THRESHOLD, _OF_THEIR_OWN_BYTES)


def _c_library(name: str, *arguments: int) -> None:
    """Call a function of glibc; other C libraries lack it and need no such advice."""
    function = getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
    if function is not None:
        function(*arguments)


def settle() -> None:
    """Once everything is loaded: keep the collector from walking over it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    _c_library("malloc_trim", 0)  # what was only needed to load goes back to the system
