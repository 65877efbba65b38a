"""Measuring Switchbay on this machine: ``make bench`` and ``make soak``. Nothing here is part of the product."""
