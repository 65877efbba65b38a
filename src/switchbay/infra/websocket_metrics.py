"""What is counted of WebSocket connections."""

from typing import Final

from prometheus_client import Counter, Gauge

OPEN_SOCKETS: Final = Gauge("switchbay_sockets_open", "WebSocket connections that are open.")
FRAMES_IN: Final = Counter("switchbay_socket_messages_received", "Messages that came over WebSocket connections.")
FRAMES_OUT: Final = Counter("switchbay_socket_messages_sent", "Messages that were sent over WebSocket connections.")
CLOSED_SLOW: Final = Counter("switchbay_sockets_closed_slow", "Connections closed because their peer did not read.")
