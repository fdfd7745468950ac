"""Standard output and error: names from files cannot control the terminal, and a failed write is one message."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

from geoseg.errors import OutputError
from geoseg.models.texts import escaped

_BROKEN_PIPE = 141
"""Exit code of a process that SIGPIPE ends."""


def hold_closed_descriptors() -> None:
    """Open /dev/null for standard streams that are closed.

    Otherwise the next file to be opened would get such a descriptor, and with it the output of C libraries.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Escape what is printed, and raise OutputError if standard output cannot be written.

    If its reader has ended, as in `| head`, the command ends silently with the exit code of SIGPIPE. If standard error
    cannot be written, its text is dropped and the command continues.
    """
    with (
        redirect_stdout(sys.stdout and cast(TextIO, _Guarded(sys.stdout, required=True))),
        redirect_stderr(sys.stderr and cast(TextIO, _Guarded(sys.stderr, required=False))),
    ):
        yield


class _Stream:
    """A text stream whose failures raise OutputError if it is `required`, and are ignored otherwise."""

    def __init__(self, stream: TextIO, *, required: bool) -> None:
        self._stream = stream
        self._required = required

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - an attribute of any stream
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text; characters that the stream's encoding lacks are escaped."""
        encoding = self._stream.encoding or "utf-8"
        encoded = text.encode(encoding, "backslashreplace").decode(encoding)
        if encoded:  # click probes streams with empty texts, and ignores errors
            with self._failures():
                self._stream.write(encoded)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        with self._failures():
            self._stream.flush()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # Flushing the buffer would fail again when the process ends.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            if not self._required:
                return
            if isinstance(error, BrokenPipeError):
                raise SystemExit(_BROKEN_PIPE) from error
            raise OutputError(f"standard output cannot be written ({error.strerror}).") from error


class _Guarded(_Stream):
    """A stream that escapes what is written; `styled` takes the colours and movements of rich."""

    def __init__(self, stream: TextIO, *, required: bool) -> None:
        super().__init__(stream, required=required)
        self.styled = _Stream(stream, required=required)

    def write(self, text: str) -> int:
        """Write text with control characters escaped, except newlines and tabs."""
        return super().write(escaped(text, keep="\n\t"))
