"""The pages of an account's people: so far the quick-launch menu."""
