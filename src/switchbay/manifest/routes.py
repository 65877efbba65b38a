"""HTTP routes of the manifest room: the published JSON Schema and the check of a manifest.

Both are open to anyone and touch no state. The check is bounded by the size of a manifest, and runs on a worker thread
so that it holds up nobody else.
"""

import hashlib
from dataclasses import replace
from functools import cache
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from switchbay.infra.web import json_bytes, json_response, read_body
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsontext import MAX_BYTES
from switchbay.manifest.public import Options, check_text, json_schema

SCHEMA_TYPE: Final = "application/schema+json"
_SCHEMA_AGE: Final = "public, max-age=3600"
_MAX_VARIABLES: Final = 100


def routes(options: Options | None = None) -> list[Route]:
    """The routes of this room; the check is held to the options of the operator, as an installation is."""
    operator = options or Options()

    async def post_check(request: Request) -> Response:
        return await check(request, operator)

    return [
        Route("/schemas/manifest.json", get_schema, methods=["GET"]),
        Route("/api/manifest/check", post_check, methods=["POST"]),
    ]


async def get_schema(request: Request) -> Response:
    """Answer the JSON Schema of a manifest; 304 when the client has it."""
    body, tag = _schema()
    headers = {"ETag": tag, "Cache-Control": _SCHEMA_AGE, "Access-Control-Allow-Origin": "*"}
    known = [candidate.strip().removeprefix("W/") for candidate in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=SCHEMA_TYPE)


async def check(request: Request, operator: Options) -> Response:
    """Check the manifest in the body and answer the report: 200 whether or not it is valid.

    Query: ``strict=true`` refuses unknown members; ``set=NAME=VALUE``, any number of times, fills placeholders.
    """
    variables = _variables(request.query_params.getlist("set"))
    strict = request.query_params.get("strict", "").lower() in {"1", "true", "yes"}
    options = replace(operator, strict=operator.strict or strict)
    body = await read_body(request, MAX_BYTES)
    report = await run_in_threadpool(check_text, body, options, variables)
    return json_response(report.to_json())


def _variables(settings: list[str]) -> dict[str, str]:
    if len(settings) > _MAX_VARIABLES:
        message = f"The query holds more than {_MAX_VARIABLES} parameters set."
        raise AppError(Kind.INVALID, "too_many_variables", message)
    variables: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise AppError(Kind.INVALID, "invalid_variable", "The query parameter set is written set=NAME=VALUE.")
        variables[name] = value
    return variables


@cache
def _schema() -> tuple[bytes, str]:
    body = json_bytes(json_schema())
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'
