"""Engines by name: ours, and those that other packages register."""

import threading
from functools import lru_cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from pathlib import Path

from geoseg.errors import BundleError, UsageError
from geoseg.files import version_of
from geoseg.models.backend import start_keras

from .engine import Engine, EngineOptions, KnowsHardware, Loader
from .strips import Networks

GROUP = "geoseg.engines"
"""Entry points of other packages; each names a `Loader`, which may be a `KnowsHardware`."""

ENGINES = ("openvino", "onnxruntime", "keras")
"""Our engines; OpenVINO is the default on CPUs, Keras the reference."""

_LOADING = threading.Lock()
"""One thread loads an engine; others that want the same one wait for it."""


def installed_engine(name: str) -> str:
    """Return the package and version of an engine; raises UsageError if it is unknown or not installed."""
    if name in ENGINES:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            wanted = "'geoseg[onnxruntime]'" if name == "onnxruntime" else name  # the others come with geoseg
            raise UsageError(f"engine {name} is not installed; install it with `pip install {wanted}`.") from None
    package = _entry_point(name).dist
    return name if package is None else f"{package.name} {package.version}"


def find_hardware(name: str) -> str:
    """Return the hardware of an engine: `CPU`, or as the loader of another package reports it, or `unknown`."""
    if name in ENGINES:
        return "CPU"
    load = _other(name)
    return load.hardware() if isinstance(load, KnowsHardware) else "unknown"


def load_engine(model: Path, options: EngineOptions) -> Engine | Networks:
    """Load a bundle in the engine that the options name; the last engine is cached, and threads share it.

    Raises BundleError if it is there no more.
    """
    try:
        status = model.stat()
    except FileNotFoundError as error:
        raise BundleError(f"{model} was removed or replaced meanwhile; give the command again.") from error
    with _LOADING:
        return _load(model, options, version_of(status))


@lru_cache(maxsize=1)
def _load(model: Path, options: EngineOptions, _version: tuple[int, ...]) -> Engine | Networks:
    return new_engine(model, options)


def check_engine(model: Path, options: EngineOptions) -> None:
    """Raise the error of `new_engine` for a precision that the engine, this CPU or the bundle does not have."""
    if options.precision == "float32":
        return
    match options.engine:
        case "openvino":
            from .on_openvino import check

            check(model, options.precision)
        case "onnxruntime":
            from .on_onnx_runtime import check_precision

            check_precision(options.precision)


def new_engine(model: Path, options: EngineOptions) -> Engine | Networks:
    """Load a bundle in the engine that the options name; raises UsageError if it is not installed."""
    installed_engine(options.engine)
    match options.engine:
        case "openvino":
            from .on_openvino import OpenVINOEngine

            return OpenVINOEngine(model, options)
        case "onnxruntime":
            from .on_onnx_runtime import OnnxRuntimeEngine

            return OnnxRuntimeEngine(model, options)
        case "keras":
            if options.devices:
                start_keras()
                from .devices import find_backend, find_devices
                from .on_devices import load_on_devices

                return Networks(load_on_devices(model, options, find_devices(find_backend(), options.devices)))
            from .on_keras import KerasEngine

            return KerasEngine(model, options)
    return _other(options.engine)(model, options)


def _other(name: str) -> Loader:
    """Import the loader of another package; raises UsageError if that fails."""
    try:
        load: Loader = _entry_point(name).load()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"engine {name} cannot be imported ({error}); install its package again.") from error
    return load


def list_engines() -> tuple[str, ...]:
    """Return the names of all engines: ours, installed or not, and those of other packages."""
    return *ENGINES, *(each.name for each in entry_points(group=GROUP))


def _entry_point(name: str) -> EntryPoint:
    others = {each.name: each for each in entry_points(group=GROUP)}
    if name not in others:
        raise UsageError(f"`engine` {name!r} is unknown; choose one of {', '.join(['auto', *list_engines()])}.")
    return others[name]
