"""What a request does to a visit, and what it is answered, without I/O."""
