"""What is found about a logo once somebody fetched it, worded like the rest of the report."""

from switchbay.kit.findings import Finding, Severity
from switchbay.manifest.domain.codes import CATALOGUE, LOGO_CODES
from switchbay.manifest.domain.findings import HELP_PAGE
from switchbay.manifest.domain.model import Options

_MESSAGES = {
    "logo_size": ("the logo does not measure 70 by 70 pixels", "70 by 70 pixels"),
    "logo_relative": ("the logo's address is relative, so nobody can fetch it", "an https address"),
    "logo_unreachable": ("the logo could not be fetched", "an address that answers with a picture"),
    "logo_type": ("what stands at the logo's address is no picture with pixels", "a PNG, JPEG, GIF or WebP"),
}


def logo_finding(code: str, got: str, options: Options) -> Finding:
    """A finding about the fetched logo; ``got`` says in short what was there, such as ``64x64``.

    ``code`` is one of ``logo_size``, ``logo_unreachable``, ``logo_type``, ``logo_relative``.
    """
    if code not in LOGO_CODES:
        raise ValueError(f"{code} is no finding about a logo")
    severity = Severity.ERROR if options.logo_policy == "enforce" else CATALOGUE[code].severity
    message, expected = _MESSAGES[code]
    return Finding(code, severity, "/logo_uri", None, None, message, got, expected, None, (), f"{HELP_PAGE}#{code}")
