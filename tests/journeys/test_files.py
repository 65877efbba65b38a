"""Files through a whole node, over TLS and real sockets, as clients and hostile peers do it."""

# ruff: noqa: ASYNC240 - tests wait for the disk

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio

from support.clamd import EICAR, Daemon, clamd
from support.files_house import file_event, noise, picture
from support.node import ACCOUNT, Node, running_node
from switchbay import assembly
from switchbay.infra.settings import Settings

_MANIFEST: dict[str, Any] = {
    "app_name": "Files",
    "client_name": "com.example.files",
    "description": "sends pictures",
    "grant_types": ["client_credentials"],
    "scope": "msg.consumer",
    "capabilities": {},
}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def daemon() -> AsyncIterator[tuple[Daemon, str]]:
    """A virus scanner."""
    scanner = Daemon()
    async with clamd(scanner) as setting:
        yield scanner, setting


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, daemon: tuple[Daemon, str]
) -> AsyncIterator[Node]:
    """A node that shows uploads to the scanner."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "node.db").write_bytes(sqlite_template.read_bytes())
    address = f"sqlite:///{folder}/node.db"
    async with running_node(folder / "data", address, file_scan_clamd=daemon[1]) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def consumer(node: Node) -> dict[str, str]:
    """The headers of a connector for one consumer."""
    app = await node.install(_MANIFEST, await node.login())
    return await node.consumer_headers(await node.app_token(app))


async def announced(node: Node, consumer: dict[str, str], size: int) -> tuple[str, dict[str, str]]:
    answer = await node.send(consumer, "ms.GenerateURLForUploadFile", {"fileSize": size, "fileType": "PNG"})
    assert answer.status_code == 200, answer.text
    body = answer.json()["body"]
    return body["relativePath"], body["queryParams"]


def _folder(node: Node) -> Path:
    return node.ca_file.parent.parent


def _incoming(node: Node) -> list[Path]:
    return list((_folder(node) / "files" / "incoming").iterdir())


def _stored(node: Node, path: str) -> list[Path]:
    return list((_folder(node) / "files" / "stored").rglob(path.rpartition("/")[2] + "*"))


async def test_a_picture_goes_from_a_consumer_to_an_agent_and_back(
    node: Node, consumer: dict[str, str], daemon: tuple[Daemon, str]
) -> None:
    content = noise((900, 700))
    host = (await node.directory.get(f"/api/account/{ACCOUNT}/service/swift/baseURI.json?version=1.0")).json()
    swift = f"https://{host['baseURI']}"
    path, query = await announced(node, consumer, len(content))
    uploaded = await node.client.put(swift + path, params=query, content=content)
    assert uploaded.status_code == 201
    assert daemon[0].seen[-1] == content
    conversation = await node.open_conversation(consumer)
    sent = await node.send(consumer, "ms.PublishEvent", {"dialogId": conversation, "event": file_event(path)})
    assert sent.json()["body"] == {"sequence": 0}
    agent = await node.login("agent")
    events = await node.client.get(
        f"/switchbay/v1/accounts/{ACCOUNT}/conversations/{conversation}/events", headers=agent
    )
    message = events.json()["items"][0]["event"]["message"]
    assert message["relativePath"] == path
    assert message["preview"].startswith("data:image/jpeg;base64,")
    known = await node.client.get(f"/switchbay/v1/accounts/{ACCOUNT}/files/{path.rpartition('/')[2]}", headers=agent)
    download = known.json()["download"]
    got = await node.client.get(swift + download["relative_path"], params=download["query"])
    assert (got.status_code, got.headers["content-type"], got.content) == (200, "image/jpeg", content)
    head = await node.client.head(swift + download["relative_path"], params=download["query"])
    assert (head.headers["content-length"], head.content) == (str(len(content)), b"")
    part = await node.client.get(
        swift + download["relative_path"], params=download["query"], headers={"Range": "bytes=-7"}
    )
    assert (part.status_code, part.content) == (206, content[-7:])


async def test_an_infected_file_reaches_nobody(node: Node, consumer: dict[str, str]) -> None:
    path, query = await announced(node, consumer, 200)
    refused = await node.client.put(path, params=query, content=EICAR)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "file_infected")
    assert refused.headers["access-control-allow-origin"] == "*"
    answer = await node.send(consumer, "ms.GenerateURLForDownloadFile", {"relativePath": path})
    assert answer.json()["body"]["errorCode"] == 40421
    assert _stored(node, path) + _incoming(node) == []


class Peer:
    """A connection of which every byte is ours."""

    def __init__(self, node: Node) -> None:
        self._port = node.client.base_url.port
        self._tls = ssl.create_default_context(cafile=str(node.ca_file))

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("localhost", self._port, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> str:
        return (await self.reader.readuntil(b"\r\n\r\n")).decode()


def put_head(path: str, query: dict[str, str], *headers: str) -> bytes:
    lines = [f"PUT {path}?{urlencode(query)} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode()


async def test_an_upload_that_breaks_off_leaves_nothing_and_may_be_tried_again(
    node: Node, consumer: dict[str, str]
) -> None:
    content = noise((900, 700))
    path, query = await announced(node, consumer, len(content))
    async with Peer(node) as peer:
        await peer.say(put_head(path, query, f"Content-Length: {len(content)}") + content[:300_000])
        await _until(lambda: _incoming(node))
    await _until(lambda: not _incoming(node))
    assert _stored(node, path) == []
    assert (await node.client.put(path, params=query, content=content)).status_code == 201


async def test_a_client_that_asks_first_is_refused_before_it_sends(node: Node, consumer: dict[str, str]) -> None:
    path, query = await announced(node, consumer, 100)
    wait = ("Expect: 100-continue", "Content-Length: 50")
    async with Peer(node) as peer:
        await peer.say(put_head(path, {**query, "temp_url_expires": "1"}, *wait))
        assert (await peer.head()).startswith("HTTP/1.1 401 ")
    async with Peer(node) as peer:
        await peer.say(put_head(path, query, *wait))
        assert (await peer.head()).startswith("HTTP/1.1 100 ")
        await peer.say(b"a text of fifty bytes, of which this is the rest.\n")
        assert (await peer.head()).startswith("HTTP/1.1 201 ")


async def test_more_bytes_than_were_announced_are_not_taken_in(node: Node, consumer: dict[str, str]) -> None:
    path, query = await announced(node, consumer, 1_000)
    async with Peer(node) as peer:
        await peer.say(put_head(path, query, "Transfer-Encoding: chunked"))
        with_size = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        for _ in range(8):
            await peer.say(with_size)
        assert (await peer.head()).startswith("HTTP/1.1 413 ")
    assert _stored(node, path) + _incoming(node) == []


async def test_a_reader_that_goes_away_in_the_middle_harms_nobody(node: Node, consumer: dict[str, str]) -> None:
    content = noise((1_200, 900))
    path, query = await announced(node, consumer, len(content))
    assert (await node.client.put(path, params=query, content=content)).status_code == 201
    answer = await node.send(consumer, "ms.GenerateURLForDownloadFile", {"relativePath": path})
    query = answer.json()["body"]["queryParams"]
    for _ in range(5):
        async with Peer(node) as peer:
            await peer.say(f"GET {path}?{urlencode(query)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert "200 OK" in await peer.head()
    assert (await node.client.get(path, params=query)).content == content


async def test_addresses_outlive_a_restart_and_are_good_on_another_node(
    node: Node, consumer: dict[str, str], tmp_path: Path
) -> None:
    path, query = await announced(node, consumer, 10_000)
    data = _folder(node)
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "master.key").write_bytes((data / "master.key").read_bytes())
    second = await assembly.build(
        Settings(data_dir=tmp_path / "second", database_url=f"sqlite:///{data.parent}/node.db", file_dir=data / "files")
    )
    try:
        transport = httpx.ASGITransport(second.app)
        async with httpx.AsyncClient(transport=transport, base_url="https://second.test") as client:
            assert (await client.put(path, params=query, content=picture())).status_code == 201
    finally:
        await second.stop()
    answer = await node.send(consumer, "ms.GenerateURLForDownloadFile", {"relativePath": path})
    got = await node.client.get(path, params=answer.json()["body"]["queryParams"])
    assert got.content == picture()


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is awaited is in the files of the disk
            await asyncio.sleep(0.01)
