"""The public route with which a page learns how to show an offer: no login, from any origin.

What it answers is read from what is published in memory, so that a flood of requests never reaches the database.
"""

import re
from hashlib import sha256
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchbay.engagement.configuration.errors import design_unknown
from switchbay.engagement.configuration.publishing import Design, Offers
from switchbay.infra.cors import preflight, readable
from switchbay.infra.web import error_response, json_bytes
from switchbay.kit.errors import AppError

DESIGN: Final = "/api/account/{account}/app/{app}/engagement/{engagement}/{revision}/design"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_KEPT: Final = "public, max-age=60"
_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


def design_routes(offers: Offers) -> list[BaseRoute]:
    """The route of designs."""
    designs = _Designs(offers)
    return [Route(DESIGN, designs.show, methods=["GET"]), Route(DESIGN, designs.admit, methods=["OPTIONS"])]


class _Designs:
    def __init__(self, offers: Offers) -> None:
        self._offers = offers

    async def show(self, request: Request) -> Response:
        """The design of an engagement at its current revision; 404 for any other one."""
        origin = request.headers.get("origin")
        try:
            design = await self._find(request)
        except AppError as error:
            answer = error_response(error)
            answer.headers.update(readable(origin))
            answer.headers["Cache-Control"] = "no-store"
            return answer
        body = json_bytes(design)
        tag = '"' + sha256(body).hexdigest()[:32] + '"'
        headers = {**readable(origin), "ETag": tag, "Cache-Control": _KEPT, "X-Content-Type-Options": "nosniff"}
        given = request.headers.get("if-none-match", "")
        if given.strip() == "*" or tag in _TAG.findall(given):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="application/json")

    async def admit(self, request: Request) -> Response:
        """The answer to a preflight, to any origin."""
        return preflight(request.headers.get("origin", "*"), methods="GET", headers="If-None-Match")

    async def _find(self, request: Request) -> Design:
        params = request.path_params
        if not all(_NUMBER.fullmatch(params[name]) for name in ("engagement", "revision")):
            raise design_unknown()
        compiled = await self._offers.compiled(params["account"])
        design = compiled.designs.get((params["app"], int(params["engagement"])))
        if design is None or design.revision != int(params["revision"]):
            raise design_unknown()
        return design
