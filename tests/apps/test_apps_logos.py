"""Logos: judged from hostile bytes, fetched in the background, copied, served."""

import asyncio
import contextlib
import io
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from support.apps_house import BRAND, MANAGEMENT, AppsHouse, connector
from switchbay.apps.logos import MOST_BYTES, Logo, LogoFinding, judge
from switchbay.apps.tables import app_logos
from switchbay.apps.wire import logo_out
from switchbay.apps.workers import check_logos_once
from switchbay.infra.egress import Egress

LOGO = f"/api/account/{BRAND}/app-logos"
DAY_MS = 86_400_000


def picture(form: str = "PNG", size: tuple[int, int] = (70, 70), color: str = "red") -> bytes:
    """An encoded picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, form)
    return out.getvalue()


def png_of(size: tuple[int, int]) -> bytes:
    """A PNG whose header claims a size, with hardly any data behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def webp_of(size: tuple[int, int]) -> bytes:
    """A WebP whose header claims a canvas, and nothing behind it."""
    width, height = ((side - 1).to_bytes(3, "little") for side in size)
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + width + height
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_picture_of_the_right_size_is_good_and_copied_as_png(form: str) -> None:
    logo = judge(picture(form))
    assert (logo.findings, logo.width, logo.height) == ((), 70, 70)
    assert logo.png is not None
    copy = Image.open(io.BytesIO(logo.png))
    assert (copy.format, copy.size, copy.mode) == ("PNG", (70, 70), "RGBA")


@pytest.mark.parametrize("size", [(64, 64), (70, 71), (1, 1), (1000, 1000), (300, 2)])
def test_a_picture_of_another_size_is_found_and_copied_at_the_right_one(size: tuple[int, int]) -> None:
    logo = judge(picture(size=size))
    assert logo.findings == (LogoFinding("logo_size", f"{size[0]}x{size[1]}"),)
    assert (logo.width, logo.height) == size
    assert logo.png is not None
    assert Image.open(io.BytesIO(logo.png)).size == (70, 70)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png_of((1001, 1000)), (1001, 1000)),
        (png_of((60_000, 60_000)), None),
        (png_of((2**31 - 1, 2**31 - 1)), None),
        (webp_of((16_384, 16_384)), (16_384, 16_384)),
        (webp_of((2**24, 2**24)), (2**24, 2**24)),
    ],
)
@pytest.mark.filterwarnings("default::PIL.Image.DecompressionBombWarning")
def test_a_picture_with_too_many_pixels_is_not_decoded(data: bytes, size: tuple[int, int] | None) -> None:
    logo = judge(data)
    assert [finding.code for finding in logo.findings] == ["logo_size"]
    assert logo.png is None
    assert (None if logo.width is None else (logo.width, logo.height)) == size


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<html></html>",
        b"\x89PNG\r\n\x1a\n",
        picture()[:60],
        picture("JPEG")[:200],
        picture("GIF")[:20],
        picture("WEBP")[:40],
        webp_of((70, 70)),
        png_of((70, 70)),
        picture("BMP"),
        picture("TIFF"),
    ],
)
def test_what_is_no_whole_picture_of_a_known_type_is_refused(data: bytes) -> None:
    logo = judge(data)
    assert [finding.code for finding in logo.findings] == ["logo_type"]
    assert logo.png is None


@pytest.mark.parametrize(
    "data",
    [b"<svg/>", b'\xef\xbb\xbf  <?xml version="1.0"?><!-- a --><svg width="70">', b"<!-- -->" * 500 + b"<svg>"],
)
def test_a_drawing_without_pixels_is_named(data: bytes) -> None:
    assert judge(data).findings == (LogoFinding("logo_type", "an SVG drawing"),)


def test_more_bytes_than_allowed_are_not_read() -> None:
    assert judge(picture().ljust(MOST_BYTES, b"\0")).findings == ()
    assert [finding.code for finding in judge(picture().ljust(MOST_BYTES + 1, b"\0")).findings] == ["logo_unreachable"]


def test_nothing_but_pixels_gets_into_the_copy() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "<script>alert(1)</script>")
    out = io.BytesIO()
    Image.new("RGB", (70, 70)).save(out, "PNG", pnginfo=info, icc_profile=b"<script>profile</script>")
    logo = judge(out.getvalue() + b"<script>tail</script>")
    assert logo.png is not None
    assert b"script" not in logo.png
    assert b"iCCP" not in logo.png


# Fetching


