"""Tuning of the process that serves, done once before its threads start."""

import ctypes
import gc
import sys

# SQLite's writer thread gives the interpreter lock back at every statement and must not wait 5 ms to get it again.
_SWITCH_SECONDS = 0.0005
_M_ARENA_MAX = -8
_ARENAS = 2
_GARBAGE_THRESHOLDS = (20_000, 20, 50)


def tune() -> None:
    """Switch threads sooner, and keep the C library from giving each thread a heap of its own (about 20 MB saved)."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's; other C libraries need no such advice
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, _ARENAS)


def settle() -> None:
    """Once everything is loaded: keep the collector from walking over it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
