"""Press Ctrl-Break in the console of another program, on Windows. Does not need QGIS."""

from __future__ import annotations

import sys
from threading import Lock

_TURN = Lock()
"""A process has one console at a time."""
_OF_PARENT, _CTRL_BREAK = -1, 1


def send_break(group: int) -> None:
    """Send Ctrl-Break to a program that was started without a window, in a process group of its own.

    Windows sends it to programs of the sender's console only. QGIS, which has none unless it was started in a terminal,
    is in the program's console meanwhile.
    """
    if sys.platform != "win32":
        raise OSError("there is no Ctrl-Break")
    import ctypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    with _TURN:
        had_one = kernel.GetConsoleCP()
        kernel.FreeConsole()
        try:
            if not (kernel.AttachConsole(group) and kernel.GenerateConsoleCtrlEvent(_CTRL_BREAK, group)):
                raise ctypes.WinError(ctypes.get_last_error())
        finally:
            kernel.FreeConsole()
            if had_one:  # another one's end would end QGIS
                kernel.AttachConsole(_OF_PARENT)
