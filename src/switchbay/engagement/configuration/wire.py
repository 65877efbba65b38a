"""Bodies of the configuration API: objects read from JSON and written as JSON.

A client may write back what it has read: members that only the server sets are taken off before the rest is read.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from switchbay.engagement.configuration.domain.catalogue import TypeInfo, type_of
from switchbay.engagement.configuration.domain.findings import Finding
from switchbay.engagement.configuration.errors import configuration_invalid
from switchbay.engagement.domain.objects import AnyObject, EngagementObject
from switchbay.infra.web import decode_json
from switchbay.kit.jsonvalue import JsonValue

_SERVER: Final = frozenset({"id", "revision", "deleted", "ineligible", "engagements", "createdAt", "updatedAt"})
_AT: Final = re.compile(r" - at `(?:key in )?\$(?P<path>.*)`$", re.DOTALL)
_PART: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
T = TypeVar("T")


class Unfit(Exception):
    """JSON that does not fit a type: why, and where."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def read_object(body: bytes, info: TypeInfo, object_id: int, *, time_zone: str | None = None) -> AnyObject:
    """An object from a request's body. Raises ``malformed_json`` and ``configuration_invalid``.

    ``time_zone`` is that of a campaign which names none.
    """
    try:
        return object_from(decode_json(body), info, object_id, time_zone=time_zone)
    except Unfit as error:
        raise configuration_invalid([error.finding]) from error


def object_from(value: JsonValue, info: TypeInfo, object_id: int, *, time_zone: str | None = None) -> AnyObject:
    """An object from parsed JSON. Raises ``Unfit``."""
    if not isinstance(value, dict):
        raise Unfit(Finding("type_wrong", "", "Expected `object`"))
    members: dict[str, JsonValue] = {name: each for name, each in value.items() if name not in _SERVER}
    if info.name == "campaign" and time_zone is not None:
        members.setdefault("timeZone", time_zone)
    found: AnyObject = convert({**members, "id": object_id}, info.shape)
    return found


def read_as(body: bytes, shape: type[T]) -> T:
    """A request's body as a type. Raises ``malformed_json`` and ``configuration_invalid``."""
    try:
        return convert(decode_json(body), shape)
    except Unfit as error:
        raise configuration_invalid([error.finding]) from error


def convert(value: JsonValue, shape: type[T]) -> T:
    """JSON as a type. Raises ``Unfit``, with msgspec's words and the place."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise Unfit(finding_of(str(error))) from error
    except RecursionError as error:
        raise Unfit(Finding("type_wrong", "", "The body is nested too deeply.")) from error


def finding_of(message: str) -> Finding:
    """What msgspec refuses, as a finding: its words keep the path that it wrote."""
    place = _AT.search(message)
    path = ""
    if place is not None:
        parts = (match[1] if match[1] is not None else match[2] for match in _PART.finditer(place["path"]))
        path = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
    return Finding("type_wrong", path, message[:500])


def render_object(
    one: AnyObject, *, ineligible: Mapping[int, tuple[str, ...]], engagements: Mapping[int, list[int]]
) -> dict[str, JsonValue]:
    """An object with what only reads have: why an engagement is never offered, which engagements a campaign has."""
    body: Any = msgspec.to_builtins(one)
    if isinstance(one, EngagementObject):
        body["ineligible"] = list(ineligible.get(one.id, ()))
    elif type_of(one) == "campaign":
        body["engagements"] = list(engagements.get(one.id, ()))
    found: dict[str, JsonValue] = body
    return found


def render_user(one: AnyObject) -> dict[str, JsonValue]:
    """One that uses another."""
    body: dict[str, JsonValue] = {"type": type_of(one), "id": one.id, "name": one.name}
    if isinstance(one, EngagementObject):
        body["campaignId"] = one.campaign_id
    return body
