"""What a manifest is, what may be wrong with it and what it means: pure, over JSON values."""
