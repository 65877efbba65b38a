"""The script of the web messenger, built from ``web/messenger``, as pages of other sites load it."""

from typing import Final

from starlette.routing import BaseRoute

from switchbay.infra.scripts import read_script, script_route

PATH: Final = "/messenger/v1/messenger.js"
_PLACE: Final = ("switchbay.messaging", "messenger.js")


def routes() -> list[BaseRoute]:
    """The script's route."""
    return [script_route(PATH, *_PLACE)]


def script() -> bytes:
    """The built script."""
    return read_script(*_PLACE)
