"""Fixtures for the plumbing's tests."""

from pathlib import Path

import pytest

from support.certs import Authority, make_authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority that only those who are told of it trust."""
    folder: Path = tmp_path_factory.mktemp("authority")
    return make_authority(folder)
