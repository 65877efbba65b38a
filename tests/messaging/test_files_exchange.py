"""Files from announcement to download, over a real database and a real disk."""

import asyncio
import base64
import hashlib
import io
from collections.abc import AsyncIterator

import pytest
from PIL import Image

from support.files_house import (
    HTML,
    PDF,
    TEXT,
    address,
    announce,
    file_event,
    get,
    noise,
    picture,
    put,
    stored,
    upload,
    upload_as_agent,
    want,
)
from support.messaging_stage import ACCOUNT, OTHER, Stage, stage_on, unknown_id
from switchbay.infra.db import Database
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.messaging.domain import AgentCaller
from switchbay.messaging.files.domain import FileType
from switchbay.messaging.files.transfer import Rules

PREFIX = f"/v1/AUTH_async-images/{ACCOUNT}/"


@pytest.fixture
async def sqlite_stage(clock: ManualClock, randomness: Randomness, sqlite_db: Database) -> AsyncIterator[Stage]:
    """The room on one engine, for what does not depend on it."""
    async with stage_on(sqlite_db, clock, randomness, rules=Rules(most_bytes=300_000)) as stage:
        yield stage


# Upload


@pytest.mark.parametrize("size_as", [int, str])
async def test_a_file_comes_back_as_it_was_uploaded(stage: Stage, size_as: type) -> None:
    content = picture()
    answered = await announce(stage, size_as(len(content)))
    path, query = address(answered)
    assert answered.body["code"] == "OK"
    assert path.startswith(PREFIX)
    assert query["temp_url_expires"] == str(stage.clock.at_ms // 1_000 + 60)
    uploaded = await put(stage, path, query, content)
    checksum = hashlib.sha256(content).hexdigest()
    assert (uploaded.status_code, uploaded.content, uploaded.headers["etag"]) == (201, b"", f'"{checksum}"')
    downloaded = await get(stage, path)
    assert (downloaded.status_code, downloaded.content) == (200, content)
    name = path.removeprefix(PREFIX)
    assert {key: value for key, value in downloaded.headers.items() if key != "x-request-id"} == {
        "etag": f'"{checksum}"',
        "content-type": "image/png",
        "content-length": str(len(content)),
        "content-disposition": f'inline; filename="{name}.png"',
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "cross-origin",
        "referrer-policy": "no-referrer",
        "cache-control": "private, max-age=3600, immutable",
        "accept-ranges": "bytes",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "Accept-Ranges, Content-Length, Content-Range, ETag",
    }


@pytest.mark.parametrize(
    ("content", "media_type", "disposition"),
    [
        (picture("JPEG"), "image/jpeg", "inline"),
        (picture("GIF"), "image/gif", "inline"),
        (PDF, "application/pdf", "attachment"),
        (TEXT, "text/plain; charset=utf-8", "attachment"),
        (HTML, "text/plain; charset=utf-8", "attachment"),
    ],
    ids=["jpeg", "gif", "pdf", "text", "html"],
)
async def test_the_bytes_decide_how_a_file_is_given_out(
    sqlite_stage: Stage, content: bytes, media_type: str, disposition: str
) -> None:
    path = await upload(sqlite_stage, content, "PNG")
    downloaded = await get(sqlite_stage, path)
    assert downloaded.content == content
    assert downloaded.headers["content-type"] == media_type
    assert downloaded.headers["content-disposition"].startswith(disposition + ";")
    assert downloaded.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in downloaded.headers["content-security-policy"]


async def test_an_address_takes_one_upload(stage: Stage) -> None:
    first, second = picture(color="red"), picture(color="blue")
    path, query = address(await announce(stage, 10_000))
    assert (await put(stage, path, query, first)).status_code == 201
    again = await put(stage, path, query, second)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "file_already_uploaded")
    assert (await get(stage, path)).content == first


async def test_of_uploads_at_once_one_is_stored(stage: Stage) -> None:
    contents = [picture(color=color) for color in ("red", "green", "blue", "black")]
    path, query = address(await announce(stage, 10_000))
    answers = await asyncio.gather(*(put(stage, path, query, content) for content in contents))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    [winner] = [content for content, answer in zip(contents, answers, strict=True) if answer.status_code == 201]
    assert (await get(stage, path)).content == winner
    assert len([name for name in stored(stage) if name.startswith("incoming/")]) == 0