class LogoServer:
    """A plain http server on the loopback that answers as it is told."""

    def __init__(self) -> None:
        self.answer: bytes = b""
        self.hits = 0
        self.port = 0
        self.before_answer: Callable[[], Awaitable[None]] | None = None
        self.writers: list[asyncio.StreamWriter] = []

    @property
    def url(self) -> str:
        """The address of the logo."""
        return f"http://127.0.0.1:{self.port}/logo.png"

    def serve(self, body: bytes, *, status: str = "200 OK", head: str = "") -> None:
        """Answer this from now on."""
        lines = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{head}\r\n"
        self.answer = lines.encode() + body

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.writers.append(writer)
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.hits += 1
            if self.before_answer is not None:
                await self.before_answer()
            writer.write(self.answer)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[LogoServer]:
    """The server, up."""
    logo_server = LogoServer()
    listening = await asyncio.start_server(logo_server.handle, "127.0.0.1", 0)
    logo_server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield logo_server
        for writer in logo_server.writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def check(house: AppsHouse, egress: Egress) -> int:
    """One turn of the worker."""
    return await check_logos_once(house.db, egress, house.clock.now_ms())


async def logo_of(house: AppsHouse, app_id: str) -> dict[str, Any]:
    """What the management API would show of a logo, also when the session is long over."""
    found = await house.apps.get_app(BRAND, app_id)
    return logo_out(found.app, found.logo, house.apps.options).model_dump()


