"""The receivers of "make bench" answer and log alike, nginx and its stand-in."""

import http.client
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.endpoints import NGINX, Endpoints
from bench.ledger import Arrival, arrivals
from bench.stage import await_port, free_ports

from switchbay.infra.tls import ensure_certificate, ssl_context_for_client


@pytest.fixture(params=["Python", "nginx"])
def receiver(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoints]:
    """A receiver on three ports."""
    if request.param == "nginx" and NGINX is None:
        pytest.skip("nginx is not installed")
    if request.param == "Python":
        monkeypatch.setattr("bench.endpoints.NGINX", None)  # as on a machine without it
    made = Endpoints(tmp_path, ensure_certificate(tmp_path, ("localhost",), "receiver"), free_ports(3))
    try:
        await_port(made.ports[-1])
        yield made
    finally:
        made.stop()


def _post(receiver: Endpoints, folder: Path, path: str, body: bytes) -> int:
    context = ssl_context_for_client(folder / "ca" / "ca.pem")
    connection = http.client.HTTPSConnection("localhost", receiver.ports[1], context=context, timeout=30)
    try:
        headers = {"X-Liveperson-Request-Id": "dlv_1", "X-Liveperson-Client-Id": "app", "X-Liveperson-Signature": "s="}
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def _logged(receiver: Endpoints, count: int) -> list[Arrival]:
    receiver.settle(count, 0, quiet_seconds=30)
    return list(arrivals(receiver.log))


def test_what_was_taken_is_logged_with_its_exact_body(receiver: Endpoints, tmp_path: Path) -> None:
    before = time.time_ns() // 1_000_000
    body = '{"message":"ä \\n \\"x\\""}'.encode()
    assert _post(receiver, tmp_path, "/events", body) == 200
    [came] = _logged(receiver, 1)
    assert (came.status, came.request_id, came.client_id, came.signature, came.body) == (
        200,
        "dlv_1",
        "app",
        "s=",
        body,
    )
    assert before - 1_000 <= came.at_ms <= time.time_ns() // 1_000_000 + 1_000


def test_a_failing_endpoint_is_logged_as_one(receiver: Endpoints, tmp_path: Path) -> None:
    assert _post(receiver, tmp_path, "/failing", b"{}") == 503
    assert [each.status for each in _logged(receiver, 1)] == [503]


def test_a_gated_endpoint_fails_until_its_gate_is_opened(receiver: Endpoints, tmp_path: Path) -> None:
    receiver.close_gate()
    assert _post(receiver, tmp_path, "/gated", b"{}") == 503
    receiver.open_gate()
    assert _post(receiver, tmp_path, "/gated", b"{}") == 200


def test_waiting_ends_when_nothing_comes_any_more(receiver: Endpoints) -> None:
    receiver.settle(1, 0, quiet_seconds=0.05)
    assert receiver.bytes_logged() == 0


def test_endpoints_speak_tls_with_a_certificate_of_their_folder(receiver: Endpoints) -> None:
    connection = http.client.HTTPSConnection(
        "localhost", receiver.ports[0], context=ssl.create_default_context(), timeout=30
    )
    with pytest.raises(ssl.SSLError):  # its authority is this folder's own, which the system does not know
        connection.request("POST", "/events", b"{}")
    connection.close()
