"""Files by the agents' socket: addresses to upload to and to download from, and tokens to read."""

from collections.abc import AsyncIterator

import pytest

from support.agent_socket import Agents, serve_agents
from support.files_house import picture, put, stored, upload
from support.messaging_stage import Stage

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def agents(stage: Stage) -> AsyncIterator[Agents]:
    async with serve_agents(stage) as served:
        yield served


@pytest.mark.parametrize(
    ("name", "answered"),
    [
        (".ams.ms.token.GenerateDownloadToken", ".ams.ms.token.GenerateDownloadToken$Response"),
        ("ms.GenerateDownloadToken", "ms.GenerateDownloadTokenResponse"),
    ],
)
async def test_a_token_opens_the_file_that_it_was_asked_for(agents: Agents, name: str, answered: str) -> None:
    path = await upload(agents.stage, picture())
    async with agents.connect("ada") as ada:
        answer = await ada.request(name, {"downloadable": {"type": "HostedFile", "relativePath": path}})
    assert (answer["code"], answer["type"]) == (200, answered)
    token = answer["body"]["token"]
    assert (token["type"], token["relativePath"]) == ("HostedFileReadToken", path)
    response = await agents.stage.http.get(path, params=token["queryParams"])
    assert (response.status_code, response.content) == (200, picture())


@pytest.mark.parametrize(
    ("body", "code", "sentence"),
    [
        (
            {"downloadable": {"type": "SecureForm", "submissionId": "1", "invitationId": "2"}},
            400,
            "Tokens are given for downloadables of the type HostedFile only.",
        ),
        ({"downloadable": {"type": "HostedFile", "relativePath": "/etc/passwd"}}, 404, "There is no such file."),
        ({"downloadable": {"type": "HostedFile"}}, 404, "There is no such file."),
    ],
)
async def test_no_token_for_what_is_no_file(agents: Agents, body: object, code: int, sentence: str) -> None:
    async with agents.connect("ada") as ada:
        answer = await ada.request(".ams.ms.token.GenerateDownloadToken", body)
    assert (answer["code"], answer["type"], answer["body"]) == (code, ".ReqBody$StringResp", sentence)


async def test_no_token_without_saying_for_what(agents: Agents) -> None:
    async with agents.connect("ada") as ada:
        assert (await ada.request(".ams.ms.token.GenerateDownloadToken", {}))["code"] == 400


async def test_an_agent_uploads_and_gets_a_file_back(agents: Agents) -> None:
    content = picture()
    async with agents.connect("bob") as bob:
        asked = {"fileSize": len(content), "fileType": "PNG"}
        place = await bob.done(".ams.ms.GenerateURLForUploadFile", asked)
        wanted = {"relativePath": place["relativePath"]}
        assert (await bob.request(".ams.ms.GenerateURLForDownloadFile", wanted))["code"] == 400
        assert stored(agents.stage) == []
        assert (await put(agents.stage, place["relativePath"], place["queryParams"], content)).status_code == 201
        found = await bob.done(".ams.ms.GenerateURLForDownloadFile", wanted)
    response = await agents.stage.http.get(found["relativePath"], params=found["queryParams"])
    assert response.content == content
