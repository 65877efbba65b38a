"""Whom a visit is of: identities, address and place, device."""

from typing import Final

from msgspec import structs

from switchbay.engagement.domain.visit import Visit, VisitIdentity
from switchbay.engagement.monitoring.domain.asked import Asked, Surroundings
from switchbay.engagement.monitoring.wire.bodies import EngagementBody, ReportBody

_IDENTIFIED: Final = "loa1"
_NOT_KNOWN: Final = "NA"


def identities_in(body: EngagementBody | ReportBody) -> list[VisitIdentity]:
    """Those that a body names; the old ``consumerId`` stands for somebody who has identified themselves."""
    found = [VisitIdentity(sub=one.sub, iss=one.iss or "", acr=one.acr) for one in body.identities or ()]
    if body.consumer_id is not None:
        found.append(VisitIdentity(sub=body.consumer_id, acr=_IDENTIFIED))
    return found


def identify(visit: Visit, body: EngagementBody | ReportBody) -> Visit:
    """Add identities; what is said again of the same one counts from now on."""
    said = identities_in(body)
    if not said:
        return visit
    known = {(one.sub, one.iss): one for one in visit.identities}
    known.update({(one.sub, one.iss): one for one in said})
    identities = tuple(known.values())
    return visit if identities == visit.identities else structs.replace(visit, identities=identities)


def describe(visit: Visit, asked: Asked, around: Surroundings) -> Visit:
    """Note address, place and device. On behalf of a visitor, only what the body says is theirs."""
    given = asked.body.client_properties
    address = (given.ip_address if given is not None else None) or ("" if asked.on_behalf else asked.address)
    if address and address != visit.ip:
        visit = structs.replace(visit, ip=address, geo=around.locate(address))
    agent = "" if asked.on_behalf else asked.user_agent
    if agent and agent != visit.user_agent:
        device = around.device_of(agent)
        visit = structs.replace(
            visit,
            user_agent=agent,
            os=visit.os or device.os,
            device_family=device.family if visit.device_family == _NOT_KNOWN else visit.device_family,
        )
    if given is None:
        return visit
    os = given.os or given.os_name or visit.os
    family = given.device_family or visit.device_family
    if os == visit.os and family == visit.device_family:
        return visit
    return structs.replace(visit, os=os, device_family=family)
