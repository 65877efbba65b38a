"""Calls to a Switchbay server: verified TLS, one deadline, and every way to fail as an ``AppError`` with its exit code.

Three shapes of errors are understood: the management API's (``{"error": {"code", "message", "detail"}}``), the
authorization server's (RFC 6749 §5.2) and the messaging services' (``{"kind": "resp", "body": {"errorCode", …}}``).
"""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from pyreqwest.client import SyncClientBuilder
from pyreqwest.exceptions import ConnectError, PyreqwestError, RequestError, RequestTimeoutError
from pyreqwest.response import SyncResponse

from switchbay import __version__
from switchbay.cli.output import mapping
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

TIMEOUT_SECONDS: Final = 30
LARGEST_ANSWER_BYTES: Final = 64 * 1024 * 1024
_LONGEST_STREAM_DAYS = 7
LARGEST_FILE_BYTES: Final = 128 * 1024 * 1024
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_KINDS = {kind.http_status: kind for kind in Kind}
_FIRST_ERROR_STATUS = 400
_FIRST_REDIRECT_STATUS = 300
_SERVER_ERROR_STATUS = 500


class Client:
    """Talks to one server. ``server`` is an address such as ``https://localhost:8443``."""

    def __init__(self, server: str, ca_file: Path | None = None) -> None:
        self.server = server_address(server)
        self.ca_file = ca_file
        builder = (
            SyncClientBuilder()
            .timeout(timedelta(seconds=TIMEOUT_SECONDS))
            .follow_redirects(enable=False)
            .user_agent(f"switchbay-cli/{__version__}")
        )
        if is_loopback(self.server):
            builder = builder.no_proxy()
        if ca_file is not None:
            builder = builder.add_root_certificate_pem(_read(ca_file))
        try:
            self._client = builder.build()
        except (PyreqwestError, ValueError) as error:
            raise _ca_file_unreadable(ca_file) from error

    def call(
        self,
        method: str,
        path: str,
        *,
        body: "JsonValue | bytes" = None,
        query: Mapping[str, str] | list[tuple[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        bearer: str | None = None,
        form: Mapping[str, str] | None = None,
    ) -> JsonValue:
        """Send a request and return the JSON that came back (None when there was no body).

        Errors: what the server answered, ``server_unreachable``, ``server_untrusted``, ``server_timeout`` or
        ``server_answer_malformed``.
        """
        request = self._client.request(method, self.server + path)
        if query:
            request = request.query(list(query.items()) if isinstance(query, Mapping) else query)
        sent = dict(headers or {})
        if bearer is not None:
            sent["Authorization"] = f"Bearer {bearer}"
        for name, value in sent.items():
            try:
                request = request.header(name, value, is_sensitive=True)
            except ValueError as error:
                raise AppError(
                    Kind.INVALID, "header_malformed", f"The value for {name} holds characters that it cannot have."
                ) from error
        if form is not None:
            request = request.form(list(form.items()))
        elif isinstance(body, bytes):
            request = request.body_bytes(body).header("Content-Type", "application/json")
        elif body is not None:
            request = request.body_bytes(json.dumps(body).encode()).header("Content-Type", "application/json")
        try:
            with request.build_streamed() as response:
                content = _bounded(response)
                return _understood(response.status, content, response.get_header("retry-after"))
        except PyreqwestError as error:
            raise self._trouble(error) from error

    def stream(self, path: str, *, query: list[tuple[str, str]], bearer: str) -> Iterator[bytes]:
        """Get what may be long, a piece at a time, without an end in time. Errors are those of ``call``."""
        request = self._client.get(self.server + path).query(query).timeout(timedelta(days=_LONGEST_STREAM_DAYS))
        request = request.header("Authorization", f"Bearer {bearer}", is_sensitive=True)
        try:
            with request.build_streamed() as response:
                if response.status >= _FIRST_REDIRECT_STATUS:
                    _understood(response.status, _bounded(response), response.get_header("retry-after"))
                while (part := response.body_reader.read_chunk()) is not None:
                    yield bytes(part)
        except PyreqwestError as error:
            raise self._trouble(error) from error

    def put_bytes(self, path: str, query: Mapping[str, str], content: bytes) -> None:
        """Send bytes to a signed address. Errors: those of ``call``."""
        request = self._client.request("PUT", self.server + path).query(list(query.items())).body_bytes(content)
        try:
            with request.build_streamed() as response:
                _understood(response.status, _bounded(response), response.get_header("retry-after"))
        except PyreqwestError as error:
            raise self._trouble(error) from error

    def get_bytes(self, path: str, query: Mapping[str, str]) -> bytes:
        """What a signed address gives, up to 128 MiB. Errors: those of ``call``."""
        request = self._client.request("GET", self.server + path).query(list(query.items()))
        try:
            with request.build_streamed() as response:
                content = _bounded(response, LARGEST_FILE_BYTES)
                if response.status >= _FIRST_REDIRECT_STATUS:
                    _understood(response.status, content, response.get_header("retry-after"))
                return content
        except PyreqwestError as error:
            raise self._trouble(error) from error

    def _trouble(self, error: PyreqwestError) -> AppError:
        causes = [
            str(cause.get("message", ""))
            for cause in ((error.details.get("causes") or []) if isinstance(error, RequestError) else [])
        ]
        reason = causes[-1] if causes else str(error)
        if isinstance(error, RequestTimeoutError):
            return AppError(Kind.UNAVAILABLE, "server_timeout", f"{self.server} did not answer in time.")
        if isinstance(error, ConnectError) and "certificate" in " ".join(causes):
            return AppError(
                Kind.UNAVAILABLE,
                "server_untrusted",
                f"The certificate of {self.server} is not trusted: {reason}. "
                "Name its authority with --ca-file (a local server's is ca/ca.pem in its data folder).",
            )
        return AppError(Kind.UNAVAILABLE, "server_unreachable", f"{self.server} cannot be reached: {reason}.")


def segment(value: str) -> str:
    """Write a value as one segment of a path."""
    return quote(value, safe="")


def is_loopback(address: str) -> bool:
    """Tell whether a server's address is this host."""
    return urlsplit(address).hostname in _LOOPBACK


def server_address(server: str) -> str:
    """The server's address without a trailing slash; ``https`` when no scheme was written."""
    address = server if "://" in server else f"https://{server}"
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
        usable = usable and not (parts.query or parts.fragment or "@" in parts.netloc) and address.isprintable()
    except ValueError:
        usable = False
    if not usable:
        raise AppError(
            Kind.INVALID, "server_address_malformed", f"{server!r} is not a server's address like https://host:8443."
        )
    return address.rstrip("/")


def _read(ca_file: Path) -> bytes:
    try:
        content = ca_file.read_bytes()
    except OSError as error:
        raise _ca_file_unreadable(ca_file) from error
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise _ca_file_unreadable(ca_file)
    return content


def _ca_file_unreadable(ca_file: Path | None) -> AppError:
    return AppError(Kind.INVALID, "ca_file_unreadable", f"{ca_file} is not a file of PEM certificates.")


def _bounded(response: SyncResponse, most: int = LARGEST_ANSWER_BYTES) -> bytes:
    parts: list[bytes] = []
    size = 0
    while (part := response.body_reader.read_chunk()) is not None:
        parts.append(bytes(part))
        size += len(parts[-1])
        if size > most:
            raise AppError(
                Kind.INTERNAL, "server_answer_malformed", f"The server's answer is larger than {most} bytes."
            )
    return b"".join(parts)


def _understood(status: int, content: bytes, retry_after: str | None) -> JsonValue:
    body: JsonValue = None
    if content:
        try:
            body = json.loads(content)
        except (ValueError, RecursionError) as error:
            if status < _FIRST_REDIRECT_STATUS:
                raise AppError(
                    Kind.INTERNAL, "server_answer_malformed", f"The server answered {status} with what is not JSON."
                ) from error
    if status >= _FIRST_REDIRECT_STATUS:
        raise _refusal(status, mapping(body), retry_after)
    return body


def _refusal(status: int, body: dict[str, JsonValue], retry_after: str | None) -> AppError:
    kind = _KINDS.get(status)
    if kind is None:
        kind = Kind.INVALID if _FIRST_ERROR_STATUS <= status < _SERVER_ERROR_STATUS else Kind.UNAVAILABLE
    wait = int(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
    code, message, detail = f"http_{status}", f"The server answered {status}.", {}
    ours, of_messaging = body.get("error"), mapping(body.get("body"))
    if isinstance(ours, dict):
        code, message = str(ours.get("code", code)), str(ours.get("message", message))
        detail = mapping(ours.get("detail"))
    elif isinstance(ours, str):
        code, message = ours, str(body.get("error_description", message))
    elif of_messaging:
        code = f"error_{of_messaging.get('errorCode', status)}"
        message = f"{of_messaging.get('title', '')}: {of_messaging.get('details', '')}".strip(": ") or message
    if wait is not None:
        message = f"{message} Try again in {wait} s."
    return AppError(kind, code, message, detail, retry_after=wait)
