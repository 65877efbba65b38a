"""Routing: which waiting conversation is offered to which agent, and what becomes of the offer."""
