"""The agents' WebSocket: connections, requests, subscriptions, and who is told what."""
