"""What becomes of an offer from which a conversation has begun (section 9 of the reference)."""

from msgspec import structs

from switchbay.engagement.domain.happenings import Happening
from switchbay.engagement.domain.visit import Visit
from switchbay.engagement.monitoring.domain.impressions import happening


def converse(visit: Visit, context_id: str, conversation_id: str, now: int) -> tuple[Visit, list[Happening]] | None:
    """Note that the visitor accepted an offer by opening a conversation; None if there was no such offer.

    Said again, or of an offer from which another conversation has come, it changes nothing.
    """
    context = next((one for one in visit.contexts if one.id == context_id), None)
    if context is None:
        return None
    if context.interacted is not None:
        return visit, []
    after = structs.replace(context, interacted=now, conversation_id=conversation_id)
    contexts = tuple(after if one is context else one for one in visit.contexts)
    told = [happening(visit, context, "conversation", now)]
    return structs.replace(visit, contexts=contexts), told
