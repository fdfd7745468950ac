"""Download a file from a web server: resumed after it broke off, bounded in size, one sentence for each failure."""

import os
import re
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage, HTTPResponse, InvalidURL
from pathlib import Path
from ssl import SSLCertVerificationError
from textwrap import shorten
from typing import IO, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from geoseg.errors import BundleError
from geoseg.files import writing
from geoseg.models.texts import without_secrets
from geoseg.version import __version__

SILENCE_S = 30
"""Seconds without a byte after which a server is given up."""
DELAYS_S = (1, 2, 4)
"""Waits before a broken download is tried again, unless bytes have come since the last try."""

_CHUNK = 2**20
_RETRIED = (429, 500, 502, 503, 504)
_REDIRECTS = range(300, 400)
_HINTS = {
    401: "it requires a login, which geoseg does not support; download the file in another way, and add that",
    403: "access is denied; a signed URL may have expired",
    404: "there is no such file; check the URL",
    410: "the file is no longer there; check the URL",
}

Report = Callable[[int, int | None], None]
"""Callback `(bytes, of bytes)`; of None if the server does not tell."""
_SILENT = f"its server did not answer within {SILENCE_S} s; try again later"


class _BrokenError(Exception):
    """A failed attempt that is worth repeating; the message is the reason."""


def is_url(text: str) -> bool:
    """Whether a text is the URL of a file on a web server."""
    return text.lower().startswith(("http://", "https://"))


def download(url: str, path: Path, *, most: int, size: int | None, resume: bool, report: Report) -> None:
    """Download a file to `path`, where a part of it may be; what was received stays there if this fails.

    Parameters
    ----------
    url
        http or https; redirections lead to no other scheme.
    path
        File to write.
    most
        Largest size, bytes.
    size
        Size of the file if it is known, bytes.
    resume
        Whether to resume what is in `path`; only if the whole is verified afterwards, since the file may have changed.
    report
        Called whenever bytes have come.

    Raises
    ------
    BundleError, OutputError
        If the server cannot be reached, does not send the whole file, or sends too much; or `path` cannot be written.
    """
    delays_s = list(DELAYS_S)
    with writing(path), path.open("ab") as file:
        while True:
            if not resume:
                file.truncate(0)
            start = file.seek(0, os.SEEK_END)
            if size is not None and start >= size:
                return
            try:
                _continue(url, file, start, most=most, size=size, report=report)
            except _BrokenError as error:
                if resume and file.tell() > start:
                    delays_s = list(DELAYS_S)  # it progresses
                elif not delays_s:
                    raise BundleError(f"{without_secrets(url)} cannot be downloaded: {error}.") from error
                time.sleep(delays_s.pop(0))
            else:
                return


def _continue(url: str, file: BinaryIO, start: int, *, most: int, size: int | None, report: Report) -> None:
    """Append what is missing from `start` on; raises _BrokenError or BundleError."""
    with _ask(url, start) as answer:
        if start and not _resumes(answer, start):
            start = 0
            file.truncate(0)
        length = _length(answer)
        total = size if length is None else start + length
        _check_size(url, total or 0, most=most, size=total and size)
        done = start
        while chunk := _read(answer):
            done += len(chunk)
            if done > most:  # only without a length
                raise _too_large(url, most, enough=2 * most)
            file.write(chunk)
            report(done, total)
    if total is not None and done < total:
        raise _BrokenError(
            f"its connection broke after {done / 1e6:.1f} of {total / 1e6:.1f} MB; try the same command again"
        )


