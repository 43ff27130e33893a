"""A clinic's website on a different origin from the service: files from memory, served on localhost.

The service is at 127.0.0.1, so browsers treat the two as different sites. Never: answers anything but GET.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePath

KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


@dataclass(frozen=True)
class Website:
    """`files`: name to text; a file added here is served at once."""

    url: str
    files: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def website(**files: str) -> Iterator[Website]:
    """A website that is up until the block ends."""
    kept: dict[str, str] = {}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.partition("?")[0].removeprefix("/")
            found = kept.get(name)
            body = (found or "").encode()
            self.send_response(200 if found is not None else 404)
            self.send_header(
                "content-type", f"{KINDS.get(PurePath(name).suffix, 'text/plain')}; charset=utf-8"
            )
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kept.update(files)
        yield Website(f"http://localhost:{server.server_port}", kept)
        server.shutdown()