async def test_a_good_logo_is_copied_and_served(house: AppsHouse, egress: Egress, server: LogoServer) -> None:
    server.serve(picture())
    app = await house.install(logo_uri=server.url)
    assert (await logo_of(house, app["id"]))["state"] == "pending"
    assert (await house.call("GET", f"{LOGO}/{app['id']}.png", user=None)).status_code == 404
    assert await check(house, egress) == 1
    logo = await logo_of(house, app["id"])
    assert (logo["state"], logo["findings"], logo["width"], logo["height"]) == ("good", [], 70, 70)
    assert logo["copy_path"] == f"{LOGO}/{app['id']}.png"
    answer = await house.call("GET", f"{LOGO}/{app['id']}.png", user=None)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert Image.open(io.BytesIO(answer.content)).size == (70, 70)
    for given in (answer.headers["etag"], "W/" + answer.headers["etag"], f'"x", {answer.headers["etag"]}', "*"):
        again = await house.call("GET", f"{LOGO}/{app['id']}.png", user=None, headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
    other = await house.call("GET", f"{LOGO}/{app['id']}.png", user=None, headers={"If-None-Match": '"x"'})
    assert other.status_code == 200


@pytest.mark.parametrize("path", ["x.png", "%00.png", "00000000-0000-4000-8000-000000000000.png"])
async def test_an_unknown_logo_is_404(house: AppsHouse, path: str) -> None:
    assert (await house.call("GET", f"{LOGO}/{path}", user=None)).status_code == 404
    assert (await house.call("GET", f"/api/account/%00/app-logos/{path}", user=None)).status_code == 404


async def test_a_logo_of_the_wrong_size_is_a_warning_with_a_copy(
    house: AppsHouse, egress: Egress, server: LogoServer
) -> None:
    server.serve(picture(size=(64, 64)))
    app = await house.install(logo_uri=server.url)
    await check(house, egress)
    health = (await house.call("GET", f"{MANAGEMENT}/{app['id']}/health")).json()
    (finding,) = health["logo"]["findings"]
    assert (finding["code"], finding["severity"], finding["got"], finding["path"]) == (
        "logo_size",
        "warning",
        "64x64",
        "/logo_uri",
    )
    assert (health["logo"]["state"], health["status"]) == ("warning", "warning")
    assert (await house.call("GET", f"{LOGO}/{app['id']}.png", user=None)).status_code == 200


@pytest.mark.parametrize(
    ("status", "head", "body", "got"),
    [
        ("404 Not Found", "", b"", "status 404"),
        ("302 Found", "Location: http://169.254.169.254/\r\n", b"", "status 302"),
        ("200 OK", "", b"x" * (MOST_BYTES + 1), f"more than {MOST_BYTES} bytes"),
    ],
)
async def test_a_logo_that_cannot_be_had_is_tried_again_ever_more_seldom(
    house: AppsHouse, egress: Egress, server: LogoServer, status: str, head: str, body: bytes, got: str
) -> None:
    server.serve(body, status=status, head=head)
    app = await house.install(logo_uri=server.url)
    await check(house, egress)
    logo = await logo_of(house, app["id"])
    assert [(finding["code"], finding["got"]) for finding in logo["findings"]] == [("logo_unreachable", got)]
    for wait in (15, 30, 60):
        house.clock.advance(ms=wait * 60_000 - 1)
        assert await check(house, egress) == 0
        house.clock.advance(ms=1)
        assert await check(house, egress) == 1
    assert server.hits == 4


async def test_a_logo_that_goes_away_keeps_its_copy(house: AppsHouse, egress: Egress, server: LogoServer) -> None:
    server.serve(picture())
    app = await house.install(logo_uri=server.url)
    await check(house, egress)
    server.serve(b"", status="503 Unavailable")
    house.clock.advance(ms=DAY_MS)
    assert await check(house, egress) == 1
    assert (await logo_of(house, app["id"]))["state"] == "warning"
    assert (await house.call("GET", f"{LOGO}/{app['id']}.png", user=None)).status_code == 200


async def test_a_logo_on_a_private_address_is_not_fetched(house: AppsHouse, server: LogoServer) -> None:
    strict = Egress(dev_loopback=False)
    server.serve(picture())
    app = await house.install(logo_uri=server.url.replace("http:", "https:"))
    await check(house, strict)
    await strict.close()
    logo = await logo_of(house, app["id"])
    assert [(finding["code"], finding["got"]) for finding in logo["findings"]] == [
        ("logo_unreachable", "blocked_address")
    ]
    assert server.hits == 0


async def test_a_relative_logo_is_found_without_a_call(house: AppsHouse, egress: Egress) -> None:
    app = await house.install(logo_uri="/src/assets/Mobile-App.png")
    assert await check(house, egress) == 1
    logo = await logo_of(house, app["id"])
    assert [finding["code"] for finding in logo["findings"]] == ["logo_relative"]


async def test_an_app_without_logo_is_not_checked(house: AppsHouse, egress: Egress) -> None:
    app = await house.install(logo_uri="")
    assert await check(house, egress) == 0
    assert (await logo_of(house, app["id"]))["state"] == "none"


async def test_another_address_forgets_the_copy_and_is_checked_at_once(
    house: AppsHouse, egress: Egress, server: LogoServer
) -> None:
    server.serve(picture())
    app = await house.install(logo_uri=server.url)
    await check(house, egress)
    changed = connector(logo_uri=server.url + "?2")
    await house.call("PUT", f"/{app['id']}", changed, headers={"If-Match": "*"})
    assert (await logo_of(house, app["id"]))["state"] == "pending"
    assert (await house.call("GET", f"{LOGO}/{app['id']}.png", user=None)).status_code == 404
    assert await check(house, egress) == 1


async def test_a_check_that_was_overtaken_by_a_change_is_not_recorded(
    house: AppsHouse, egress: Egress, server: LogoServer
) -> None:
    server.serve(picture(size=(64, 64)))
    app = await house.install(logo_uri=server.url)

    async def change() -> None:
        changed = connector(logo_uri=server.url + "?2")
        await house.call("PUT", f"/{app['id']}", changed, headers={"If-Match": "*"})

    server.before_answer = change
    await check(house, egress)
    server.before_answer = None
    assert (await logo_of(house, app["id"]))["state"] == "pending"


async def test_two_nodes_do_not_check_one_logo(house: AppsHouse, egress: Egress, server: LogoServer) -> None:
    server.serve(picture())
    for turn in range(4):
        await house.install(client_name=f"app {turn}", logo_uri=f"{server.url}?{turn}")
    done = await asyncio.gather(*(check(house, egress) for _ in range(3)))
    assert sum(done) == 4
    assert server.hits == 4


async def test_a_check_that_was_cut_off_is_taken_up_again(house: AppsHouse, egress: Egress, server: LogoServer) -> None:
    server.serve(picture())
    app = await house.install(logo_uri=server.url)
    asked, over = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        asked.set()
        await over.wait()

    server.before_answer = hang
    node = asyncio.create_task(check(house, egress))
    await asyncio.wait_for(asked.wait(), 5)
    node.cancel()
    await asyncio.gather(node, return_exceptions=True)
    over.set()
    server.before_answer = None
    assert (await logo_of(house, app["id"]))["state"] == "pending"
    assert await check(house, egress) == 0
    house.clock.advance(seconds=120)
    assert await check(house, egress) == 1
    assert (await logo_of(house, app["id"]))["state"] == "good"


async def test_a_picture_that_breaks_its_reader_does_not_stop_other_checks(
    house: AppsHouse, egress: Egress, server: LogoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(data: bytes) -> Logo:
        raise RuntimeError("a fault in the reader of pictures")

    server.serve(picture())
    apps = [await house.install(client_name=f"app {turn}", logo_uri=f"{server.url}?{turn}") for turn in range(2)]
    monkeypatch.setattr("switchbay.apps.workers.judge", explode)
    assert await check(house, egress) == 2
    states = [(await logo_of(house, app["id"]))["findings"][0]["code"] for app in apps]
    assert states == ["logo_type", "logo_type"]


async def test_the_background_checks_without_being_asked(house: AppsHouse, server: LogoServer) -> None:
    server.serve(picture())
    await house.apps.start()
    app = await house.install(logo_uri=server.url)
    async with asyncio.timeout(10):
        while (await logo_of(house, app["id"]))["state"] != "good":  # noqa: ASYNC110 - it is the database that changes
            await asyncio.sleep(0.01)


async def test_a_deleted_apps_logo_is_gone(house: AppsHouse, egress: Egress, server: LogoServer) -> None:
    server.serve(picture())
    app = await house.install(logo_uri=server.url)
    await check(house, egress)
    await house.call("DELETE", f"/{app['id']}", headers={"If-Match": "*"})
    assert (await house.call("GET", f"{LOGO}/{app['id']}.png", user=None)).status_code == 404
    assert await house.rows(app_logos) == []
