"""A web server for tests, which serves the files of a folder and misbehaves as told.

It is a process of its own: GDAL holds the GIL during some requests, so a thread could not answer them.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Event
from urllib.request import Request, urlopen


@dataclass
class Behaviour:
    """What the server does from now on."""

    codes: list[int] = field(default_factory=list)
    """Answer these codes to the next requests for files that exist; redirects lead to the same URL."""
    silent_from: int | None = None
    """Say nothing to requests for this byte of a file, or later ones."""
    cut: list[int] = field(default_factory=list)
    """Send so many bytes of the next files, and close the connection."""
    ranges: bool = True
    """Whether parts are sent to those who ask for them, and not the whole file."""
    etags: bool = True
    lengths: bool = True
    """Whether the length of a file is told; if not, the end of the connection is its end."""
    fail_each: int = 0
    """Answer 503 to each such request for a file that exists: 10 for every tenth; 0 for none."""
    failing: str = ""
    """End of the names of files that fail so."""


@dataclass(frozen=True)
class Asked:
    """A request for a file that was answered or failed."""

    path: str
    code: int
    start: int
    """First byte of the file."""
    length: int
    """Bytes of it that were sent."""


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

    def asked(self) -> list[Asked]:
        """Requests for files since the last call of this method."""
        with urlopen(Request(self.root, method="DELETE")) as answer:
            return [Asked(**each) for each in json.load(answer)]

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
    asked: list[Asked] = []
    requests = count(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self):
            changes = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for name, value in changes.items():
                setattr(behaviour, name, value)
            self._send(200)

        def do_OPTIONS(self):
            self._send(200, json.dumps(behaviour.codes).encode())

        def do_DELETE(self):
            found = [asdict(each) for each in asked]
            asked.clear()  # before the answer, after which the next request may come at any moment
            self._send(200, json.dumps(found).encode())

        def do_PATCH(self):
            waiting.wait()
            self._send(200)

        def do_GET(self):
            path = folder / self._name
            if not path.is_file():
                self._answer(404)
                return
            whole = path.read_bytes()
            part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "") if behaviour.ranges else None
            start = int(part[1]) if part else 0
            stop = min(int(part[2]) + 1, len(whole)) if part and part[2] else len(whole)
            if behaviour.silent_from is not None and start >= behaviour.silent_from:
                waiting.set()
                Event().wait()
            if behaviour.codes:
                code = behaviour.codes.pop(0)
                self._answer(code, headers={"Location": self.path} if 300 <= code < 400 else {})
                return
            failing = behaviour.fail_each and path.name.endswith(behaviour.failing)
            if failing and next(requests) % behaviour.fail_each == 0:
                self._answer(503)
                return
            headers = {"Content-Range": f"bytes {start}-{stop - 1}/{len(whole)}"} if part else {}
            if behaviour.etags:
                headers["ETag"] = f'"{path.stat().st_mtime_ns}"'
            self._answer(206 if part else 200, whole[start:stop], headers, start)

        do_HEAD = do_GET

        @property
        def _name(self):
            return self.path.partition("?")[0].strip("/")

        def _answer(self, code, content=b"", headers=(), start=0):
            length = 0 if self.command == "HEAD" else len(content)
            asked.append(Asked(self._name, code, start, length))
            self._send(code, content, headers)

        def _send(self, code, content=b"", headers=()):
            self.send_response(code)
            length = {"Content-Length": len(content)}
            if code == 200 and headers and not behaviour.lengths:
                length, self.close_connection = {}, True
            for header, value in {**length, "Accept-Ranges": "bytes", **dict(headers)}.items():
                self.send_header(header, str(value))
            self.end_headers()
            if self.command == "HEAD":
                return
            if code in (200, 206) and headers and behaviour.cut:
                content = content[: behaviour.cut.pop(0)]
                self.close_connection = True
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
