"""The door of the webhooks room: configure an app's endpoints, publish events, look at what became of them."""

from switchbay.webhooks.domain import Endpoint, Notification, Owner, Reason, Status
from switchbay.webhooks.owners import remove_owner, set_owner
from switchbay.webhooks.service import Webhooks
from switchbay.webhooks.store.listing import AttemptDetail, DeliveryDetail, DeliveryFilter, DeliverySummary

__all__ = [
    "AttemptDetail",
    "DeliveryDetail",
    "DeliveryFilter",
    "DeliverySummary",
    "Endpoint",
    "Notification",
    "Owner",
    "Reason",
    "Status",
    "Webhooks",
    "remove_owner",
    "set_owner",
]
