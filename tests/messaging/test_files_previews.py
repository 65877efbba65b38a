"""Previews: small, upright, bare, and never a way to harm the server."""

import base64
import io
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from support.files_house import noise, picture
from switchbay.messaging.files.domain import FileType
from switchbay.messaging.files.previews import data_url, draw_preview


def drawn(folder: Path, content: bytes, kind: FileType) -> Image.Image | None:
    path = folder / "picture"
    path.write_bytes(content)
    preview = draw_preview(path, kind)
    if preview is None:
        return None
    assert len(data_url(preview)) < 30_000
    image = Image.open(io.BytesIO(preview))
    assert image.format == "JPEG"
    return image


@pytest.mark.parametrize("kind", [FileType.JPEG, FileType.PNG, FileType.GIF])
def test_a_preview_has_the_shape_of_the_picture(tmp_path: Path, kind: FileType) -> None:
    image = drawn(tmp_path, picture(kind.value, (1_600, 800), "P" if kind is FileType.GIF else "RGB", 3), kind)
    assert image is not None
    assert (image.size, image.mode) == ((320, 160), "RGB")


def test_a_small_picture_is_not_made_larger(tmp_path: Path) -> None:
    image = drawn(tmp_path, picture(size=(20, 10)), FileType.PNG)
    assert image is not None
    assert image.size == (20, 10)


def test_a_picture_that_does_not_compress_still_fits(tmp_path: Path) -> None:
    image = drawn(tmp_path, noise((1_000, 1_000)), FileType.JPEG)
    assert image is not None
    assert image.size in {(320, 320), (200, 200), (120, 120)}


def test_transparent_pixels_become_white(tmp_path: Path) -> None:
    image = drawn(tmp_path, picture(mode="RGBA", color=(255, 0, 0, 0)), FileType.PNG)
    assert image is not None
    assert image.getpixel((5, 5)) == (255, 255, 255)


def test_a_preview_is_upright_and_tells_nothing_of_the_camera(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x010F] = "SecretCam"
    out = io.BytesIO()
    Image.new("RGB", (400, 200), "teal").save(out, "JPEG", exif=exif, icc_profile=b"profile", comment=b"a comment")
    image = drawn(tmp_path, out.getvalue(), FileType.JPEG)
    assert image is not None
    assert image.size == (160, 320)
    assert not dict(image.getexif())
    assert {"exif", "icc_profile", "comment"} & set(image.info) == set()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(6_000, 4_001), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_picture_of_too_many_pixels_has_no_preview(tmp_path: Path, size: tuple[int, int]) -> None:
    assert drawn(tmp_path, bomb(*size), FileType.PNG) is None


def test_a_picture_of_another_type_than_it_is_has_no_preview(tmp_path: Path) -> None:
    assert drawn(tmp_path, picture("JPEG"), FileType.PNG) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_broken_pictures_break_nothing(tmp_path: Path, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([FileType.JPEG, FileType.PNG, FileType.GIF]))
    content = bytearray(picture(kind.value, (64, 64), "P" if kind is FileType.GIF else "RGB", 3))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    drawn(tmp_path, bytes(content[: data.draw(st.integers(0, len(content)))]), kind)


def test_a_data_url_is_what_a_page_shows() -> None:
    assert data_url(b"abc") == "data:image/jpeg;base64," + base64.b64encode(b"abc").decode()
