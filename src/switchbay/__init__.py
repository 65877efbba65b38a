"""Switchbay: an open, self-hosted application platform for conversational messaging."""

__version__ = "0.1.0.dev0"
