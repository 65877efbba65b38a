"""Reading a hostile picture with Pillow and drawing our own copy of it."""

import io
import struct
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from switchbay.apps.logos import MOST_PIXELS, SIDE, Logo, LogoFinding, refuse, too_many_pixels

FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP")


def copy(data: bytes) -> Logo:
    """Judge the picture in ``data`` and draw it again as a PNG of the size that logos have."""
    try:
        return _copy(data)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return refuse("logo_size", f"more than {MOST_PIXELS} pixels")
    except UnidentifiedImageError:
        return refuse("logo_type", "something else")
    # Pillow's readers raise whatever a broken file makes them stumble over; all of it means the same here.
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error, MemoryError):
        return refuse("logo_type", "a broken picture")


def _copy(data: bytes) -> Logo:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        if width * height > MOST_PIXELS:
            return too_many_pixels(width, height)
        pixels = image.convert("RGBA")
    findings: tuple[LogoFinding, ...] = ()
    if (width, height) != (SIDE, SIDE):
        findings = (LogoFinding("logo_size", f"{width}x{height}"),)
        pixels = ImageOps.pad(pixels, (SIDE, SIDE), method=Image.Resampling.LANCZOS, color=(0, 0, 0, 0))
    # From the bare pixels, so that no profile, comment or trailing data of the original comes along.
    bare = Image.frombytes("RGBA", (SIDE, SIDE), pixels.tobytes())
    out = io.BytesIO()
    bare.save(out, "PNG", optimize=True)
    return Logo(findings, width, height, out.getvalue())
