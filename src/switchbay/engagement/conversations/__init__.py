"""From an offer to a conversation: what the offer says of it, and that the visitor took it up."""
