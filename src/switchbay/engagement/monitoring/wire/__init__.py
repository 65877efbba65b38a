"""Bodies of the Monitoring API and its neighbours: what they may hold, and how answers look."""
