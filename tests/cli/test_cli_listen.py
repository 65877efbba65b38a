"""``listen``: over real https it checks signatures, counts attempts, and fails as it was told to."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp
from typer.testing import CliRunner

from switchbay.cli.listen.command import render
from switchbay.cli.listen.plan import Attempts, Failure, FailurePlan
from switchbay.cli.listen.receiver import BODY_BYTES, Delivery, Receiver, describe
from switchbay.cli.main import app
from switchbay.infra.machine import ManualClock
from switchbay.infra.tls import authority_file, ssl_context_for_client
from switchbay.kit.signatures import sign

ServeHttps = Callable[[ASGIApp], AbstractAsyncContextManager[httpx.AsyncClient]]
SECRET = "rl9hacst6kqilbofup64n11ga3"
MESSAGE = (
    b'{"kind":"notification","type":"ms.MessagingEventNotification","body":{"changes":[{"sequence":4,'
    b'"originatorMetadata":{"id":"c0a8d6de","role":"ASSIGNED_AGENT"},"event":{"type":"ContentEvent",'
    b'"message":"How can I help?","contentType":"text/plain"},"conversationId":"7f0c6d1e"}]}}'
)


def headers(body: bytes = MESSAGE, secret: str = SECRET, delivery: str = "d1") -> dict[str, str]:
    return {
        "X-Liveperson-Signature": sign(secret.encode(), body),
        "X-Liveperson-Request-Id": delivery,
        "X-Liveperson-Timestamp": "1700000000000",
        "X-Liveperson-Account-Id": "demo",
    }


class Heard:
    """A receiver over https and what it told."""

    def __init__(self, serve_https: ServeHttps) -> None:
        self.deliveries: list[Delivery] = []
        self._serve = serve_https

    @asynccontextmanager
    async def at(
        self, plan: FailurePlan | None = None, secrets: tuple[str, ...] = (SECRET,)
    ) -> AsyncIterator[httpx.AsyncClient]:
        clock = ManualClock(1_700_000_000_012)
        receiver = Receiver(secrets, plan or FailurePlan(), clock, self.deliveries.append)
        async with self._serve(receiver.app) as client:
            yield client


@pytest.fixture
def heard(serve_https: ServeHttps) -> Heard:
    return Heard(serve_https)


async def test_signed_delivery_is_taken_and_described(heard: Heard) -> None:
    async with heard.at() as client:
        answer = await client.post("/hook?x=1", content=MESSAGE, headers=headers())
    assert answer.status_code == 200
    assert heard.deliveries == [
        Delivery(
            received_at=1_700_000_000_012,
            event="ContentEvent",
            delivery="d1",
            attempt=1,
            signature="ok",
            answer=200,
            latency_ms=12,
            conversation="7f0c6d1e",
            account="demo",
            client_id=None,
            path="/hook",
            bytes=len(MESSAGE),
            summary="ASSIGNED_AGENT How can I help?",
            body=MESSAGE.decode(),
        )
    ]


@pytest.mark.parametrize("change", ["body", "secret", "header", "no header"])
async def test_wrong_signature_is_refused(heard: Heard, change: str) -> None:
    sent = headers(secret="other" if change == "secret" else SECRET)
    if change == "header":
        sent["X-Liveperson-Signature"] = "sha1=\u00e9"
    if change == "no header":
        del sent["X-Liveperson-Signature"]
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
    async with heard.at() as client:
        answer = await client.post("/", content=MESSAGE + (b" " if change == "body" else b""), headers=encoded)
    assert answer.status_code == 401
    assert [delivery.signature for delivery in heard.deliveries] == ["missing" if change == "no header" else "bad"]


async def test_signature_by_the_newer_secret_of_a_rotation_is_good(heard: Heard) -> None:
    sent = headers(secret="older")
    sent["X-Switchbay-Signature"] = f"{sign(SECRET.encode(), MESSAGE)}, {sign(b'older', MESSAGE)}"
    async with heard.at() as client:
        assert (await client.post("/", content=MESSAGE, headers=sent)).status_code == 200


async def test_without_a_secret_signatures_are_unchecked(heard: Heard) -> None:
    async with heard.at(secrets=()) as client:
        assert (await client.post("/", content=MESSAGE)).status_code == 200
    assert heard.deliveries[0].signature == "unchecked"


async def test_first_attempts_of_each_delivery_fail(heard: Heard) -> None:
    async with heard.at(FailurePlan(first=2, status=503)) as client:
        answers = [
            (await client.post("/", content=MESSAGE, headers=headers(delivery=delivery))).status_code
            for delivery in ("a", "a", "b", "a", "b", "b")
        ]
    assert answers == [503, 503, 503, 200, 503, 200]
    assert [delivery.attempt for delivery in heard.deliveries] == [1, 2, 1, 3, 2, 3]


async def test_redirect_points_elsewhere(heard: Heard) -> None:
    async with heard.at(FailurePlan(way=Failure.REDIRECT)) as client:
        answer = await client.post("/", content=MESSAGE, headers=headers())
    assert (answer.status_code, answer.headers["location"]) == (302, "/elsewhere")


async def test_hang_never_answers_and_ends_with_the_client(heard: Heard) -> None:
    async with heard.at(FailurePlan(way=Failure.HANG)) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/", content=MESSAGE, headers=headers(), timeout=0.3)
    assert heard.deliveries[0].answer == "none"


async def test_delay_holds_the_answer_back(heard: Heard) -> None:
    async with heard.at(FailurePlan(delay_seconds=0.4)) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/", content=MESSAGE, headers=headers(), timeout=0.1)
        assert (await client.post("/", content=MESSAGE, headers=headers(), timeout=5)).status_code == 200


async def test_oversized_body_is_refused_and_not_shown(heard: Heard) -> None:
    async with heard.at() as client:
        answer = await client.post("/", content=b" " * (BODY_BYTES + 1), headers=headers())
    assert (answer.status_code, heard.deliveries) == (413, [])


def test_failure_rate_follows_the_dice() -> None:
    plan = FailurePlan(rate=0.25)
    assert [plan.decide(1, dice) for dice in (0.0, 0.2499, 0.25, 0.99)] == [Failure.STATUS, Failure.STATUS, None, None]


def test_attempts_of_a_bounded_number_of_deliveries_are_remembered() -> None:
    attempts = Attempts(remembered=2)
    assert [attempts.count(delivery) for delivery in ("a", "b", "a", "c", "b")] == [1, 1, 2, 1, 1]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"type":1}', b"\xff\xfe", b"[" * 100_000, b'{"body":{}}']
)
def test_odd_body_is_named_so(body: bytes) -> None:
    assert describe(body) == ("not a notification", None, "")


def test_conversation_change_is_described_by_its_state() -> None:
    body = {
        "type": "cqm.ExConversationChangeNotification",
        "body": {
            "changes": [
                {
                    "type": "UPSERT",
                    "result": {"convId": "c1", "conversationDetails": {"state": "CLOSE", "stage": "CLOSE"}},
                }
            ]
        },
    }
    expected = ("cqm.ExConversationChangeNotification", "c1", "UPSERT CLOSE/CLOSE")
    assert describe(json.dumps(body).encode()) == expected


def test_control_characters_of_a_message_do_not_reach_the_terminal() -> None:
    delivery = Delivery(0, "E\x1b[2J", "d", 1, "ok", 200, None, None, None, None, "/", 1, "a\x9b\r\nb\u202e", "")
    shown = render(delivery).plain
    assert "E\\x1b[2J" in shown
    assert shown.endswith("a\\x9b\\r\\nb\\u202e")


@pytest.mark.parametrize(
    "arguments",
    [["--delay", "x"], ["--delay", "nan"], ["--delay", "2h"], ["--hang", "--redirect"], ["--fail-rate", "2"]],
)
def test_impossible_options_are_wrong_usage(runner: CliRunner, arguments: list[str]) -> None:
    assert runner.invoke(app, ["listen", *arguments]).exit_code == 2


def test_unreadable_secret_file_is_an_error_in_json_too(runner: CliRunner) -> None:
    result = runner.invoke(app, ["listen", "--secret-file", "missing", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"]["code"] == "secret_file_unreadable"
    assert result.stdout == ""


def test_unusable_settings_are_told(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHBAY_PORT", "none")
    result = runner.invoke(app, ["listen"])
    assert (result.exit_code, "(settings_invalid)" in result.stderr) == (1, True)


@pytest.mark.parametrize(("secret", "exit_code", "word"), [(SECRET, 0, "ok"), ("other", 1, "bad")])
async def test_command_shows_a_delivery_and_ends(tmp_path: Path, secret: str, exit_code: int, word: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from switchbay.cli.main import run; run()"),
        *("listen", "--port", "0", "--data-dir", str(tmp_path), "--count", "1", "--json"),
        env={**os.environ, "SWITCHBAY_CLIENT_SECRET": secret},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    greeting = (await asyncio.wait_for(process.stderr.readline(), 30)).decode()
    address = greeting.split()[2]
    async with httpx.AsyncClient(verify=ssl_context_for_client(authority_file(tmp_path)), trust_env=False) as client:
        await client.post(address, content=MESSAGE, headers=headers())
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    shown = json.loads(out)
    assert (shown["event"], shown["signature"], process.returncode) == ("ContentEvent", word, exit_code)
