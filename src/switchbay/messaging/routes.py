"""The Send API: a connector opens conversations for its consumers and speaks for them.

``POST /api/account/{account}/messaging/consumer/conversation`` takes a batch, ``…/send`` one request. Both want the
application's token in ``Authorization``, with or without ``Bearer``, and the consumer's in ``X-LP-ON-BEHALF``.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from starlette.responses import Response
from starlette.routing import BaseRoute

from switchbay.infra.express import Call, ExpressRoute, JsonAnswer, Serve
from switchbay.infra.web import json_bytes
from switchbay.kit.errors import AppError, Kind
from switchbay.messaging.commit import Outcome
from switchbay.messaging.domain import Command, ConsumerCaller, IdempotencyKey, Publish
from switchbay.messaging.errors import parameter_missing
from switchbay.messaging.files.service import Files
from switchbay.messaging.service import Messaging
from switchbay.messaging.wire import answers, keys, requests
from switchbay.oauth.public import AppToken, ConsumerToken

SCOPE: Final = "msg.consumer"
_REPLAYED: Final = (("Idempotency-Replayed", "true"),)
_BASE: Final = "/api/account/{account}/messaging/consumer/conversation"


class Tokens(Protocol):
    """What this room needs of the oauth room."""

    async def verify_app_token(self, account_id: str, authorization: str | None) -> AppToken:
        """Verify the application's token."""
        ...

    async def verify_consumer_token(self, account_id: str, header: str | None) -> ConsumerToken:
        """Verify the consumer's token."""
        ...


def routes(service: Messaging, tokens: Tokens, files: Files) -> list[BaseRoute]:
    """The two calls of the Send API."""
    api = _SendApi(service, tokens, files)
    return [
        ExpressRoute(_BASE + "/send", _in_their_shape(api.send)),
        ExpressRoute(_BASE, _in_their_shape(api.open)),
    ]


def _in_their_shape(endpoint: Callable[[Call], Awaitable[JsonAnswer]]) -> Serve:
    async def answer(call: Call) -> JsonAnswer | Response:
        try:
            return await endpoint(call)
        except AppError as error:
            return answers.error_answer(error)

    return answer


class _SendApi:
    def __init__(self, service: Messaging, tokens: Tokens, files: Files) -> None:
        self._service = service
        self._tokens = tokens
        self._files = files

    async def _caller(self, call: Call, account_id: str) -> ConsumerCaller:
        headers = call.headers
        app = await self._tokens.verify_app_token(account_id, headers.get("authorization"))
        consumer = await self._tokens.verify_consumer_token(account_id, headers.get("x-lp-on-behalf"))
        if SCOPE not in app.scope:
            raise AppError(
                Kind.FORBIDDEN, "scope_missing", f"The application's token lacks the scope {SCOPE}.", {"scope": SCOPE}
            )
        return ConsumerCaller(app.installation_id, consumer.consumer_id)

    async def send(self, call: Call) -> JsonAnswer:
        """One request."""
        account_id: str = call.segment
        caller = await self._caller(call, account_id)
        body = await call.body(self._service.limits.body_bytes)
        parsed = requests.parse_one(body)
        if isinstance(parsed, requests.UploadRequest | requests.DownloadRequest):
            return _answer(answers.Answer(parsed.id, "OK", await self._address(account_id, caller, parsed)))
        command, answer = self._to_command(account_id, caller, parsed, call, body)
        outcome = await self._service.submit(command)
        return _answer(answers.Answer(parsed.id, "OK", answer(outcome)), outcome)

    def _to_command(
        self, account_id: str, caller: ConsumerCaller, parsed: requests.Said, call: Call, body: bytes
    ) -> tuple[Command, Callable[[Outcome], answers.AnswerBody]]:
        key = _key(call, account_id, caller, "send", body)
        match parsed:
            case requests.PublishRequest():
                conversation_id, step = self._to_publish(parsed, call)
                if not conversation_id:
                    raise parameter_missing("body.dialogId")
                return Command(account_id, caller, conversation_id, (step,), key=key), _sequence
            case requests.UpdateRequest():
                steps = requests.to_steps(parsed.body)
                return Command(account_id, caller, parsed.body.conversation_id, steps, key=key), _field_updated
            case requests.ProfileRequest():
                return Command(account_id, caller, "", profile=parsed.body, key=key), _profile_set
            case requests.OpenRequest():
                raise AppError(
                    Kind.INVALID,
                    "request_type_unknown",
                    "cm.ConsumerRequestConversation belongs into a batch: POST …/messaging/consumer/conversation.",
                )

    async def _address(
        self, account_id: str, caller: ConsumerCaller, parsed: requests.UploadRequest | requests.DownloadRequest
    ) -> answers.Address:
        if isinstance(parsed, requests.UploadRequest):
            size, kind = requests.announced_file(parsed.body)
            address = await self._files.generate_upload_url(account_id, caller, None, size, kind)
        else:
            path = requests.wanted_file(parsed.body)
            address = await self._files.generate_download_url(account_id, caller, path)
        return answers.Address(address.relative_path, address.query)

    def _to_publish(self, parsed: requests.PublishRequest, call: Call) -> tuple[str, Publish]:
        properties = requests.parse_client_properties(call.headers.get("client-properties"))
        characters = self._service.limits.message_characters
        return requests.to_publish(parsed, characters=characters, client_properties=properties)

    async def open(self, call: Call) -> JsonAnswer:
        """A batch that opens a conversation."""
        account_id: str = call.segment
        caller = await self._caller(call, account_id)
        body = await call.body(self._service.limits.body_bytes)
        batch = requests.parse_batch(body)
        properties = requests.parse_client_properties(call.headers.get("client-properties"))
        command = Command(
            account_id,
            caller,
            self._service.new_conversation_id(),
            () if batch.publish is None else (self._to_publish(batch.publish, call)[1],),
            open=requests.to_open(
                batch.open.body, account_id, await self._service.admit_opening(account_id), properties
            ),
            profile=None if batch.profile is None else batch.profile.body,
            key=_key(call, account_id, caller, "conversation", body),
        )
        outcome = await self._service.submit(command)
        rendered = [answers.Answer(batch.open.id, "OK", answers.Opened(outcome.conversation_id))]
        if batch.profile is not None:
            rendered.insert(0, answers.Answer(batch.profile.id, "OK", _profile_set(outcome)))
        if batch.publish is not None:
            rendered.append(answers.Answer(batch.publish.id, "OK", _sequence(outcome)))
        return _answer(rendered, outcome)


def _key(call: Call, account_id: str, caller: ConsumerCaller, route: str, body: bytes) -> IdempotencyKey | None:
    scope = ("app", account_id, caller.installation_id or "", caller.consumer_id)
    return keys.parse_key(call.headers.get("idempotency-key"), scope=scope, route=route, body=body)


def _answer(body: answers.Answer | list[answers.Answer], outcome: Outcome | None = None) -> JsonAnswer:
    return JsonAnswer(json_bytes(body), _REPLAYED if outcome is not None and outcome.is_replayed else ())


def _sequence(outcome: Outcome) -> answers.AnswerBody:
    return answers.Sequence(outcome.sequences[-1])


def _field_updated(_outcome: Outcome) -> answers.AnswerBody:
    return answers.Message(answers.FIELD_UPDATED)


def _profile_set(_outcome: Outcome) -> answers.AnswerBody:
    return answers.Message(answers.PROFILE_SET)