async def test_an_address_is_valid_for_a_minute_its_method_and_its_file(sqlite_stage: Stage) -> None:
    stage, content = sqlite_stage, picture()
    path, query = address(await announce(stage, len(content)))
    other, _ = address(await announce(stage, len(content)))
    download = {"temp_url_sig": "0" * 64, "temp_url_expires": query["temp_url_expires"]}
    tries = [
        await put(stage, path, {}, content),
        await put(stage, path, download, content),
        await put(stage, path, {**query, "temp_url_expires": "9999999999"}, content),
        await put(stage, path, {**query, "temp_url_sig": query["temp_url_sig"].upper()}, content),
        await put(stage, other, query, content),
        await put(stage, path.replace(ACCOUNT, OTHER), query, content),
        await put(stage, PREFIX + "x", query, content),
        await put(stage, PREFIX + "%00" * 40, query, content),
        await stage.http.get(path, params=query),
        await stage.http.head(path, params=query),
        await stage.http.get(path + "/preview", params=query),
    ]
    stage.clock.advance(seconds=60)
    tries.append(await put(stage, path, query, content))
    assert [answer.status_code for answer in tries] == [401] * len(tries)
    assert tries[0].json()["error"]["code"] == "file_address_invalid"
    assert tries[0].headers["access-control-allow-origin"] == "*"
    assert stored(stage) == []
    stage.clock.advance(seconds=-1)
    assert (await put(stage, path, query, content)).status_code == 201
    place, reading = address(await want(stage, path))
    again = await put(stage, place, reading, content)
    assert again.status_code == 401


async def test_a_file_is_no_larger_than_it_was_announced_and_fewer_bytes_do(sqlite_stage: Stage) -> None:
    stage, content = sqlite_stage, picture()
    path, query = address(await announce(stage, len(content) - 1))
    refused = await put(stage, path, query, content)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "file_too_large")
    assert stored(stage) == []
    path, query = address(await announce(stage, len(content) + 100))
    assert (await put(stage, path, query, content)).status_code == 201


async def test_a_file_is_no_larger_than_the_setting(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    for size in (300_001, "300001"):
        answered = await announce(stage, size)
        assert (answered.status, answered.error) == (413, 41321)
    assert (await announce(stage, 300_000)).status == 200


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ({"fileType": "PNG"}, 40001),
        ({"fileSize": 1}, 40001),
        ({"fileSize": 0, "fileType": "PNG"}, 40022),
        ({"fileSize": -5, "fileType": "PNG"}, 40022),
        ({"fileSize": "many", "fileType": "PNG"}, 40022),
        ({"fileSize": 1.5, "fileType": "PNG"}, 40022),
        ({"fileSize": [1], "fileType": "PNG"}, 40022),
        ({"fileSize": 1, "fileType": "EXE"}, 40021),
        ({"fileSize": 1, "fileType": ["PNG"]}, 40021),
    ],
)
async def test_an_announcement_that_cannot_be(sqlite_stage: Stage, body: object, number: int) -> None:
    answered = await sqlite_stage.send("ms.GenerateURLForUploadFile", body)
    assert (answered.status, answered.error) == (400, number)


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "file_empty"), (b"MZ\x90\x00" * 10, "file_type_unsupported"), (b"PK\x03\x04", "file_type_unsupported")],
)
async def test_what_is_no_file_of_the_types_that_are_taken(sqlite_stage: Stage, content: bytes, code: str) -> None:
    stage = sqlite_stage
    path, query = address(await announce(stage, 100))
    answer = await put(stage, path, query, content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert stored(stage) == []
    assert (await put(stage, path, query, TEXT)).status_code == 201


async def test_types_that_the_operator_has_left_out(
    clock: ManualClock, randomness: Randomness, sqlite_db: Database
) -> None:
    async with stage_on(sqlite_db, clock, randomness, rules=Rules(types=frozenset({FileType.PNG}))) as stage:
        assert (await announce(stage, 100, "PDF")).error == 40021
        path, query = address(await announce(stage, 100, "IMG"))
        answer = await put(stage, path, query, PDF)
        assert (answer.status_code, answer.json()["error"]["detail"]) == (400, {"allowed": ["PNG"]})
        assert stored(stage) == []


async def test_uploads_at_once_are_limited(sqlite_stage: Stage) -> None:
    stage, gate = sqlite_stage, asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield TEXT
        await gate.wait()

    places = [address(await announce(stage, 100)) for _ in range(65)]
    waiting = [asyncio.create_task(put(stage, path, query, slow())) for path, query in places[:64]]
    while len(stored(stage)) < 64:  # noqa: ASYNC110 - what is awaited is in the files of the disk
        await asyncio.sleep(0.01)
    refused = await put(stage, *places[64], TEXT)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    gate.set()
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {201}
    assert (await put(stage, *places[64], TEXT)).status_code == 201


# Download


async def test_parts_of_a_file(sqlite_stage: Stage) -> None:
    stage, content = sqlite_stage, noise(size=(400, 300))
    path = await upload(stage, content)
    size, etag = len(content), f'"{hashlib.sha256(content).hexdigest()}"'
    part = await get(stage, path, Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{size}"
    assert part.headers["content-length"] == "10"
    assert (await get(stage, path, Range="bytes=-5")).content == content[-5:]
    assert (await get(stage, path, Range="bytes=10-19", If_Range=etag)).status_code == 206
    assert (await get(stage, path, Range="bytes=10-19", If_Range='"other"')).content == content
    beyond = await get(stage, path, Range=f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["content-range"], beyond.content) == (416, f"bytes */{size}", b"")
    known = await get(stage, path, If_None_Match=f'"x", W/{etag}')
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)


async def test_head_tells_of_a_file_without_its_bytes(sqlite_stage: Stage) -> None:
    content = picture()
    path = await upload(sqlite_stage, content)
    head = await get(sqlite_stage, path, "HEAD")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(content)))
    assert head.headers["content-type"] == "image/png"


