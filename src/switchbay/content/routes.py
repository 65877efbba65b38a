"""HTTP routes of the content room: the published JSON Schema, and the check in the management API.

Both are open to anyone and touch no state, as those of the manifest are. The check is bounded by the size of the text,
and runs on a worker thread so that it holds up nobody else.
"""

import hashlib
from functools import cache
from typing import Any, Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from switchbay.content.public import check_text, json_schema
from switchbay.infra.web import json_bytes, json_response, read_body
from switchbay.kit.jsontext import MAX_BYTES

SCHEMA_TYPE: Final = "application/schema+json"
_SCHEMA_AGE: Final = "public, max-age=3600"
_BODY: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}


def routes() -> list[Route]:
    """The route of the schema."""
    return [Route("/schemas/structured-content.json", get_schema, methods=["GET"])]


def router() -> APIRouter:
    """The route ``/structured-content/check``."""
    api = APIRouter(prefix="/structured-content", tags=["structured content"])

    @api.post("/check", openapi_extra=_BODY)
    async def check_structured_content(request: Request) -> Response:
        """Check structured content, quick replies or a whole RichContentEvent; 200 whether or not it is valid."""
        body = await read_body(request, MAX_BYTES)
        report = await run_in_threadpool(check_text, body)
        return json_response(report.to_json())

    return api


async def get_schema(request: Request) -> Response:
    """Answer the JSON Schema of structured content; 304 when the client has it."""
    body, tag = _schema()
    headers = {"ETag": tag, "Cache-Control": _SCHEMA_AGE, "Access-Control-Allow-Origin": "*"}
    known = [candidate.strip().removeprefix("W/") for candidate in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=SCHEMA_TYPE)


@cache
def _schema() -> tuple[bytes, str]:
    body = json_bytes(json_schema())
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'
