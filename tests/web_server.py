"""A web server for tests, which serves the files of a folder and misbehaves as told.

It is a process of its own: GDAL holds the GIL during some requests, so a thread could not answer them.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event
from urllib.request import Request, urlopen


@dataclass
class Behaviour:
    """What the server does from now on."""

    codes: list[int] = field(default_factory=list)
    """Answer these codes to the next requests for files that exist."""
    silent_from: int | None = None
    """Say nothing to requests for this byte of a file, or later ones."""
    etags: bool = True


@dataclass(frozen=True)
class WebServer:
    """A running server."""

    root: str

    def url(self, name: str) -> str:
        return self.root + name

    def behave(self, **changes) -> None:
        """Change the server's behaviour."""
        with urlopen(Request(self.root, json.dumps(changes).encode(), method="PUT")):
            pass

    def codes(self) -> list[int]:
        """Codes that are still to be answered."""
        with urlopen(Request(self.root, method="OPTIONS")) as answer:
            return json.load(answer)

    def wait_for_silence(self) -> None:
        """Wait until a request waits in vain."""
        with urlopen(Request(self.root, method="PATCH"), timeout=30):
            pass


@contextmanager
def serving(folder: Path) -> Iterator[WebServer]:
    """Serve a folder until the block is left."""
    with subprocess.Popen([sys.executable, __file__, folder], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield WebServer(f"http://127.0.0.1:{process.stdout.readline().strip()}/")
        finally:
            process.kill()


def _serve(folder: Path) -> None:
    behaviour, waiting = Behaviour(), Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self):
            changes = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for name, value in changes.items():
                setattr(behaviour, name, value)
            self._send(200)

        def do_OPTIONS(self):
            self._send(200, json.dumps(behaviour.codes).encode())

        def do_PATCH(self):
            waiting.wait()
            self._send(200)

        def do_GET(self):
            path = folder / self.path.strip("/")
            if not path.is_file():
                self._send(404)
                return
            whole = path.read_bytes()
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
            start = int(asked[1]) if asked else 0
            stop = min(int(asked[2]) + 1, len(whole)) if asked and asked[2] else len(whole)
            if behaviour.silent_from is not None and start >= behaviour.silent_from:
                waiting.set()
                Event().wait()
            if behaviour.codes:
                self._send(behaviour.codes.pop(0))
                return
            headers = {"Content-Range": f"bytes {start}-{stop - 1}/{len(whole)}"} if asked else {}
            if behaviour.etags:
                headers["ETag"] = f'"{path.stat().st_mtime_ns}"'
            self._send(206 if asked else 200, whole[start:stop], headers)

        do_HEAD = do_GET

        def _send(self, code, content=b"", headers=()):
            self.send_response(code)
            for header, value in {"Content-Length": len(content), "Accept-Ranges": "bytes", **dict(headers)}.items():
                self.send_header(header, str(value))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