def _ask(url: str, start: int) -> HTTPResponse:
    """Ask for a file from byte `start` on; raises _BrokenError or BundleError."""
    failed = f"{without_secrets(url)} cannot be downloaded"
    try:
        headers = {"User-Agent": f"geoseg/{__version__}"} | ({"Range": f"bytes={start}-"} if start else {})
        answer: HTTPResponse = _opener().open(Request(url, headers=headers), timeout=SILENCE_S)
    except HTTPError as error:
        error.close()
        if error.code == 416 and start:  # the server has fewer bytes than were downloaded before
            return _ask(url, 0)
        if error.code in _REDIRECTS:  # Python has followed as many as it allows
            raise BundleError(f"{failed}: its server redirects from URL to URL and never to a file.") from error
        answered = shorten(f"its server answers {error.code} ({error.reason})", 200)
        if error.code in _RETRIED:
            raise _BrokenError(f"{answered}; try again later") from error
        hint = _HINTS.get(error.code)
        raise BundleError(f"{failed}: {answered}{f'; {hint}' if hint else ''}.") from error
    except URLError as error:
        host, reason = urlsplit(url).hostname, error.reason
        if isinstance(reason, TimeoutError):
            raise _BrokenError(_SILENT) from error
        if isinstance(reason, SSLCertVerificationError):
            raise BundleError(f"{failed}: the certificate of {host} is not valid ({reason.verify_message}).") from error
        words = (reason.strerror or str(reason)) if isinstance(reason, OSError) else reason
        raise BundleError(
            f"{failed}: {host} cannot be reached ({words}); check the network, or add the model from a file."
        ) from error
    except (ValueError, InvalidURL) as error:  # whose text may have a password
        raise BundleError(
            f"{failed}: its URL is not valid; in a URL, spaces are %20, and user names and passwords are not supported."
        ) from error
    except (HTTPException, OSError) as error:
        raise _broken(error) from error
    return answer


def _read(answer: HTTPResponse) -> bytes:
    """Read some bytes, none at the end; raises _BrokenError."""
    try:
        return answer.read(_CHUNK)
    except (HTTPException, OSError) as error:
        raise _broken(error) from error


def _broken(error: Exception) -> _BrokenError:
    if isinstance(error, TimeoutError):
        return _BrokenError(_SILENT)
    return _BrokenError(f"its connection broke ({str(error) or type(error).__name__}); try the same command again")


def _opener() -> OpenerDirector:
    """Return an opener of http and https, through proxies of the environment; the usual one opens local files, too."""
    opener = OpenerDirector()
    for handler in (ProxyHandler, HTTPHandler, HTTPSHandler, _Redirects, HTTPDefaultErrorHandler, HTTPErrorProcessor):
        opener.add_handler(handler())
    return opener


class _Redirects(HTTPRedirectHandler):
    """Follow redirections to http and https, but not from https to http."""

    def redirect_request(  # noqa: PLR0917 - urllib's
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Return the request for the new URL."""
        if not is_url(newurl) or (req.type == "https" and not newurl.startswith("https://")):
            raise BundleError(
                f"{without_secrets(req.full_url)} leads to {without_secrets(newurl)}, which is not https; use another "
                "URL."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _resumes(answer: HTTPResponse, start: int) -> bool:
    """Whether an answer continues at `start`; a server may send the whole file instead."""
    found = re.match(r"bytes (\d+)-", answer.headers["Content-Range"] or "")
    return answer.status == 206 and found is not None and int(found[1]) == start


def _length(answer: HTTPResponse) -> int | None:
    text = answer.headers["Content-Length"] or ""
    return int(text) if text.isascii() and text.isdigit() else None


def _check_size(url: str, total: int, *, most: int, size: int | None) -> None:
    """Raise BundleError if a file is too large, or does not have its known size."""
    if total > most:
        raise _too_large(url, most, enough=total)
    if size is not None and total != size:
        raise BundleError(
            f"{without_secrets(url)} has {total:,} bytes, not {size:,} as its registry says; it was replaced, or "
            "the registry is out of date."
        )


def _too_large(url: str, most: int, *, enough: int) -> BundleError:
    return BundleError(
        f"{without_secrets(url)} is larger than {most / 1e6:,.1f} MB; if you trust it, allow more with "
        f"`max_size={enough}`."
    )
