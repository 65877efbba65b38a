"""The receiver of webhooks as a process of its own: nginx where there is one, else the one in ``bench.receiver``.

``/events`` answers 200, ``/failing`` 503, and ``/gated`` 503 until the gate is opened. Every request is in the log.
"""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")

# A request's body is read, and can be logged, only by who needs it: "mirror" reads it and sends it nowhere.
_CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log error;
events {{ worker_connections 8192; }}
http {{
  log_format requests escape=none
    '$msec $status $http_x_liveperson_request_id $http_x_liveperson_client_id '
    '$http_x_liveperson_signature $request_body';
  access_log {log} requests buffer=64k flush=100ms;
  {temporary}
  ssl_certificate {certificate};
  ssl_certificate_key {certificate};
  ssl_protocols TLSv1.2 TLSv1.3;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  client_body_buffer_size 64k;
  server {{
    {listen}
    location = /events {{ mirror /nowhere; empty_gif; error_page 405 =200 @taken; }}
    location = /gated {{
      if (-f {gate}) {{ return 503; }}
      mirror /nowhere; empty_gif; error_page 405 =200 @taken;
    }}
    location = /failing {{ return 503; }}
    location = /nowhere {{ internal; return 204; }}
    location @taken {{ return 200; }}
  }}
}}
"""
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def _nginx_config(folder: Path, certificate: Path, ports: range, log: Path, gate: Path) -> str:
    assert NGINX is not None
    built = subprocess.run([NGINX, "-V"], capture_output=True, text=True, check=True).stderr
    kinds = [kind for kind in _TEMPORARY if f"--without-http_{kind}_module" not in built]
    return _CONFIG.format(
        folder=folder,
        log=log,
        certificate=certificate,
        gate=gate,
        temporary=" ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
        listen=" ".join(f"listen 127.0.0.1:{port} ssl;" for port in ports),
    )


class Endpoints:
    """The receiver, listening on consecutive ports."""

    def __init__(self, folder: Path, certificate: Path, ports: range) -> None:
        self.log = folder / "requests.log"
        self.ports = ports
        self._gate = folder / "gate-is-closed"
        self.log.touch()
        if NGINX is not None:
            config = folder / "nginx.conf"
            config.write_text(_nginx_config(folder, certificate, ports, self.log, self._gate))
            words = [NGINX, "-p", str(folder), "-c", str(config)]
            self._process = subprocess.Popen(words)
        else:
            words = ["--port", str(ports[0]), "--ports", str(len(ports)), "--certificate", str(certificate)]
            words += ["--log", str(self.log), "--gate", str(self._gate)]
            words = [sys.executable, "-m", "bench.receiver", *words]
            self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL)

    @property
    def kind(self) -> str:
        """What it is made of."""
        return "nginx" if NGINX is not None else "Python"

    def url(self, path: str, place: int = 0) -> str:
        """The address of an endpoint."""
        return f"https://localhost:{self.ports[place]}/{path}"

    def close_gate(self) -> None:
        """Have ``/gated`` answer 503."""
        self._gate.touch()

    def open_gate(self) -> None:
        """Have ``/gated`` answer 200."""
        self._gate.unlink(missing_ok=True)

    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def cpu_seconds(self) -> float:
        """Processor time so far."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def stop(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def bytes_logged(self) -> int:
        """How long the log is."""
        return self.log.stat().st_size

    def settle(self, expected: int, since: int, quiet_seconds: float) -> None:
        """Wait until ``expected`` requests were logged from byte ``since`` on, or none came for ``quiet_seconds``."""
        lines, place, last = 0, since, time.monotonic()
        with self.log.open("rb") as log:
            log.seek(place)
            while lines < expected:
                part = log.read(1 << 22)
                if part:
                    lines += part.count(b"\n")
                    last = time.monotonic()
                elif time.monotonic() - last > quiet_seconds:
                    return
                else:
                    time.sleep(0.02)
