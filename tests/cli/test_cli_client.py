"""Calls to a server: verified TLS, every shape of error, and remembered sessions."""

import asyncio
import json
import socket
import stat
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp
from typer.testing import CliRunner

from switchbay.cli import client as client_module
from switchbay.cli.client import Client, segment, server_address
from switchbay.cli.connection import chosen_account, open_client
from switchbay.cli.main import app as commands
from switchbay.cli.output import plain, when
from switchbay.cli.sessions import RememberedSession, forget, load_sessions, remember, sessions_file
from switchbay.infra.tls import authority_file, ensure_authority
from switchbay.kit.errors import AppError, Kind

ServeHttps = Callable[[ASGIApp], AbstractAsyncContextManager[httpx.AsyncClient]]


def answering(status: int, body: str, headers: dict[str, str] | None = None) -> ASGIApp:
    async def answer(_request: Request) -> Response:
        return Response(body, status, headers)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


async def call(served: httpx.AsyncClient, ca_file: Path | None, **arguments: object) -> object:
    def in_thread() -> object:
        return Client(str(served.base_url), ca_file).call("GET", "/x", **arguments)  # type: ignore[arg-type] # passed on

    return await asyncio.to_thread(in_thread)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "message"),
    [
        (409, '{"error":{"code":"app_name_taken","message":"Taken."}}', Kind.CONFLICT, "app_name_taken", "Taken."),
        (401, '{"error":"invalid_client","error_description":"No."}', Kind.UNAUTHENTICATED, "invalid_client", "No."),
        (
            401,
            '{"kind":"resp","code":401,"body":{"title":"Invalid AppJWT","details":"expired","errorCode":40102}}',
            Kind.UNAUTHENTICATED,
            "error_40102",
            "Invalid AppJWT: expired",
        ),
        (404, "<html>", Kind.NOT_FOUND, "http_404", "The server answered 404."),
        (418, "", Kind.INVALID, "http_418", "The server answered 418."),
        (502, "", Kind.UNAVAILABLE, "http_502", "The server answered 502."),
        (302, "", Kind.UNAVAILABLE, "http_302", "The server answered 302."),
        (400, "[1]", Kind.INVALID, "http_400", "The server answered 400."),
        (200, "not json", Kind.INTERNAL, "server_answer_malformed", "The server answered 200 with what is not JSON."),
    ],
)
async def test_every_refusal_becomes_an_error(
    serve_https: ServeHttps, tmp_path: Path, status: int, body: str, kind: Kind, code: str, message: str
) -> None:
    async with serve_https(answering(status, body)) as served:
        with pytest.raises(AppError) as caught:
            await call(served, authority_file(tmp_path))
    assert (caught.value.kind, caught.value.code, caught.value.message) == (kind, code, message)


async def test_time_to_wait_is_told(serve_https: ServeHttps, tmp_path: Path) -> None:
    body = '{"error":{"code":"login_throttled","message":"Too many."}}'
    async with serve_https(answering(429, body, {"Retry-After": "60"})) as served:
        with pytest.raises(AppError) as caught:
            await call(served, authority_file(tmp_path))
    assert (caught.value.message, caught.value.retry_after) == ("Too many. Try again in 60 s.", 60)


async def test_redirect_is_not_followed(serve_https: ServeHttps, tmp_path: Path) -> None:
    asked: list[str] = []

    async def answer(request: Request) -> Response:
        asked.append(request.url.path)
        return Response(status_code=307, headers={"Location": "/elsewhere"})

    async with serve_https(Starlette(routes=[Route("/{path:path}", answer)])) as served:
        with pytest.raises(AppError):
            await call(served, authority_file(tmp_path), bearer="s3cret")
    assert asked == ["/x"]


async def test_endless_answer_is_cut_off(
    serve_https: ServeHttps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "LARGEST_ANSWER_BYTES", 100_000)

    async def answer(_request: Request) -> Response:
        async def drops() -> AsyncIterator[bytes]:
            while True:
                yield b" " * 10_000
                await asyncio.sleep(0)

        return StreamingResponse(drops())

    async with serve_https(Starlette(routes=[Route("/{path:path}", answer)])) as served:
        with pytest.raises(AppError) as caught:
            await call(served, authority_file(tmp_path))
    assert caught.value.code == "server_answer_malformed"


async def test_server_of_an_unknown_authority_is_refused(serve_https: ServeHttps, tmp_path: Path) -> None:
    other = ensure_authority(tmp_path / "other").ca_file
    async with serve_https(answering(200, "{}")) as served:
        for ca_file in (None, other):
            with pytest.raises(AppError) as caught:
                await call(served, ca_file)
            assert caught.value.code == "server_untrusted"
            assert "--ca-file" in caught.value.message
        assert await call(served, authority_file(tmp_path)) == {}


