"""Import runtimes that report each import to their makers, without the report.

OpenVINO sends an event to Google Analytics and keeps an identifier in `~/intel`; ONNX Runtime 1.32 sends events to
Microsoft and keeps one in `~/.cache/Microsoft`. Neither asks first.
"""

import os
import sys


def start_openvino() -> None:
    """Import OpenVINO without its telemetry; does nothing if it is imported."""
    if "openvino" in sys.modules:
        return
    name = "openvino_telemetry"
    hidden = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment] # importing it fails, and OpenVINO takes a stub instead
    try:
        import openvino  # noqa: F401
    finally:
        del sys.modules[name]
        if hidden is not None:
            sys.modules[name] = hidden


def start_onnx_runtime() -> None:
    """Import ONNX Runtime without its telemetry, unless ORT_DISABLE_TELEMETRY is set to something else."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # noqa: F401
