"""Fixtures for the plumbing's tests."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from support.certs import Authority, make_authority

_ON_BOTH = {"test_egress_calls.py", "test_egress_identity.py", "test_egress_proxy.py"}


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority that only those who are told of it trust."""
    folder: Path = tmp_path_factory.mktemp("authority")
    return make_authority(folder)


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Outbound calls are tried on both event loops, since their transports and errors differ."""
    if item.path.name not in _ON_BOTH:
        return {"asyncio": asyncio.new_event_loop}
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
