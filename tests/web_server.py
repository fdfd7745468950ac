"""A web server for tests, which serves the files of a folder and misbehaves as told."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread


@dataclass
class WebServer:
    """Serves files with ranges, and records its requests."""

    folder: Path
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and file name of each, in order."""
    codes: list[int] = field(default_factory=list)
    """Answer these codes to the next requests for files that exist."""
    silent: Callable[[str, int], bool] = lambda _name, _start: False
    """Whether to say nothing to a request for a file, from this byte on."""
    etags: bool = True
    closed: Event = field(default_factory=Event)
    port: int = 0
    waiting: Event = field(default_factory=Event)
    """Set once a request waits for an answer in vain."""

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"


@contextmanager
def serving(folder: Path) -> Iterator[WebServer]:
    """Serve a folder until the block is left."""
    state = WebServer(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self._answer()

        def do_GET(self):
            self._answer()

        def _answer(self):
            name = self.path.strip("/")
            state.requests.append((self.command, name))
            path = state.folder / name
            if not path.is_file():
                self._send(404)
                return
            whole = path.read_bytes()
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
            start = int(asked[1]) if asked else 0
            stop = min(int(asked[2]) + 1, len(whole)) if asked and asked[2] else len(whole)
            if state.silent(name, start):
                state.waiting.set()
                state.closed.wait(60)
                self.close_connection = True
                return
            if state.codes:
                self._send(state.codes.pop(0))
                return
            headers = {"Content-Range": f"bytes {start}-{stop - 1}/{len(whole)}"} if asked else {}
            if state.etags:
                headers["ETag"] = f'"{path.stat().st_mtime_ns}"'
            self._send(206 if asked else 200, whole[start:stop], headers)

        def _send(self, code, content=b"", headers=()):
            self.send_response(code)
            for header, value in {"Content-Length": len(content), "Accept-Ranges": "bytes", **dict(headers)}.items():
                self.send_header(header, str(value))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_port
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield state
    finally:
        state.closed.set()
        server.shutdown()
        thread.join()
        server.server_close()
