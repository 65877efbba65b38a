"""What the configuration decides without I/O."""
