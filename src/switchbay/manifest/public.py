"""The door of the manifest room: check a manifest, fill, mend, export and compare it.

A manifest is what an application says about itself when it is installed. One check serves the API, the command line,
the console and the published JSON Schema; ``docs/reference/manifest.md`` describes the document, and
``docs/reference/findings.md`` everything that a check can find.
"""

from collections.abc import Mapping

from switchbay.kit.findings import Code, Finding, Fix, Patch, Place, SetVariable, Severity, Summary
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.patching import apply_fixes, apply_patch
from switchbay.kit.shown import mask_user_info
from switchbay.manifest.domain import checking
from switchbay.manifest.domain.codes import CATALOGUE
from switchbay.manifest.domain.diff import Change, diff
from switchbay.manifest.domain.export import export, redact
from switchbay.manifest.domain.findings import AppliedDefault, Report
from switchbay.manifest.domain.fixes import fix_all
from switchbay.manifest.domain.localised import localise, look_up
from switchbay.manifest.domain.logo import logo_finding
from switchbay.manifest.domain.model import Engagement, Manifest, Options, Webhook
from switchbay.manifest.domain.normal import engagement_of
from switchbay.manifest.domain.placeholders import Filled, FilledTooLarge, fill_text, fill_value
from switchbay.manifest.domain.schema import json_schema
from switchbay.manifest.domain.uris import is_loopback
from switchbay.manifest.domain.vocabulary import ALL_CONVERSATIONS, CANONICAL_EVENTS, SERVER_FIELDS

__all__ = [
    "ALL_CONVERSATIONS",
    "CANONICAL_EVENTS",
    "CATALOGUE",
    "SERVER_FIELDS",
    "AppliedDefault",
    "Change",
    "Code",
    "Engagement",
    "Filled",
    "FilledTooLarge",
    "Finding",
    "Fix",
    "Manifest",
    "Options",
    "Patch",
    "Place",
    "Report",
    "SetVariable",
    "Severity",
    "Summary",
    "Webhook",
    "apply_fixes",
    "apply_patch",
    "check_text",
    "check_value",
    "diff",
    "engagement_of",
    "export",
    "fill",
    "fill_text",
    "fill_value",
    "fix_all",
    "is_loopback",
    "json_schema",
    "localise",
    "logo_finding",
    "look_up",
    "mask_user_info",
    "redact",
]


def check_text(data: bytes, options: Options | None = None, variables: Mapping[str, str] | None = None) -> Report:
    """Check a manifest as it was written, with line and column of each finding. Never raises for bad input.

    ``variables`` fill placeholders before the check; positions stay those of the text as given.
    """
    return checking.check_text(data, options or Options(), variables or {})


def check_value(value: JsonValue, options: Options | None = None, variables: Mapping[str, str] | None = None) -> Report:
    """Check a manifest that was already parsed. Never raises for bad input."""
    return checking.check_value(value, options or Options(), variables or {})


def fill(value: JsonValue, variables: Mapping[str, str]) -> Filled:
    """Fill the placeholders of a parsed document; ``fill_text`` does the same to a text and keeps its layout.

    Raises ``FilledTooLarge``, a ValueError, when the values put in are larger together than a manifest may be.
    """
    return fill_value(value, variables)
