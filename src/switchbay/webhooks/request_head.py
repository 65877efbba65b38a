"""What the log keeps of a request's head. Values of custom headers may be credentials and are never kept.

Kept are the lines that nothing else in the log tells: the address, who sent it to whom, the names of custom headers
(made once for an endpoint) and the signatures. The rest follows from the delivery and the attempt.
"""

from collections.abc import Iterable, Sequence

HIDDEN = "(hidden)"
_MOST_URL_CHARACTERS = 1_024
_MOST_NAMES = 40
_MOST_NAME_CHARACTERS = 64
_SIGNATURES = frozenset({"X-Liveperson-Signature", "X-Switchbay-Signature"})
_STANDARD = _SIGNATURES | {"webhook-id", "webhook-timestamp", "webhook-signature"}


def shown_head(url: str, account_id: str, client_id: str, custom: Sequence[str]) -> str:
    """What is the same for each request to an endpoint; ``custom`` are the names of its custom headers."""
    lines = [
        url[:_MOST_URL_CHARACTERS],
        f"X-Liveperson-Account-Id: {account_id}",
        f"X-Liveperson-Client-Id: {client_id}",
        *(f"{name[:_MOST_NAME_CHARACTERS]}: {HIDDEN}" for name in custom[:_MOST_NAMES]),
    ]
    return "\n".join(lines)


def kept_head(shown: str, headers: Iterable[tuple[str, str]], *, has_standard: bool) -> str:
    """What is kept of one request. ``has_standard`` says that the headers of Standard Webhooks are ours."""
    names = _STANDARD if has_standard else _SIGNATURES
    return "\n".join([shown, *[f"{name}: {value}" for name, value in headers if name in names]])


def parse_head(kept: str) -> tuple[str, list[tuple[str, str]]]:
    """The address and the headers of what was kept."""
    url, *lines = kept.split("\n")
    pairs = (line.partition(": ") for line in lines)
    return url, [(name, value) for name, _, value in pairs]
