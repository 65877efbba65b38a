"""All plumbing that does I/O: settings, database, outbound calls, keys, clock, log, metrics, web, TLS."""
