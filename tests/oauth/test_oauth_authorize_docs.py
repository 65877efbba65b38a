"""The reference names every code, error and reason with which the authorization endpoint refuses a request."""

import ast
import re
from pathlib import Path

_ROOT = Path(__file__).parent.parent.parent
_OAUTH = _ROOT / "src" / "switchbay" / "oauth"
_SOURCES = (
    _OAUTH / "protocol" / "rfc6749_authorization.py",
    _OAUTH / "protocol" / "oidc_interaction.py",
    _OAUTH / "service" / "authorize.py",
    _OAUTH / "routes" / "authorize.py",
)
_WORD = re.compile(r"[a-z][a-z0-9_]+")
_REFUSING = {"PageRefused", "AuthorizeRefused", "_invalid", "_hint_refused", "refuse"}


def _words() -> set[str]:
    """Every stable word that is passed to what refuses, as a constant."""
    found: set[str] = set()
    for source in _SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in _REFUSING:
                texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
                found.update(text for text in texts if isinstance(text, str) and _WORD.fullmatch(text))
    return found


def test_every_refusal_is_in_the_reference() -> None:
    words = _words()
    assert {"redirect_uri_mismatch", "access_denied", "pkce_method", "temporarily_unavailable"} <= words
    documented = set(re.findall(r"`([a-z0-9_]+)`", (_ROOT / "docs" / "reference" / "authorization.md").read_text()))
    assert sorted(words - documented) == []
