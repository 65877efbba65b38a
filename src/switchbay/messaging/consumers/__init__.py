"""Consumers who come by themselves, over a socket of their own (messaging protocol, section 3.8)."""
