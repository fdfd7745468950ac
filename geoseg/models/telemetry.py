"""Import runtimes that report each import to their makers, without the report.

OpenVINO and NNCF send an event to Google Analytics and keep an identifier in `~/intel`; ONNX Runtime 1.32 sends events
to Microsoft and keeps one in `~/.cache/Microsoft`. None asks first.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def start_openvino() -> None:
    """Import OpenVINO without its telemetry; does nothing if it is imported."""
    if "openvino" in sys.modules:
        return
    with _without_openvino_telemetry():
        import openvino  # noqa: F401


def start_nncf() -> None:
    """Import NNCF without its telemetry and log lines; does nothing if it is imported."""
    if "nncf" in sys.modules:
        return
    start_openvino()
    disabled, kind = logging.root.manager.disable, logging.getLoggerClass()
    logging.disable()
    try:
        with _without_openvino_telemetry():
            import nncf  # noqa: F401
    finally:
        logging.disable(disabled)
        logging.setLoggerClass(kind)  # NNCF leaves its own, for all loggers to come


def start_onnx_runtime() -> None:
    """Import ONNX Runtime without its telemetry, unless ORT_DISABLE_TELEMETRY is set to something else."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # noqa: F401


@contextmanager
def _without_openvino_telemetry() -> Iterator[None]:
    """Let imports of `openvino_telemetry` fail, so that its users take a stub instead."""
    name = "openvino_telemetry"
    hidden = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
        if hidden is not None:
            sys.modules[name] = hidden
