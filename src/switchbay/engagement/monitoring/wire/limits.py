"""Types of members with their bounds. What is larger is refused; the reference names no limits of its own."""

from typing import Annotated, Final, TypeAlias

from msgspec import Meta

BODY_BYTES: Final = 262_144
_MONEY: Final = 1e15
_INTEGER: Final = 2**53 - 1

Name: TypeAlias = Annotated[str, Meta(max_length=256)]
Text: TypeAlias = Annotated[str, Meta(max_length=1_024)]
Address: TypeAlias = Annotated[str, Meta(max_length=4_096)]
Number: TypeAlias = Annotated[float, Meta(ge=-_MONEY, le=_MONEY)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Id: TypeAlias = Annotated[int, Meta(ge=0, le=_INTEGER)]
