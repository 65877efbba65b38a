"""Answers of the Send API. ``code`` is the string ``OK``; errors have the body that connectors know."""

from typing import Final

import msgspec
from starlette.responses import Response

from switchbay.infra.web import json_response, retry_headers
from switchbay.kit.errors import AppError
from switchbay.messaging.errors import error_number
from switchbay.messaging.wire.requests import RequestId

PROFILE_SET: Final = "OK User Profile set successfully"
FIELD_UPDATED: Final = "OK Conversation field updated successfully"


class Message(msgspec.Struct, rename="camel"):
    """An answer in words."""

    msg: str


class Opened(msgspec.Struct, rename="camel"):
    """The new conversation."""

    conversation_id: str


class Sequence(msgspec.Struct, rename="camel"):
    """The number of the published event; 0 for chat states, which have none."""

    sequence: int


class Address(msgspec.Struct, rename="camel"):
    """Where a file is put or got."""

    relative_path: str
    query_params: dict[str, str]


AnswerBody = Message | Opened | Sequence | Address


class Answer(msgspec.Struct, rename="camel"):
    """One request's answer."""

    req_id: RequestId
    code: str
    body: AnswerBody


class _ErrorBody(msgspec.Struct, rename="camel"):
    title: str
    details: str
    error_code: int


class _Error(msgspec.Struct, rename="camel"):
    kind: str
    code: int
    body: _ErrorBody
    type: str


def error_answer(error: AppError) -> Response:
    """Answer an error in the shape of the Send API."""
    number, title = error_number(error)
    status = error.kind.http_status
    body = _Error("resp", status, _ErrorBody(title, error.message, number), ".ReqBody$ErrorResp")
    return json_response(body, status, retry_headers(error))
