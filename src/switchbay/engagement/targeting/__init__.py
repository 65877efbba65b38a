"""Targeting: which engagements a visitor may be offered, which one is, and why. Values in, values out; no I/O."""
