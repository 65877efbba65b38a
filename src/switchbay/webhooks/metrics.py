"""Numbers of the delivery engine for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

ATTEMPTS = Counter("switchbay_webhook_attempts", "Webhook requests that were made, by what they led to.", ["outcome"])
CANCELLED = Counter("switchbay_webhook_cancelled", "Deliveries that were cancelled before they were sent.", ["reason"])
EXPIRED = Counter("switchbay_webhook_expired", "Held deliveries that were given up when their retention was over.")
GATES_CLOSED = Counter("switchbay_webhook_gates_closed", "Gates that were closed by an endpoint's failure.")
LOST_LANES = Counter("switchbay_webhook_lost_lanes", "Results ignored because another node had taken the lane over.")
BREAKERS_OPENED = Counter("switchbay_webhook_breakers_opened", "Times that a breaker opened, a failed probe included.")
RATE_DELAYED = Counter("switchbay_webhook_rate_delayed", "Times that a delivery waited for its endpoint's rate limit.")
ENDPOINT_CHANGES = Counter("switchbay_webhook_endpoint_changes", "Endpoints that changed their state.", ["state"])
SWEPT_LANES = Counter("switchbay_webhook_swept_lanes", "Lanes taken over by the sweep after a crash, a wait or a stop.")
REQUEST_SECONDS = Histogram(
    "switchbay_webhook_request_seconds",
    "Time from the beginning of a webhook request to the end of its response.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
DELIVERY_SECONDS = Histogram(
    "switchbay_webhook_delivery_seconds",
    "Time from the event to its delivery, retries included.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30, 60, 150, 600, 3600),
)


class Level:
    """A number that goes up and down with every delivery, on the event loop: its gauge reads it when it is asked."""

    __slots__ = ("_value",)

    def __init__(self, gauge: Gauge) -> None:
        self._value = 0
        gauge.set_function(lambda: self._value)

    def inc(self) -> None:
        """One more."""
        self._value += 1

    def dec(self) -> None:
        """One less."""
        self._value -= 1


IN_FLIGHT = Level(Gauge("switchbay_webhook_in_flight", "Webhook requests under way on this node."))
LANES = Level(Gauge("switchbay_webhook_lanes", "Lanes that this node holds in memory."))
