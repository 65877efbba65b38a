"""Installed applications as values: clients, installations, their secrets, and conditions of changes. Pure."""
