"""What a file really is: clients claim what they like (one claims PNG for everything), the bytes tell."""

import codecs
import re
from typing import Final

from switchbay.messaging.files.domain import FileType

_SIGNATURES: Final = (
    (b"\xff\xd8\xff", FileType.JPEG),
    (b"\x89PNG\r\n\x1a\n", FileType.PNG),
    (b"GIF87a", FileType.GIF),
    (b"GIF89a", FileType.GIF),
    (b"%PDF-", FileType.PDF),
)
_HEAD_BYTES: Final = 8
# What no text has: control characters other than tab, line and page breaks, and the escape of terminals' colours.
_NOT_TEXT: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


class Detector:
    """Told the bytes of a file as they come, says in the end what the file is."""

    def __init__(self) -> None:
        self._head = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_text = True

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        if len(self._head) < _HEAD_BYTES:
            self._head += chunk[: _HEAD_BYTES - len(self._head)]
        if self._is_text:
            self._is_text = _NOT_TEXT.search(chunk) is None and self._is_utf8(chunk, final=False)

    def type(self) -> FileType | None:
        """What the file is, after its last byte; None if it is none of the types that are exchanged.

        Text is UTF-8. Programs in it (HTML, SVG, scripts) are text like any other and are only ever served as such.
        """
        for signature, found in _SIGNATURES:
            if self._head.startswith(signature):
                return found
        return FileType.TXT if self._is_text and self._is_utf8(b"", final=True) else None

    def _is_utf8(self, chunk: bytes, *, final: bool) -> bool:
        try:
            self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            return False
        return True
