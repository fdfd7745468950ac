"""The entry to OpenVINO."""

from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from .telemetry import start_openvino

if TYPE_CHECKING:
    import openvino

_MAKING = Lock()
"""Two threads at a time would make two."""


def openvino_core() -> "openvino.Core":
    """Return the only `openvino.Core` of this process.

    On CPUs with AMX, each Core that compiles for them gives its thread a stack for signals, and frees that when it
    ends, in whichever thread and order: after several, Ctrl-C could end the process by SIGSEGV.
    """
    with _MAKING:
        return _core()


@cache
def _core() -> "openvino.Core":
    start_openvino()
    import openvino

    return openvino.Core()
