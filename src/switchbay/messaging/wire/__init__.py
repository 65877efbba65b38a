"""Bodies of the Send API and of webhook notifications: parsed to domain types, rendered from them."""
