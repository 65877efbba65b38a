"""An S3-compatible server in a process of its own, over TLS, which verifies signatures and permissions."""

import os
import re
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.certs import Authority

BUCKET = "bay-files"
_SCOPE = "AWS4-HMAC-SHA256 Credential=setup/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0"
_POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
_SET_UP_REQUESTS = 4  # after them the server believes nobody without a right signature


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where it is, whom it believes, and who signs for it."""

    endpoint: str
    key: str
    secret: str
    ca_file: Path


@contextmanager
def s3_server(authority: Authority) -> Iterator[S3Server]:
    """Run the server with one empty bucket, and one user who may use it."""
    pem = authority.server_file("localhost")
    port = _free_port()
    arguments = ["-H", "127.0.0.1", "-p", str(port), "-c", str(pem), "-k", str(pem)]
    process = subprocess.Popen(  # noqa: S603 - a program of our own dependencies
        [sys.executable, "-c", "import sys; from moto.server import main; main(sys.argv[1:])", *arguments],
        env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(_SET_UP_REQUESTS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        endpoint = f"https://localhost:{port}"
        _wait_for(port, process)
        key, secret = _set_up(endpoint, ssl.create_default_context(cafile=authority.ca_file))
        yield S3Server(endpoint, key, secret, authority.ca_file)
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the S3 server has ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the S3 server does not listen")


def _set_up(endpoint: str, tls: ssl.SSLContext) -> tuple[str, str]:
    _iam(endpoint, tls, Action="CreateUser")
    _iam(endpoint, tls, Action="PutUserPolicy", PolicyName="all", PolicyDocument=_POLICY)
    answer = _iam(endpoint, tls, Action="CreateAccessKey")
    request = urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")  # noqa: S310 - on this machine
    urllib.request.urlopen(request, context=tls, timeout=20).close()  # noqa: S310 - likewise
    key, secret = (re.search(f"<{name}>([^<]+)<", answer) for name in ("AccessKeyId", "SecretAccessKey"))
    assert key is not None
    assert secret is not None
    return key[1], secret[1]


def _iam(endpoint: str, tls: ssl.SSLContext, **parameters: str) -> str:
    form = urllib.parse.urlencode({"Version": "2010-05-08", "UserName": "switchbay", **parameters}).encode()
    request = urllib.request.Request(endpoint + "/", form, {"Authorization": _SCOPE})  # noqa: S310 - on this machine
    with urllib.request.urlopen(request, context=tls, timeout=20) as answer:  # noqa: S310 - likewise
        return str(answer.read().decode())
