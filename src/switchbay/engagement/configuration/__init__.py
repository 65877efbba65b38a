"""The configuration of engagements: campaigns and all that they are made of, and what of it is published."""
