"""All SQL of history. Functions take a transaction and never commit."""
