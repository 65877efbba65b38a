"""A sample connector: an https endpoint that receives Switchbay's webhooks, checks their signature and shows them.

Only the standard library is used, so that it can be copied into any project and read in one sitting. What matters:

1. Read the raw body first; the signature covers exactly these bytes, so never parse and serialise before checking it.
2. The signature is ``sha1=`` or ``sha256=`` and the HMAC of the body with the app's client secret, in base64 or hex.
   Compare in constant time. While a secret is being rotated, ``X-Switchbay-Signature`` holds one signature for each
   valid secret, separated by commas.
3. Answer 200 or 201 within five seconds; do slow work afterwards. Everything else, redirects too, is a failure and
   the event is sent again.
4. Delivery is at least once: the same ``X-Liveperson-Request-Id`` can come twice. Do not act twice.

    CLIENT_SECRET=… python app.py --certificate server.pem --port 9443
"""

import argparse
import base64
import contextlib
import hmac
import json
import os
import ssl
import sys
import threading
import time
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LARGEST_BODY = 1024 * 1024
REMEMBERED_DELIVERIES = 10_000


def signature_is_good(secret: bytes, body: bytes, header: str | None) -> bool:
    """Check one signature, whichever algorithm and encoding it names."""
    algorithm, separator, given = (header or "").strip().partition("=")
    if not separator or algorithm not in ("sha1", "sha256"):
        return False
    mac = hmac.digest(secret, body, algorithm)
    good_forms = (base64.b64encode(mac), mac.hex().encode())
    return any(hmac.compare_digest(form, given.encode()) for form in good_forms)


def event_type(notification: dict[str, Any]) -> str:
    """Name what happened: the type of the event inside, or of the notification itself for conversation changes."""
    change = notification["body"]["changes"][0]
    return str(change["event"]["type"] if "event" in change else notification["type"])


def summary(notification: dict[str, Any]) -> str:
    """Say in a few words what the notification holds."""
    change = notification["body"]["changes"][0]
    if "result" in change:
        details = change["result"]["conversationDetails"]
        roles = ", ".join(participant["role"] for participant in details["participants"])
        return f"state {details['state']}, stage {details['stage']} ({roles})"
    event = change["event"]
    role = change["originatorMetadata"]["role"]
    if event["type"] == "ContentEvent":
        return f"{role}: {event['message']}"
    if event["type"] == "AcceptStatusEvent":
        return f"{role}: {event['status']} of {event['sequenceList']}"
    return f"{role}: {event.get('chatState', 'a rich message')}"


def published_at(notification: dict[str, Any]) -> int | None:
    """When the event was published, in epoch milliseconds."""
    change = notification["body"]["changes"][0]
    if "result" in change:
        change = {"serverTimestamp": change["result"]["conversationDetails"].get("metaDataLastUpdateTs")}
    at = change.get("serverTimestamp")
    return at if isinstance(at, int) else None


class Seen:
    """Counts how often each delivery came; remembers a bounded number of them."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, delivery: str) -> int:
        """Count this delivery once more; return how often it was seen."""
        with self._lock:
            number = self._counts.pop(delivery, 0) + 1
            self._counts[delivery] = number
            if len(self._counts) > REMEMBERED_DELIVERIES:
                self._counts.popitem(last=False)
            return number


class Webhooks(BaseHTTPRequestHandler):
    """Answers webhooks. One handler object lives as long as its connection, which is kept open between requests."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # of a silent connection, in seconds
    disable_nagle_algorithm = True  # an answer is one small packet; it must not wait for an acknowledgement
    secret: bytes
    as_json = False
    seen = Seen()

    def do_POST(self) -> None:
        """Receive one notification."""
        body = self._read_body()
        if body is None:
            return
        both = (self.headers.get("X-Switchbay-Signature") or "").split(",")
        headers = [self.headers.get("X-Liveperson-Signature"), *both]
        if not any(signature_is_good(self.secret, body, header) for header in headers):
            self._answer(401)
            self._show("?", 0, "BAD SIGNATURE", "")
            return
        try:
            notification = json.loads(body)
            kind, words, published = event_type(notification), summary(notification), published_at(notification)
        except (ValueError, KeyError, IndexError, TypeError):
            self._answer(400)
            self._show("not a notification", 0, "signature ok", "")
            return
        attempt = self.seen.count(self.headers.get("X-Liveperson-Request-Id") or "")
        self._answer(200)
        # Here a real connector hands the notification to its own queue and goes on; it acts only when attempt is 1.
        self._show(kind, attempt, "signature ok", words, published or self._sent_at())

    def do_GET(self) -> None:
        """Say that the connector is there."""
        self._answer(200)

    def _sent_at(self) -> int | None:
        """When this attempt was sent, for events that do not say when they were published (chat states)."""
        text = self.headers.get("X-Liveperson-Timestamp") or ""
        return int(text) if text.isascii() and text.isdigit() else None

    def _read_body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self._answer(411)
            return None
        if int(length) > LARGEST_BODY:
            self._answer(413)
            return None
        return self.rfile.read(int(length))

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if status not in (200, 401, 400):  # the body was not read: this connection cannot go on
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()

    def _show(self, kind: str, attempt: int, signature: str, words: str, published: int | None = None) -> None:
        line = {
            "event": kind,
            "attempt": attempt,
            "latency_ms": None if published is None else int(time.time() * 1000) - published,
            "signature": signature,
            "summary": words,
            "delivery": self.headers.get("X-Liveperson-Request-Id"),
        }
        if self.as_json:
            print(json.dumps(line), flush=True)
        else:  # ascii(): a message must not be able to send control characters to this terminal
            print(
                f"{kind:<34} attempt {attempt}  {line['latency_ms']} ms  {signature}  {ascii(words)[1:-1]}", flush=True
            )

    def log_message(self, *_arguments: object) -> None:
        """Keep the standard access log quiet."""


class HttpsServer(ThreadingHTTPServer):
    """One thread a connection; the TLS handshake happens there too, so that a slow peer delays nobody else."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext) -> None:
        super().__init__(address, Webhooks)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the library
        """Shake hands, then serve the connection."""
        request.settimeout(10)
        try:
            request.do_handshake()
            super().finish_request(request, client_address)
        except (OSError, ssl.SSLError):
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the library
        """A connection that broke is the peer's business."""


def main() -> None:
    """Read the options and serve until interrupted."""
    parser = argparse.ArgumentParser(description="Receive and check Switchbay webhooks.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9443, help="0 takes a free one")
    parser.add_argument("--certificate", required=True, help="PEM file with the certificate chain and the private key")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each delivery")
    options = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(options.certificate)
    server = HttpsServer((options.host, options.port), context)
    # Told before the secret is needed: the address goes into the manifest, and installing that gives the secret.
    print(json.dumps({"address": f"https://localhost:{server.server_address[1]}/webhooks"}), flush=True)
    secret = os.environ.get("CLIENT_SECRET") or sys.stdin.readline().strip()
    if not secret:
        parser.error("give the client secret in the environment variable CLIENT_SECRET or on standard input")
    Webhooks.secret = secret.encode()
    Webhooks.as_json = options.json
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
