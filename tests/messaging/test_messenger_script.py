"""The web messenger's script as browsers get it."""

import gzip
from collections.abc import AsyncIterator

import httpx
import pytest

from switchbay.infra.web import Application
from switchbay.messaging.messenger import PATH, routes, script

MOST_COMPRESSED = 20_000


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Application(routes()))
    async with httpx.AsyncClient(transport=transport, base_url="https://switchbay.test") as client:
        yield client


async def test_any_page_may_load_the_script(http: httpx.AsyncClient) -> None:
    answer = await http.get(PATH, headers={"Accept-Encoding": "identity"})
    assert (answer.status_code, answer.content) == (200, script())
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=300, stale-while-revalidate=86400"


async def test_it_is_small(http: httpx.AsyncClient) -> None:
    async with http.stream("GET", PATH, headers={"Accept-Encoding": "br, gzip"}) as answer:
        packed = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed) == script()
    assert len(packed) < MOST_COMPRESSED


@pytest.mark.parametrize("encoding", ["gzip", "gzip;q=0", "identity", ""])
async def test_who_has_it_does_not_load_it_again(http: httpx.AsyncClient, encoding: str) -> None:
    first = await http.get(PATH, headers={"Accept-Encoding": encoding})
    again = await http.get(
        PATH, headers={"Accept-Encoding": encoding, "If-None-Match": f'"old", W/{first.headers["etag"]}'}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert first.headers["vary"] == "Accept-Encoding"
    other = await http.get(PATH, headers={"Accept-Encoding": encoding, "If-None-Match": '"old"'})
    assert other.status_code == 200


async def test_the_packed_form_has_a_tag_of_its_own(http: httpx.AsyncClient) -> None:
    packed = await http.get(PATH, headers={"Accept-Encoding": "gzip"})
    plain = await http.get(PATH, headers={"Accept-Encoding": "gzip;q=0"})
    assert packed.headers["etag"] != plain.headers["etag"]
    assert (packed.content, "content-encoding" in plain.headers) == (script(), False)


def test_the_script_neither_evaluates_text_nor_writes_markup() -> None:
    text = script().decode()
    for forbidden in ("eval(", "Function(", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"):
        assert forbidden not in text
