"""Campaigns, conditions and visits, without I/O."""
