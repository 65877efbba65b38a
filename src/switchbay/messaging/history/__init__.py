"""History: what was said and done in conversations, found again, exported, kept for a time and erased."""
