"""An object store that speaks S3, as moto plays it on this machine, and servers that refuse."""

import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_STORE = """
import sys
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
"""A process of its own, as GDAL holds the GIL during some requests; it ends with the tests, however these end."""


@contextmanager
def object_store():
    """Start a store, and yield its port."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", _STORE], **pipes, text=True) as process:
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


class _Refusal(BaseHTTPRequestHandler):
    """Answers as S3 does to those who may not."""

    protocol_version = "HTTP/1.1"  # clients wait for its `100 Continue`

    def _refuse(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        text = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_PUT = do_POST = _refuse

    def log_message(self, *_):
        pass


@contextmanager
def refusing_store():
    """Start a store that denies all access, and yield its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusal) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
