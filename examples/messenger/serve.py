"""Serves the page with the web messenger at a free port of this machine, and tells its address as a line of JSON.

python serve.py --port 8000
"""

import argparse
import functools
import http.server
import json
from pathlib import Path
from typing import Any

_FILES = frozenset({"/", "/index.html", "/page.css", "/page.js"})


class _Pages(http.server.SimpleHTTPRequestHandler):
    """Nothing of the folder but the page and what it loads."""

    def send_head(self) -> Any:  # noqa: ANN401 - as the base class has it
        """Answer the head of a request, or that there is no such file."""
        if self.path.partition("?")[0] not in _FILES:
            self.send_error(404)
            return None
        return super().send_head()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description="A page with the web messenger.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    options = parser.parse_args()
    handler = functools.partial(_Pages, directory=str(Path(__file__).resolve().parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", options.port), handler) as server:
        print(json.dumps({"address": f"http://localhost:{server.server_port}"}), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
