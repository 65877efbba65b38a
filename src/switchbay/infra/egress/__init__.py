"""The one door for calls to addresses that others choose: webhook endpoints, logos.

It resolves names itself, refuses addresses that are not public (RFC 6890 and what the registries have added since),
connects to exactly the address that was checked, directly or through the operator's proxy, verifies certificates, shows
one of its own where it is given one, follows no redirect, asks for no compression, and reads a bounded response within
a deadline. What goes wrong is a word in the ``Outcome``, not an
exception.
"""

from switchbay.infra.egress.client import Egress, Outcome
from switchbay.infra.egress.identity import BadIdentity, Identity
from switchbay.infra.egress.targets import BadUrl, Target, parse_target

__all__ = ["BadIdentity", "BadUrl", "Egress", "Identity", "Outcome", "Target", "parse_target"]
