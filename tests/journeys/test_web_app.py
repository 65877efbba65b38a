"""The sample web application's own care: where it leads people after a sign-in, whatever a link says."""

import importlib.util
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

_PROGRAM = Path(__file__).parent.parent.parent / "examples" / "web_app" / "app.py"
_ORIGIN = "https://localhost:9444"


def _load() -> Callable[[str, str], str]:
    specification = importlib.util.spec_from_file_location("sample_web_app", _PROGRAM)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["sample_web_app"] = module
    with warnings.catch_warnings(record=True):  # Authlib would rather have another HTTP client
        specification.loader.exec_module(module)
    found: Callable[[str, str], str] = module.own_path
    return found


own_path = _load()


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (f"{_ORIGIN}/orders?id=1#top", "/orders?id=1#top"),
        (f"{_ORIGIN}/", "/"),
        (f"{_ORIGIN}/appentry", "/"),
        (_ORIGIN, "/"),
        ("", "/"),
        ("/orders", "/"),
        ("https://evil.example/orders", "/"),
        (f"{_ORIGIN}.evil.example/", "/"),
        (f"{_ORIGIN}@evil.example/", "/"),
        ("http://localhost:9444/orders", "/"),
        (f"{_ORIGIN}//evil.example/x", "/evil.example/x"),
        (f"{_ORIGIN}/\\evil.example/x", "/evil.example/x"),
        (f"{_ORIGIN}\\@evil.example/x", "/"),
        ("https://[::1/", "/"),
    ],
)
def test_people_are_led_to_the_apps_own_pages_only(asked: str, shown: str) -> None:
    assert own_path(_ORIGIN, asked) == shown


@given(st.text(alphabet="/\\@:.?#ae%[]\t\r\n ", max_size=30))
def test_no_path_leads_to_another_host(rest: str) -> None:
    shown = own_path(_ORIGIN, _ORIGIN + rest)
    # Browsers drop tabs and line ends, and take a backslash for a slash.
    as_browsers_read_it = "".join(char for char in shown if char not in "\t\r\n").replace("\\", "/")
    assert urlsplit(urljoin(f"{_ORIGIN}/callback", as_browsers_read_it)).netloc == "localhost:9444"
