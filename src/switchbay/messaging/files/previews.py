"""Small pictures of large ones, drawn from hostile bytes with Pillow: bounded pixels, bounded size, no metadata."""

import base64
import io
import struct
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from switchbay.messaging.files.domain import FileType

PREVIEW_BYTES: Final = 22_000
"""The largest preview: as a data URL it stays below the documented 30 KB."""
_MOST_PIXELS: Final = 24_000_000  # three bytes each while it is drawn
_SIDES: Final = (320, 200, 120)
_QUALITIES: Final = (82, 65, 45)


def draw_preview(path: Path, file_type: FileType) -> bytes | None:
    """A JPEG of the picture in ``path`` with sides of at most 320 pixels, or None if none can be drawn."""
    try:
        with Image.open(path, formats=(file_type.value,)) as image:
            width, height = image.size
            if width * height > _MOST_PIXELS:
                return None
            image.draft("RGB", (2 * _SIDES[0], 2 * _SIDES[0]))  # JPEGs are read at a fraction of their size
            return _encode(_flat(image))
    # Pillow's readers raise whatever a broken file makes them stumble over; all of it means the same here.
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error, MemoryError):
        return None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None


def data_url(preview: bytes) -> str:
    """A preview as a page shows it."""
    return "data:image/jpeg;base64," + base64.b64encode(preview).decode("ascii")


def _flat(image: Image.Image) -> Image.Image:
    """Bare pixels on white, the right way up: no profile, comment or trailing data of the original comes along."""
    image.thumbnail((_SIDES[0], _SIDES[0]))
    upright = ImageOps.exif_transpose(image).convert("RGBA")
    flat = Image.new("RGB", upright.size, "white")
    flat.paste(upright, mask=upright)
    return flat


def _encode(picture: Image.Image) -> bytes | None:
    for side in _SIDES:
        picture.thumbnail((side, side))
        for quality in _QUALITIES:
            out = io.BytesIO()
            picture.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= PREVIEW_BYTES:
                return out.getvalue()
    return None
