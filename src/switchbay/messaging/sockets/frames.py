"""Envelopes of the agents' socket: requests in, answers and notifications out (messaging protocol, sections 3.4 on).

A request is known by the last component of its type, so that old and new names are one. Its id is echoed as it came,
whatever JSON value it is. An error is an answer whose code is above 399 and whose body is a sentence.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from switchbay.infra.web import decode_as
from switchbay.kit.errors import AppError, Kind

STRING: Final = ".ReqBody$StringResp"
CLOCK: Final = ".GetClock$Response"
_LONGEST_SENTENCE: Final = 128
_LONGEST_ID: Final = 256
_LONGEST_METADATA: Final = 65_536
_NO_ID: Final = b'""'
_CONFLICT: Final = 409
T = TypeVar("T")
_encode: Final = msgspec.json.Encoder().encode


class Frame(msgspec.Struct, rename="camel"):
    """A request as it came; its body is read when it is known what it is."""

    type: str
    id: msgspec.Raw = msgspec.Raw(_NO_ID)
    kind: str = "req"
    body: msgspec.Raw = msgspec.Raw(b"{}")
    metadata: list[Any] | None = None

    @property
    def name(self) -> str:
        """The last component of the type."""
        return self.type.rpartition(".")[2]

    @property
    def is_new_style(self) -> bool:
        """Whether it has a new name with a room before it, as ``ms.PublishEvent``; ``.ams.ms.PublishEvent`` has not."""
        return "." in self.type and not self.type.startswith(".")


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to a request, and what is told after it."""

    type: str
    body: object
    then: Callable[[], Awaitable[None]] | None = None


_frame: Final = msgspec.json.Decoder(Frame)


def parse_frame(data: bytes) -> Frame:
    """Read a request. Raises ``malformed_json`` and ``invalid_body``."""
    frame = decode_as(data, _frame)
    if frame.kind != "req":
        raise AppError(Kind.INVALID, "invalid_body", "kind must be req.")
    if len(frame.id) > _LONGEST_ID:
        raise AppError(Kind.INVALID, "invalid_body", "The id is too long.")
    return frame


def read_body(frame: Frame, decoder: "msgspec.json.Decoder[T]") -> T:
    """Read a request's body; ``null`` and an absent one are an empty object."""
    raw = bytes(frame.body)
    return decode_as(b"{}" if raw == b"null" else raw, decoder)


def metadata_text(frame: Frame) -> str | None:
    """What a request carries beside its body, as JSON text. Raises ``invalid_body`` when it is too much."""
    if not frame.metadata:
        return None
    encoded = _encode(frame.metadata)
    if len(encoded) > _LONGEST_METADATA:
        raise AppError(Kind.INVALID, "invalid_body", f"metadata is longer than {_LONGEST_METADATA} bytes.")
    return encoded.decode()


def answer(frame: Frame, type_: str, body: object, code: int = 200) -> bytes:
    """The answer to a request."""
    raw = body if isinstance(body, bytes) else _encode(body)
    head = f'{{"kind":"resp","reqId":{bytes(frame.id).decode()},"code":{code},"type":"{type_}","body":'
    return b"".join((head.encode(), raw, b"}"))


def refusal(frame: Frame | None, error: AppError) -> bytes:
    """The answer that says why not. What contradicts the conversation's state is a bad request on this socket."""
    status = error.kind.http_status
    code = 400 if status == _CONFLICT else status
    return answer(frame or Frame(""), STRING, error.message[:_LONGEST_SENTENCE], code)


def notification(type_: str, body: bytes) -> bytes:
    """A notification with a body that is JSON already."""
    return b"".join((b'{"kind":"notification","type":"', type_.encode(), b'","body":', body, b"}"))
