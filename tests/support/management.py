"""Management APIs that are made once for all tests of a process, though every test has rooms of its own.

FastAPI reads every signature when it makes a route, which takes longer than most tests do. So the routes are made over
stand-ins, and a stand-in is whatever room the application being called was given.
"""

from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from switchbay.infra.web import MANAGEMENT_EXCEPTION_HANDLERS

_ROOMS: ContextVar[tuple[object, ...]] = ContextVar("rooms")


class _StandIn:
    """Passes everything on to the room at one place of the call under way."""

    def __init__(self, place: int) -> None:
        self._place = place

    def __getattr__(self, name: str) -> Any:
        return getattr(_ROOMS.get()[self._place], name)


def management(make: Callable[..., APIRouter], *rooms: object) -> ASGIApp:
    """The API of one router over ``rooms``, which are what ``make`` takes; its errors are the whole program's.

    ``make`` must not look at a room before a request comes.
    """
    return management_of((make, *rooms))


def management_of(*parts: tuple[Any, ...]) -> ASGIApp:
    """The API of several routers: each part is what makes one, followed by its rooms."""
    api = _api(tuple((make, len(rooms)) for make, *rooms in parts))
    rooms = tuple(room for _, *rooms in parts for room in rooms)

    async def over_the_rooms(scope: Scope, receive: Receive, send: Send) -> None:
        before = _ROOMS.set(rooms)
        try:
            await api(scope, receive, send)
        finally:
            _ROOMS.reset(before)

    return over_the_rooms


@cache
def _api(makers: tuple[tuple[Callable[..., APIRouter], int], ...]) -> FastAPI:
    api = FastAPI(exception_handlers=MANAGEMENT_EXCEPTION_HANDLERS)
    place = 0
    for make, count in makers:
        api.include_router(make(*(_StandIn(place + each) for each in range(count))))
        place += count
    return api
