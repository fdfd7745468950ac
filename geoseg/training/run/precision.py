"""Choose the precision of a training step by the hardware."""

from collections.abc import Sequence

from geoseg.models.engines.hardware import find_gpus
from geoseg.models.engines.on_openvino import find_precisions
from geoseg.models.openvino_core import openvino_core


def choose_precision(asked: str, devices: Sequence[str]) -> str:
    """Return Keras's name of the requested precision; for `auto`, of the one that suits these devices of its backend.

    That is mixed_bfloat16 where the hardware computes in bfloat16, else float32. On a processor without such
    instructions, bfloat16 is emulated, and a step takes five times as long as in float32.
    """
    if asked != "auto":
        return asked
    if any("cpu" in name.lower() for name in devices):
        fast = "bfloat16" in find_precisions(openvino_core())
    else:
        fast = all(gpu.bfloat16 for gpu in find_gpus().found)
    return "mixed_bfloat16" if fast else "float32"
