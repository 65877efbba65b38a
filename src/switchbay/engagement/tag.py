"""The script of the web tag, built from ``web/tag``, as pages of other sites load it."""

from typing import Final

from starlette.routing import BaseRoute

from switchbay.infra.scripts import read_script, script_route

PATH: Final = "/switchbay/tag.js"
_PLACE: Final = ("switchbay.engagement", "tag.js")


def routes() -> list[BaseRoute]:
    """The script's route."""
    return [script_route(PATH, *_PLACE)]


def script() -> bytes:
    """The built script."""
    return read_script(*_PLACE)
