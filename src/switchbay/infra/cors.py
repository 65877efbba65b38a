"""Answers that pages of other origins may read (the CORS protocol of the Fetch standard)."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

_KEPT_SECONDS: Final = 600


def readable(origin: str | None) -> Mapping[str, str]:
    """The headers with which a page of ``origin`` may read the answer. None: no page asks."""
    if origin is None:
        return {"Vary": "Origin"}
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


def preflight(origin: str, *, methods: str, headers: str) -> Response:
    """The answer to a preflight of a page whose origin was checked before."""
    return Response(
        status_code=204,
        headers={
            **readable(origin),
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": headers,
            "Access-Control-Max-Age": str(_KEPT_SECONDS),
        },
    )
