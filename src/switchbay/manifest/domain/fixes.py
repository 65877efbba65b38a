"""Mending manifests by the remedies of their reports."""

from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.patching import fix_until_done
from switchbay.manifest.domain.checking import check_value
from switchbay.manifest.domain.model import Options


def fix_all(value: JsonValue, options: Options) -> JsonValue:
    """The document after checking and patching in turns until no finding offers a patch any more."""
    return fix_until_done(value, lambda given: check_value(given, options, {}).issues)
