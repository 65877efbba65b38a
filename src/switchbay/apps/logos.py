"""Judging the bytes of a logo, and our own copy of it: 70 by 70 pixels, PNG, drawn again from the pixels.

Everything here takes hostile bytes: the size is read before anything is decoded, only four formats are tried, and what
is served is never what was fetched.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Final

SIDE: Final = 70
MOST_BYTES: Final = 512 * 1024
MOST_PIXELS: Final = 1_000_000
_WEBP_HEADER: Final = 30

_SVG_HEAD: Final = 4_096


@dataclass(frozen=True, slots=True)
class LogoFinding:
    """Something wrong with a logo: a code of the manifest's findings, and in short what was there."""

    code: str
    got: str


@dataclass(frozen=True, slots=True)
class Logo:
    """What became of a logo: findings, the size it has, and our copy when there were pixels to copy."""

    findings: tuple[LogoFinding, ...] = ()
    width: int | None = None
    height: int | None = None
    png: bytes | None = field(default=None, repr=False)

    @property
    def etag(self) -> str | None:
        """The entity tag of our copy, with its quotes."""
        return None if self.png is None else f'"{hashlib.sha256(self.png).hexdigest()[:32]}"'


def refuse(code: str, got: str) -> Logo:
    """A logo of which there is no copy."""
    return Logo((LogoFinding(code, got),))


def judge(data: bytes) -> Logo:
    """Read a picture and copy it. Takes up to some tens of milliseconds: call it on a thread."""
    if len(data) > MOST_BYTES:
        return refuse("logo_unreachable", f"more than {MOST_BYTES} bytes")
    head = data[:_SVG_HEAD]
    if b"<svg" in head and head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return refuse("logo_type", "an SVG drawing")
    canvas = _webp_canvas(data)
    if canvas is not None and canvas[0] * canvas[1] > MOST_PIXELS:
        return too_many_pixels(*canvas)
    from switchbay.apps import pictures  # noqa: PLC0415 - loads Pillow, which a node without logos never needs

    return pictures.copy(data)


def too_many_pixels(width: int, height: int) -> Logo:
    """A picture that is not even read."""
    return Logo((LogoFinding("logo_size", f"{width}x{height}"),), width, height)


def _webp_canvas(data: bytes) -> tuple[int, int] | None:
    """Width and height from a WebP header; its reader takes memory for the whole canvas before it tells the size."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < _WEBP_HEADER:
        return None
    match data[12:16]:
        case b"VP8X":
            return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
        case b"VP8 ":
            return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    return None