async def test_a_file_that_was_damaged_on_the_disk_is_not_given_out(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    path = await upload(stage, noise(size=(300, 300)))
    [name] = [name for name in stored(stage) if not name.endswith(".preview")]
    place = stage.folder / name
    whole = place.read_bytes()
    for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), whole + b"\0"):
        place.write_bytes(damaged)
        for header in ({}, {"Range": "bytes=0-9"}):
            answer = await get(stage, path, **header)
            assert (answer.status_code, answer.json()["error"]["code"]) == (500, "file_damaged")
    place.unlink()
    assert (await get(stage, path)).json()["error"]["code"] == "file_damaged"
    place.write_bytes(whole)
    assert (await get(stage, path)).content == whole


async def test_preflights_of_browsers_are_answered(sqlite_stage: Stage) -> None:
    path, query = address(await announce(sqlite_stage, 5))
    answer = await sqlite_stage.http.options(
        path,
        params=query,
        headers={
            "Origin": "https://demo.example",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-type,x-requested-with",
        },
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, PUT"
    assert answer.headers["access-control-allow-headers"] == "content-type,x-requested-with"
    assert "access-control-allow-credentials" not in answer.headers
    odd = await sqlite_stage.http.options(path, headers={"Access-Control-Request-Headers": "a b<c>"})
    assert "access-control-allow-headers" not in odd.headers


# Who may


async def test_a_file_does_not_exist_for_others(stage: Stage) -> None:
    path = await upload(stage, picture())
    conversation = await stage.open()
    for options in ({"consumer": "other-consumer"}, {"app": "other-app"}):
        assert (await want(stage, path, **options)).error == 40421
    for wrong in (PREFIX + "0" * 40, path.replace(ACCOUNT, OTHER), path + "x", "", 5, {"a": 1}):
        assert (await want(stage, wrong)).error == 40421
    assert (await stage.publish(conversation, file_event(path))).status == 200
    assert (await want(stage, path, consumer="other-consumer")).error == 40421
    assert (await want(stage, path)).status == 200


async def test_a_file_that_was_not_uploaded_cannot_be_had(sqlite_stage: Stage) -> None:
    path, _ = address(await announce(sqlite_stage, 5))
    answered = await want(sqlite_stage, path)
    assert (answered.status, answered.error) == (409, 40921)


async def test_agents_and_consumers_get_each_others_files(stage: Stage) -> None:
    conversation, content, other = await stage.open(), picture(color="red"), picture(color="blue")
    path = await upload(stage, content)
    assert (await stage.publish(conversation, file_event(path))).status == 200
    bearer = {"Authorization": "Bearer " + await stage.bearer("bob")}
    known = await stage.http.get(f"/switchbay/v1/accounts/{ACCOUNT}/files/{path.removeprefix(PREFIX)}", headers=bearer)
    body = known.json()
    assert {name: body[name] for name in ("file_type", "size", "conversation", "uploaded_by", "created_at")} == {
        "file_type": "PNG",
        "size": len(content),
        "conversation": conversation,
        "uploaded_by": {"role": "CONSUMER", "id": "a" * 64},
        "created_at": stage.clock.at_ms,
    }
    got = await stage.http.get(body["download"]["relative_path"], params=body["download"]["query"])
    assert got.content == content
    preview = await stage.http.get(body["preview"]["relative_path"], params=body["preview"]["query"])
    assert (preview.status_code, preview.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(preview.content)).size == (40, 30)

    answer = await upload_as_agent(stage, other, conversation)
    assert (await want(stage, answer)).error == 40421  # not before it is sent
    await stage.agent("POST", f"/{conversation}/join")
    assert (await stage.agent("POST", f"/{conversation}/events", file_event(answer))).status == 200
    assert (await get(stage, answer)).content == other
    assert (await want(stage, answer, consumer="other-consumer")).error == 40421


async def test_only_agents_and_administrators_use_the_agents_door(sqlite_stage: Stage) -> None:
    stage, url = sqlite_stage, f"/switchbay/v1/accounts/{ACCOUNT}/files"
    body = {"file_size": 5, "file_type": "PNG"}
    developer = {"Authorization": "Bearer " + await stage.bearer("dev")}
    assert (await stage.http.post(url, json=body)).status_code == 401
    assert (await stage.http.post(url, json=body, headers=developer)).status_code == 403
    assert (await stage.http.get(f"{url}/{'0' * 40}", headers=developer)).status_code == 403
    agent = {"Authorization": "Bearer " + await stage.bearer("bob")}
    gone = await stage.http.get(f"{url}/{'0' * 40}", headers=agent)
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "file_unknown")
    for conversation in (unknown_id(), "no id"):
        refused = await stage.http.post(url, json=body | {"conversation": conversation}, headers=agent)
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "conversation_unknown")


