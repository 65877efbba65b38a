"""Pure helpers that every room may use. Nothing here does I/O or imports another room."""
