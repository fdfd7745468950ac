"""Choose what runs the network: engine, precision and devices."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal, TypedDict, get_args

from geoseg.errors import UsageError
from geoseg.models.backend import keras_backend

from .engine import Precision
from .registry import installed_engine


class RuntimeOptions(TypedDict, total=False):
    """Keywords of public calls that choose what runs the network."""

    engine: str
    precision: Literal["auto"] | Precision
    devices: str


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What runs a network; part of a result's provenance."""

    engine: str
    version: str
    """Packages and their versions."""
    precision: Precision
    hardware: str
    """`CPU`, or the names of the GPUs."""
    devices: tuple[str, ...] = ()
    """Devices of the Keras backend, such as `gpu:0`; empty for an engine that runs on the whole CPU."""

    def __str__(self) -> str:
        count = f" ({len(self.devices)} devices)" if len(self.devices) > 1 else ""
        return f"{self.version}, {self.precision}, {self.hardware}{count}"


def choose_runtime(
    engine: str = "auto", precision: Literal["auto"] | Precision = "auto", devices: str = "auto"
) -> Runtime:
    """Choose engine, precision and devices.

    Parameters
    ----------
    engine
        auto, keras, or the name of an entry point in the group `geoseg.engines`.
    precision
        auto, float32, bfloat16, float16 or int8.
    devices
        auto or cpu.

    Raises
    ------
    UsageError
        If a value is unknown, a device does not exist, or an engine is not installed or does not run on the devices.
    """
    if precision not in ("auto", *get_args(Precision)):
        raise UsageError(f"`precision` {precision!r} is unknown; choose one of auto, {', '.join(get_args(Precision))}.")
    if devices not in ("auto", "cpu"):
        raise UsageError(f"`devices` {devices!r} is unknown; choose auto or cpu.")
    if engine in ("auto", "keras"):
        return _on_keras(precision)
    return Runtime(
        engine=engine,
        version=installed_engine(engine),
        precision="float32" if precision == "auto" else precision,
        hardware="CPU",
    )


def _on_keras(precision: Literal["auto"] | Precision) -> Runtime:
    if precision not in ("auto", "float32"):
        raise UsageError(f"`precision` {precision} is not available on a CPU with engine keras; choose float32.")
    backend = keras_backend()
    return Runtime(
        engine="keras",
        version=f"keras {version('keras')} on {backend} {version(backend)}",
        precision="float32",
        hardware="CPU",
    )
