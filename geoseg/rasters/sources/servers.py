"""Time-outs and retries for files on web servers, GDAL's and ours, and the error for a server that is silent."""

import os
import re
import time
from collections.abc import Callable
from http.client import HTTPResponse, IncompleteRead
from typing import TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from rasterio._env import get_gdal_config  # without rasterio's own environment, as GDAL sees it

from geoseg.errors import SceneError

T = TypeVar("T")

_SILENCE = "GDAL_HTTP_LOW_SPEED_TIME"
_DEFAULTS = {
    "GDAL_HTTP_CONNECTTIMEOUT": 10,  # seconds
    _SILENCE: 30,  # seconds below the next
    "GDAL_HTTP_LOW_SPEED_LIMIT": 1000,  # bytes per second
    "GDAL_HTTP_MAX_RETRY": 3,
    "GDAL_HTTP_RETRY_DELAY": 1,  # seconds; GDAL doubles them from try to try
}
"""By default, GDAL waits for ever and tries once. With retries, it tries again after the codes 429, 500 and 502 to 504,
and after broken connections. `GDAL_HTTP_TIMEOUT` is not set, since it would also end long downloads that progress."""
for _name, _value in _DEFAULTS.items():
    # In the environment they hold in all threads; its own values win, and so do those of the caller's `rasterio.Env`.
    os.environ.setdefault(_name, str(_value))

_RETRIED = (429, 500, 502, 503, 504)
_REDIRECTS = range(300, 400)
_TIMED_OUT = re.compile(r"CURL error: .*(timed out|too slow|timeout was reached)", re.IGNORECASE)
_OBJECT_STORES = ("s3", "gs", "az", "adls", "oss", "swift")
"""Prefixes of URLs, and of GDAL's virtual file systems."""
_BROKEN = "Read failed"
"""Start of rasterio's message; GDAL does not report the server's answer."""


def is_remote(source: str) -> bool:
    """Whether GDAL reads a source from a web server, directly."""
    return source.startswith(("http://", "https://", "/vsicurl/http"))


def on_server(source: str) -> bool:
    """Whether GDAL reads a source from a web server or an object store, directly."""
    stores = (prefix for name in _OBJECT_STORES for prefix in (f"{name}://", f"/vsi{name}/"))
    return is_remote(source) or source.startswith(tuple(stores))


def server_failure(source: str, message: str, *, served: bool) -> str | None:
    """Return the sentence for an error of GDAL or rasterio if a silent or failing server may be its cause.

    `served` says whether any of the raster's files is on one.
    """
    if _TIMED_OUT.search(message):
        return silent(source)
    if served and message.startswith(_BROKEN):
        return silent(source, "it is cut off or damaged, its connection broke, or ")
    return None


def silent(source: str, other: str = "") -> str:
    """Return the sentence for a server that is silent, or perhaps something `other`."""
    return (
        f"{source} cannot be read: {other}its server did not answer within {silence_s():g} s; try again later, or set "
        f"the environment variable {_SILENCE} to more seconds."
    )


def silence_s() -> float:
    """Seconds after which a silent server is given up; 0 for never."""
    return min(filter(None, map(_number, (_SILENCE, "GDAL_HTTP_TIMEOUT"))), default=0)


def download(url: str, *, most: int) -> bytes:
    """Return a whole file; raises OSError, HTTPException or ValueError, and SceneError as `ask` does.

    ValueError, too, for more than `most` bytes.
    """

    def read(answer: HTTPResponse) -> bytes:
        # Only of an answer that is read to its end, Python notices that it has broken off.
        content = answer.read() if answer.length is not None and answer.length <= most else answer.read(most + 1)
        if len(content) > most:
            raise ValueError(f"it is longer than {most / 2**20:,.0f} MB")
        return content

    return ask(Request(url.removeprefix("/vsicurl/")), read)


def ask(request: Request, read: Callable[[HTTPResponse], T]) -> T:
    """Return what `read` makes of the answer to a request, which is repeated where GDAL would repeat it.

    That is after status codes of passing trouble, and after broken connections. Raises SceneError if the server is
    silent, and OSError, HTTPException or ValueError if it fails otherwise.
    """
    delays_s = [_number("GDAL_HTTP_RETRY_DELAY") * 2**number for number in range(int(_number("GDAL_HTTP_MAX_RETRY")))]
    while True:
        try:
            with urlopen(request, timeout=silence_s() or None) as answer:
                return read(answer)
        except (OSError, IncompleteRead) as error:
            reason = getattr(error, "reason", error)  # of what urllib has wrapped
            if isinstance(reason, TimeoutError):
                raise SceneError(silent(request.full_url)) from error
            code = error.code if isinstance(error, HTTPError) else None
            passes = code in _RETRIED or isinstance(reason, ConnectionResetError | IncompleteRead)
            if code in _REDIRECTS:  # Python has followed as many as it does
                raise OSError("its server redirects from URL to URL and never to a file") from error
            if not (passes and delays_s):
                raise
            time.sleep(delays_s.pop(0))


def _number(name: str) -> float:
    """Return the value of an option of GDAL, which reads text that is not a number as 0."""
    try:
        return float(get_gdal_config(name) or 0)
    except ValueError:
        return 0
