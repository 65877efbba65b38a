"""Consumers' profiles as agents' clients read them (section 4.13).

In the old style the answer is an object that the client library makes engagement attributes of; in the new style it is
the list of attributes itself, in the order and by the rules that the library has.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from switchbay.kit.jsonvalue import JsonValue


def old_profile(profile: Mapping[str, JsonValue]) -> dict[str, Any]:
    """The profile as the library expects it: ``privateData.email`` is there also when a connector wrote ``mail``."""
    shown: dict[str, Any] = dict(profile)
    private = profile.get("privateData")
    if isinstance(private, dict) and "mail" in private and "email" not in private:
        shown["privateData"] = {**private, "email": private["mail"]}
    return shown


def attributes(profile: Mapping[str, JsonValue]) -> list[dict[str, Any]]:
    """The profile as engagement attributes: what was claimed, what was authenticated, then customer and person."""
    shown = old_profile(profile)
    found: list[dict[str, Any]] = []
    claims = _object(shown, "claims")
    for one in _listed(claims, "lp_sdes"):
        extra = {"acr": shown.get("acr"), "iss": claims.get("iss")}
        found.append(one | {name: value for name, value in extra.items() if value is not None})
    found += [{**one, "auth": {}} for one in _listed(_object(shown, "authenticatedData"), "lp_sdes")]
    private = _object(shown, "privateData")
    info = _present({"imei": private.get("mobileNum"), "customerId": private.get("userId")})
    if info:
        found.append({"type": "ctmrinfo", "info": info})
    contact = _present({"email": private.get("email"), "phone": private.get("mobileNum")})
    person = _present({"firstname": shown.get("firstName"), "lastname": shown.get("lastName")})
    if person or contact:
        found.append({"type": "personal", "personal": person | ({"contacts": [contact]} if contact else {})})
    return found


def _object(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _listed(value: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    found = value.get(name)
    yield from (one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in {None, ""}}
