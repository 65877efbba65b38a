"""Fixtures of the manifest room."""

from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def examples() -> Path:
    """The folder of the two manifests that the original document prints."""
    return _ROOT / "examples" / "manifests"


@pytest.fixture
def reference() -> Path:
    """The folder of the reference pages."""
    return _ROOT / "docs" / "reference"
