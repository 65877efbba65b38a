"""All SQL of the oauth room, by what the tables hold. Functions take a transaction and never commit."""
