"""Files to upload, and the steps of an exchange as clients take them."""

import io
import random
from typing import Any

import httpx
from PIL import Image

from support.messaging_stage import Answered, Stage

TEXT = "Grüße\n".encode()
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\nnot much of a document"
HTML = b"<html><script>alert(document.cookie)</script></html>"


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB", color: Any = "teal") -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new(mode, size, color).save(out, kind)
    return out.getvalue()


def noise(size: tuple[int, int] = (600, 400), kind: str = "JPEG") -> bytes:
    """A picture that does not compress."""
    pixels = random.Random(7).randbytes(size[0] * size[1] * 3)  # noqa: S311 - the same picture each time
    out = io.BytesIO()
    Image.frombytes("RGB", size, pixels).save(out, kind, quality=95)
    return out.getvalue()


def file_event(path: str, **message: Any) -> dict[str, Any]:
    """An uploaded file as an event."""
    return {
        "type": "ContentEvent",
        "contentType": "hosted/file",
        "message": {"caption": "", "relativePath": path, "fileType": "PNG", **message},
    }


async def announce(stage: Stage, size: object, kind: object = "PNG", **options: Any) -> Answered:
    """Ask for an upload address as a consumer."""
    return await stage.send("ms.GenerateURLForUploadFile", {"fileSize": size, "fileType": kind}, **options)


def address(answered: Answered) -> tuple[str, dict[str, str]]:
    """Path and query of an answered address."""
    assert answered.status == 200, answered.body
    body = answered.body["body"]
    assert set(body) == {"relativePath", "queryParams"}
    return body["relativePath"], body["queryParams"]


async def put(stage: Stage, path: str, query: dict[str, str], content: Any) -> httpx.Response:
    """Upload bytes."""
    return await stage.http.put(path, params=query, content=content)


async def upload(stage: Stage, content: bytes, kind: str = "PNG", **options: Any) -> str:
    """Upload a file as a consumer; return its path."""
    path, query = address(await announce(stage, len(content), kind, **options))
    response = await put(stage, path, query, content)
    assert response.status_code == 201, response.text
    return path


async def want(stage: Stage, path: object, **options: Any) -> Answered:
    """Ask for a download address as a consumer."""
    return await stage.send("ms.GenerateURLForDownloadFile", {"relativePath": path}, **options)


async def get(stage: Stage, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Download a file as the consumer who may."""
    place, query = address(await want(stage, path))
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await stage.http.request(method, place, params=query, headers=sent)


async def upload_as_agent(stage: Stage, content: bytes, conversation: str | None = None, user: str = "bob") -> str:
    """Upload a file as a user; return its path."""
    bearer = {"Authorization": "Bearer " + await stage.bearer(user)}
    body = {"file_size": len(content), "file_type": "PNG", "conversation": conversation}
    answer = await stage.http.post("/switchbay/v1/accounts/4711001/files", json=body, headers=bearer)
    assert answer.status_code == 201, answer.text
    response = await put(stage, answer.json()["relative_path"], answer.json()["query"], content)
    assert response.status_code == 201, response.text
    return str(answer.json()["relative_path"])


def stored(stage: Stage) -> list[str]:
    """The names of everything that lies in the folder of files, uploads under way included."""
    return sorted(str(path.relative_to(stage.folder)) for path in stage.folder.rglob("*") if path.is_file())
