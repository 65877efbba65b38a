"""All SQL of the apps room. Functions take a transaction and never commit."""
