"""What structured content may hold, how it is checked, and its JSON Schema: pure, over JSON values."""
