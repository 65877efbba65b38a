"""Frozen values of which several are made for every message: like frozen dataclasses, made in a tenth of the time.

``msgspec.structs.replace`` makes a changed copy, as ``dataclasses.replace`` does of a dataclass.
"""

from msgspec import Struct
from msgspec.structs import asdict


class Record(Struct, frozen=True):
    """A frozen value. What shows it leaves out bytes and pairs of headers: they may hold what is nobody's business."""

    def __repr__(self) -> str:
        """The fields that may be shown."""
        shown = ", ".join(
            f"{name}={value!r}"
            for name, value in asdict(self).items()
            if name not in {"body", "headers", "response_body", "response_headers"}
        )
        return f"{type(self).__name__}({shown})"