def test_server_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as taken:  # bound, but not listening
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(AppError) as caught:
            Client(f"https://127.0.0.1:{taken.getsockname()[1]}").call("GET", "/")
    assert (caught.value.kind, caught.value.code) == (Kind.UNAVAILABLE, "server_unreachable")


def test_token_that_cannot_be_a_header_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(AppError) as caught:
        Client("https://127.0.0.1:1").call("GET", "/", bearer="a\r\nX-Evil: 1")
    assert caught.value.code == "header_malformed"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("bay.example", "https://bay.example"),
        ("https://bay.example:8443/", "https://bay.example:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_server_address_is_completed(written: str, address: str) -> None:
    assert server_address(written) == address


@pytest.mark.parametrize(
    "written",
    ["", "ftp://a", "https://", "https://a:x", "https://a:99999", "https://u:p@a", "https://a?x", "https://[", "a\nb"],
)
def test_malformed_server_address_is_refused(written: str) -> None:
    with pytest.raises(AppError) as caught:
        server_address(written)
    assert caught.value.code == "server_address_malformed"


@pytest.mark.parametrize("content", ["", "no certificate", None])
def test_unusable_authority_file_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(AppError) as caught:
        Client("https://localhost", file)
    assert caught.value.code == "ca_file_unreadable"


def test_path_segments_cannot_change_the_path() -> None:
    assert segment("../a/b?c#d%") == "..%2Fa%2Fb%3Fc%23d%25"


def session(
    server: str = "https://a", account: str = "demo", bearer: str = "b1", seconds: int = 60
) -> RememberedSession:
    return RememberedSession(server, account, "ada", bearer, int(time.time() * 1000) + seconds * 1000)


def test_sessions_are_kept_for_their_owner_only() -> None:
    remember(session())
    assert stat.S_IMODE(sessions_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(sessions_file().parent.stat().st_mode) == 0o700
    assert "b1" not in repr(load_sessions())


def test_last_login_comes_first_and_replaces_the_one_before() -> None:
    remember(session(bearer="old"))
    remember(session(account="other", bearer="o"))
    remember(session(bearer="new"))
    assert [(found.account, found.bearer) for found in load_sessions()] == [("demo", "new"), ("other", "o")]


def test_expired_sessions_are_not_offered() -> None:
    remember(session(seconds=-1))
    assert load_sessions() == []


def test_forgotten_session_is_gone() -> None:
    kept = session(account="kept", bearer="k")
    remember(kept)
    remember(session())
    forget(session())
    assert load_sessions() == [kept]


def test_odd_entries_of_the_session_file_are_left_out() -> None:
    sessions_file().parent.mkdir(parents=True)
    sessions_file().write_text(
        '{"sessions": [1, {}, {"server": 1}, {"server":"a","account":"b","user":"c","bearer":"d"}]}'
    )
    assert load_sessions() == []


def test_unreadable_session_file_is_told(runner: CliRunner) -> None:
    sessions_file().parent.mkdir(parents=True)
    sessions_file().write_text("{")
    result = runner.invoke(commands, ["apps", "list", "--json"])
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (1, "session_file_unreadable")


def test_commands_without_a_login_say_so(runner: CliRunner) -> None:
    for arguments in (["apps", "list"], ["deliveries", "list"], ["logout"]):
        result = runner.invoke(commands, arguments)
        assert (result.exit_code, "(not_logged_in)" in result.stderr) == (3, True)


def test_server_and_account_come_from_the_last_login() -> None:
    remember(session("https://a"))
    remember(session("https://b", "second", "b2"))
    assert (open_client(None, None).server, chosen_account(None, None)) == ("https://b", "second")
    assert (open_client("a", None).server, chosen_account(None, "https://a/")) == ("https://a", "demo")
    assert chosen_account("third", None) == "third"


def test_authority_in_the_working_folder_is_trusted_for_this_host_only() -> None:
    ca_file = ensure_authority(Path("var")).ca_file
    assert open_client("https://localhost:8443", None).ca_file == ca_file
    assert open_client("https://bay.example", None).ca_file is None


def test_without_an_account_there_is_a_hint(runner: CliRunner) -> None:
    result = runner.invoke(commands, ["login", "--user", "ada"])
    assert (result.exit_code, "(account_missing)" in result.stderr) == (1, True)


def test_text_is_shown_without_control_characters() -> None:
    assert plain("a\x1b[31m\n\u202eé👋\ud800") == "a\\x1b[31m\\n\\u202eé👋\\ud800"


@pytest.mark.parametrize(
    ("at", "shown"), [(1_700_000_000_123, "2023-11-14 22:13:20.123Z"), (None, ""), (True, ""), (10**18, str(10**18))]
)
def test_times_are_shown_in_utc(at: object, shown: str) -> None:
    assert when(at) == shown
