"""The directory of services (the Domain API): which host serves which service name.

One deployment serves every service from one ``host[:port]``, so each name has the same address. Names are
case-sensitive and never carry a scheme, because clients put ``https://`` or ``wss://`` before them.
"""

SERVICES = (
    "accountConfigReadOnly",
    "accountConfigReadWrite",
    "adminArea",
    "agentVep",
    "asyncMessagingEnt",
    "facadeMsg",
    "idp",
    "leCdnDomain",
    "liveEngageUI",
    "msgHist",
    "runtimeFormLogic",
    "sentinel",
    "smt",
    "swift",
    "visitorFeed",
)


def base_uri(account_id: str, service: str, host: str) -> dict[str, str]:
    """One entry of the directory."""
    return {"service": service, "account": account_id, "baseURI": host}


def base_uris(account_id: str, host: str) -> list[dict[str, str]]:
    """Every entry of the directory for an account; ``host`` is ``host[:port]``."""
    return [base_uri(account_id, service, host) for service in SERVICES]
