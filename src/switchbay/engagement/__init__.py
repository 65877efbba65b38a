"""Engagements: campaigns, what they target, visits, and the offer to the visitor."""
