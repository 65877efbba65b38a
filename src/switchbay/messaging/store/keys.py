"""The keys by which rows are looked up."""

from typing import TypeAlias

Key: TypeAlias = tuple[str, str]
"""An account's id and the id of something in it."""
