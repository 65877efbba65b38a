"""Visits: what clients report of them, and which offer they get for it (the Monitoring API)."""
