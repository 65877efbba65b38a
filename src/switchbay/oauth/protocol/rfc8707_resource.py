"""Resource indicators at the token endpoint (RFC 8707 §2.2): which resource servers an access token is for."""

from collections.abc import Collection, Sequence

from switchbay.oauth.protocol.rfc6749_errors import invalid_target


def choose_resources(asked: Sequence[str], allowed: Collection[str], default: tuple[str, ...]) -> tuple[str, ...]:
    """The audience of the token: what is asked for, which must be part of what is allowed; else the default.

    ``allowed`` is what the grant has, or, for a client's own token, what the account has. Raises
    ``TokenRequestRefused``.
    """
    wanted = tuple(dict.fromkeys(asked))
    unknown = [resource for resource in wanted if resource not in allowed]
    if unknown:
        raise invalid_target(
            "A resource was asked for that this client was not granted.",
            "resource_not_allowed",
            expected=" ".join(sorted(allowed)),
            got=unknown[0],
        )
    return wanted or default
