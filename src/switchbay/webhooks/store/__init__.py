"""All SQL of the webhooks room. Functions take a transaction and never commit."""
