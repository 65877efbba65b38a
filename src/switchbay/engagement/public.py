"""The door of the engagement room: what assembly builds."""

from switchbay.engagement.configuration.campaigns import Campaigns
from switchbay.engagement.configuration.publishing import Offers

__all__ = ["Campaigns", "Offers"]
