"""Serves the demo shop: static pages, with the address of a server, an account and an app put into them.

    python examples/shop/serve.py --server https://localhost:8443 --account tour --app APP_ID --port 8000

With ``--certificate`` it speaks https. It prints its address as JSON and runs until it is ended. The header
Content-Security-Policy shows all that a page with the web tag and the messenger has to allow.
"""

import argparse
import json
import ssl
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_PAGES = Path(__file__).parent / "pages"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def policy(server: str) -> str:
    """What pages may load: their own files, and from the server the two scripts, their calls and pictures."""
    return (
        f"default-src 'none'; script-src 'self' {server}; connect-src {server} {server.replace('http', 'ws', 1)}; "
        "style-src 'self'; img-src 'self' data: https:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types switchbay"
    )


def read_pages(server: str, account: str, app: str) -> dict[str, tuple[str, bytes]]:
    """Every file of the shop by its path, with its type."""
    found = {}
    for file in _PAGES.iterdir():
        content = file.read_bytes()
        if file.suffix == ".html":
            for name, value in (("SERVER", server), ("ACCOUNT", account), ("APP", app)):
                content = content.replace(f"SWITCHBAY_{name}".encode(), value.encode())
        found[f"/{file.name}"] = (f"{_TYPES[file.suffix]}; charset=utf-8", content)
    return found | {"/": found["/index.html"]}


class Handler(BaseHTTPRequestHandler):
    """Answers GET with a file."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def __init__(self, pages: dict[str, tuple[str, bytes]], server_policy: str, *given: object) -> None:
        self._pages = pages
        self._policy = server_policy
        super().__init__(*given)  # type: ignore[arg-type]  # what the server gives to any handler

    def do_GET(self) -> None:
        """Send a file of the shop, or say that there is none."""
        kind, content = self._pages.get(urlsplit(self.path).path, ("text/plain", b"There is no such page.\n"))
        self.send_response(HTTPStatus.NOT_FOUND if kind == "text/plain" else HTTPStatus.OK)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(content))),
            ("Content-Security-Policy", self._policy),
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-cache"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing: what is printed is read by the demo."""


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="shop", description="Serves the demo shop.")
    parser.add_argument("--server", required=True, help="address of the Switchbay server")
    parser.add_argument("--account", required=True)
    parser.add_argument("--app", required=True, help="id of the app that offers engagements")
    parser.add_argument("--port", type=int, default=8000, help="0: any that is free")
    parser.add_argument("--certificate", type=Path, help="PEM file with certificate and key; without it: http")
    given = parser.parse_args()
    server = given.server.rstrip("/")
    pages = read_pages(server, given.account, given.app)
    httpd = ThreadingHTTPServer(("127.0.0.1", given.port), partial(Handler, pages, policy(server)))
    scheme = "http"
    if given.certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(given.certificate)
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https"
    print(json.dumps({"address": f"{scheme}://localhost:{httpd.server_port}"}), flush=True)
    try:
        httpd.serve_forever()
    except KeyboardInterrupt:
        httpd.server_close()


if __name__ == "__main__":
    main()
