"""The ``switchbay`` command: for the host's operator, for users of a server, and for developers without one."""
