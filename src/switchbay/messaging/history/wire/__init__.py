"""Reading the requests of history, and writing its records."""
