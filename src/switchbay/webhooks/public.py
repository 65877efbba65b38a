"""The door of the webhooks room: configure an app's endpoints, publish events, look at what became of them."""

from switchbay.webhooks.client_certificates import CertificateState, certificate_state
from switchbay.webhooks.domain import Endpoint, Notification, Ordering, Owner, Reason, Status, canonical_event_key
from switchbay.webhooks.errors import event_not_subscribed
from switchbay.webhooks.owners import Health, find_health, remove_owner, set_owner
from switchbay.webhooks.service import Webhooks
from switchbay.webhooks.store.listing import AttemptDetail, DeliveryDetail, DeliveryFilter, DeliverySummary
from switchbay.webhooks.store.rewriting import rewrite_bodies
from switchbay.webhooks.wire import render_summary as render_delivery

__all__ = [
    "AttemptDetail",
    "CertificateState",
    "DeliveryDetail",
    "DeliveryFilter",
    "DeliverySummary",
    "Endpoint",
    "Health",
    "Notification",
    "Ordering",
    "Owner",
    "Reason",
    "Status",
    "Webhooks",
    "canonical_event_key",
    "certificate_state",
    "event_not_subscribed",
    "find_health",
    "remove_owner",
    "render_delivery",
    "rewrite_bodies",
    "set_owner",
]
