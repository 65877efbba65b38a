"""Installed applications: installing, changing and removing them, their credentials, and their logos."""
