"""The application behind ``listen``: takes webhooks at any path, checks their signature, tells what it saw.

Headers are those of the Conversational Cloud's webhook notifications; ``X-Switchbay-Signature`` carries the signatures
of both secrets while a client secret is being rotated.
"""

import asyncio
import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from switchbay.cli.listen.plan import Attempts, Failure, FailurePlan
from switchbay.infra.machine import Clock
from switchbay.infra.web import read_body
from switchbay.kit import signatures
from switchbay.kit.errors import AppError
from switchbay.kit.jsonvalue import JsonValue

BODY_BYTES = 4 * 1024 * 1024
_NEVER_SECONDS = 3600
_SUMMARY_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt of a delivery, as it was received and answered.

    ``signature`` is ``ok``, ``bad``, ``missing`` or ``unchecked`` (no secret was given); ``answer`` is the status that
    was sent, or the word ``none`` when the request was left hanging; ``latency_ms`` counts from the sender's timestamp.
    """

    received_at: int
    event: str
    delivery: str
    attempt: int
    signature: str
    answer: int | str
    latency_ms: int | None
    conversation: str | None
    account: str | None
    client_id: str | None
    path: str
    bytes: int
    summary: str
    body: str

    def to_json(self) -> dict[str, JsonValue]:
        """Render for ``--json``."""
        return dict(asdict(self))


def check_signature(request: Request, body: bytes, secrets: Sequence[bytes]) -> str:
    """Judge the signature of a request: ``ok``, ``bad``, ``missing`` or ``unchecked``."""
    if not secrets:
        return "unchecked"
    header = request.headers.get("x-liveperson-signature")
    if header is None:
        return "missing"
    both = request.headers.get("x-switchbay-signature", "").split(",")
    candidates = [header, *(text.strip() for text in both if text.strip())]
    good = any(signatures.verify(secret, body, candidate) for secret in secrets for candidate in candidates)
    return "ok" if good else "bad"


def describe(body: bytes) -> tuple[str, str | None, str]:
    """Name the event in a notification's body, its conversation, and give a short summary."""
    try:
        document = json.loads(body)
        kind = str(document["type"])
        change = document["body"]["changes"][0]
        if "result" in change:
            details = change["result"]["conversationDetails"]
            return kind, str(change["result"]["convId"]), f"{change['type']} {details['state']}/{details['stage']}"
        event = change["event"]
        conversation = str(change["conversationId"])
        said = event.get("message", event.get("status", event.get("chatState", "")))
        text = said if isinstance(said, str) else json.dumps(said)
        role = change.get("originatorMetadata", {}).get("role", "")
        return str(event["type"]), conversation, f"{role} {text[:_SUMMARY_CHARACTERS]}".strip()
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return "not a notification", None, ""


class Receiver:
    """Receives webhooks; ``tell`` is called once for each attempt, before it is answered (after, when delayed)."""

    def __init__(
        self, secrets: Sequence[str], plan: FailurePlan, clock: Clock, tell: Callable[[Delivery], None]
    ) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._plan = plan
        self._clock = clock
        self._tell = tell
        self._attempts = Attempts()
        self.app = Starlette(routes=[Route("/{path:path}", self._receive, methods=["GET", "POST"])])

    async def _receive(self, request: Request) -> Response:
        if request.method == "GET":
            return PlainTextResponse("switchbay listen: send webhooks here\n")
        received_at = self._clock.now_ms()
        try:
            body = await read_body(request, BODY_BYTES)
        except AppError as error:
            return PlainTextResponse(f"{error.message}\n", error.kind.http_status)
        except ClientDisconnect:
            return Response(status_code=400)
        signature = check_signature(request, body, self._secrets)
        delivery_id = request.headers.get("x-liveperson-request-id") or hashlib.sha256(body).hexdigest()[:16]
        attempt = self._attempts.count(delivery_id)
        failure = self._plan.decide(attempt, random.random())  # noqa: S311 - failing on purpose is no secret
        refused = signature in {"bad", "missing"}
        event, conversation, summary = describe(body)
        answer: int | str = 401 if refused else 200
        if not refused and failure is not None:
            answers: dict[Failure, int | str] = {
                Failure.STATUS: self._plan.status,
                Failure.REDIRECT: 302,
                Failure.HANG: "none",
            }
            answer = answers[failure]
        self._tell(
            Delivery(
                received_at=received_at,
                event=event,
                delivery=delivery_id,
                attempt=attempt,
                signature=signature,
                answer=answer,
                latency_ms=_latency(request.headers.get("x-liveperson-timestamp"), received_at),
                conversation=conversation,
                account=request.headers.get("x-liveperson-account-id"),
                client_id=request.headers.get("x-liveperson-client-id"),
                path=request.url.path,
                bytes=len(body),
                summary=summary,
                body=body.decode("utf-8", "replace"),
            )
        )
        return await self._answer(request, answer)

    async def _answer(self, request: Request, answer: int | str) -> Response:
        if self._plan.delay_seconds:
            await _wait_or_disconnect(request, self._plan.delay_seconds)
        if isinstance(answer, str):
            await _wait_or_disconnect(request, _NEVER_SECONDS)
            return Response(status_code=504)
        headers = {"Location": "/elsewhere"} if answer == 302 else None  # noqa: PLR2004 - Found
        return PlainTextResponse("" if answer == 204 else f"{answer}\n", answer, headers)  # noqa: PLR2004 - No Content


async def _wait_or_disconnect(request: Request, seconds: float) -> None:
    """Wait, but no longer than the client stays."""
    try:
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


def _latency(timestamp: str | None, received_at: int) -> int | None:
    if timestamp is None or not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 15:  # noqa: PLR2004
        return None
    return received_at - int(timestamp)