# Sending


async def test_a_picture_without_a_preview_gets_one_and_nothing_else_of_the_event_changes(stage: Stage) -> None:
    conversation, path = await stage.open(), await upload(stage, picture())
    event = {**file_event(path, caption="look", extra=1), "metadata": [{"a": 1}]}
    assert (await stage.publish(conversation, event)).status == 200
    sent = stage.webhooks.changes()[-1]["event"]
    preview = sent["message"].pop("preview")
    assert sent == event
    assert preview.startswith("data:image/jpeg;base64,")
    assert base64.b64decode(preview.partition(",")[2])[:3] == b"\xff\xd8\xff"
    assert await stage.files.preview_of(ACCOUNT, path) == preview
    own = file_event(path, preview="data:image/png;base64,AA==")
    assert (await stage.publish(conversation, own)).status == 200
    assert stage.webhooks.changes()[-1]["event"] == own


async def test_an_event_must_name_a_file_that_its_sender_may_send(stage: Stage) -> None:
    conversation, foreign = await stage.open(), await stage.open(consumer="other-consumer")
    awaited, _ = address(await announce(stage, 5))
    theirs = await upload(stage, picture(), consumer="other-consumer")
    refused = [
        await stage.publish(conversation, file_event(path))
        for path in (awaited, theirs, PREFIX + "0" * 40, "/v1/elsewhere/x.png", "https://example.org/x.png")
    ]
    assert [(answer.status, answer.error) for answer in refused] == [(400, 40005)] * 5
    own = await upload(stage, picture())
    assert (await stage.publish(foreign, file_event(own))).error == 40402
    too_long = file_event(own, preview="x" * 45_001)
    assert (await stage.publish(conversation, too_long)).error == 40005
    assert (await stage.publish(conversation, file_event(own, preview=["x"]))).error == 40005
    assert (await stage.rows())["events"] == 0
    await stage.agent("POST", f"/{conversation}/join")
    assert (await stage.agent("POST", f"/{conversation}/events", file_event(own))).status == 400
    assert (await stage.publish(conversation, file_event(own))).status == 200
    assert (await stage.agent("POST", f"/{conversation}/events", file_event(own))).status == 200


async def test_a_new_conversation_may_begin_with_a_file_and_the_request_be_repeated(stage: Stage) -> None:
    path = await upload(stage, picture())
    batch = [
        {"kind": "req", "id": "1", "type": "cm.ConsumerRequestConversation", "body": {"brandId": ACCOUNT}},
        {"kind": "req", "id": "2", "type": "ms.PublishEvent", "body": {"dialogId": "", "event": file_event(path)}},
    ]
    first = await stage.post("", batch, Idempotency_Key="k")
    again = await stage.post("", batch, Idempotency_Key="k")
    assert (first.status, again.status, again.headers["idempotency-replayed"]) == (200, 200, "true")
    conversation = first.body[0]["body"]["conversationId"]
    found = await stage.files.get_file(ACCOUNT, AgentCaller("bob"), path)
    assert found.conversation_id == conversation
    assert (await stage.rows())["events"] == 1


async def test_a_private_file_stays_with_agents_until_it_is_sent_to_all(stage: Stage) -> None:
    conversation, path = await stage.open(), await upload_as_agent(stage, picture())
    await stage.agent("POST", f"/{conversation}/join")
    private = await stage.agent("POST", f"/{conversation}/events?audience=AGENTS_AND_MANAGERS", file_event(path))
    assert private.status == 200
    assert (await want(stage, path)).error == 40421
    assert (await stage.publish(conversation, file_event(path))).error == 40005
    assert (await stage.agent("POST", f"/{conversation}/events", file_event(path))).status == 200
    assert (await want(stage, path)).status == 200
