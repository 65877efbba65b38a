"""The web tag's script as browsers get it."""

import httpx

from switchbay.engagement.tag import PATH, routes, script
from switchbay.infra.web import Application

MOST_COMPRESSED = 10_240


async def test_any_page_may_load_it_and_it_is_small() -> None:
    transport = httpx.ASGITransport(Application(routes()))
    async with httpx.AsyncClient(transport=transport, base_url="https://switchbay.test") as http:
        async with http.stream("GET", PATH, headers={"Accept-Encoding": "gzip"}) as answer:
            packed = b"".join([part async for part in answer.aiter_raw()])
        plain = await http.get(PATH, headers={"Accept-Encoding": "identity"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert len(packed) < MOST_COMPRESSED
    assert plain.content == script()


def test_the_script_neither_evaluates_text_nor_writes_markup_nor_sets_cookies() -> None:
    text = script().decode()
    for word in ("eval(", "Function(", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "cookie"):
        assert word not in text, word
