"""What is counted when everything happens at once."""

import asyncio

from support.monitoring_stage import offer
from support.offers_stage import Offered, OffersStage

VISITORS = 12


async def test_reports_and_conversations_of_the_same_sessions_at_once_count_each_offer_once(stage: OffersStage) -> None:
    stage.publish(offer(), offer(11))
    offers = [await stage.offer() for _ in range(VISITORS)]

    async def talk(offered: Offered, number: int) -> None:
        await asyncio.gather(
            stage.report(offered.session, offered.impression("impDisplay"), offered.impression("impAccept")),
            stage.open(offered.opening(), idempotency_key=f"visitor-{number}"),
            stage.open(offered.opening(), idempotency_key=f"visitor-{number}"),
            stage.report(offered.session, offered.impression("impDisplay"), offered.impression("impClose")),
            stage.open(offered.opening(), consumer="other-consumer"),
            stage.report(offered.session, {"type": "lead", "lead": {"topic": "tea"}}),
        )

    await asyncio.gather(*(talk(offered, number) for number, offered in enumerate(offers)))
    once = dict.fromkeys(("offered", "displayed", "accepted", "closed", "conversations"), VISITORS)
    assert await stage.counted() == once
    for offered in offers:
        context = await stage.context(offered)
        assert None not in (context.displayed, context.clicked, context.declined, context.interacted)
        assert len((await stage.visit(offered)).leads) == 1
