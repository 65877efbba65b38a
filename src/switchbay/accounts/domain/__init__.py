"""Frozen types, rules and decisions of accounts, users, sessions, login throttling and the audit log: no I/O."""
