"""What goes wrong before a response begins."""

import ssl


class Failed(Exception):
    """A call that ends before a response: the word, the detail for people, and the address if there was one.

    ``is_final`` says that another address of the same name would fare no better.
    """

    def __init__(self, failure: str, detail: str, address: str | None = None, *, is_final: bool = False) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail
        self.address = address
        self.is_final = is_final


def reason_of(error: OSError) -> str:
    """Why a connection was not made or ended, in the words of whoever refused."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate was not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    return error.strerror or str(error) or type(error).__name__
