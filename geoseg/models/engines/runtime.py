"""Choose what runs the network: engine, precision and devices."""

import re
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Literal, TypedDict, get_args

from geoseg.errors import UsageError
from geoseg.messages import warn
from geoseg.models.backend import keras_backend, start_keras

from .engine import Precision
from .hardware import Gpu, Gpus, find_gpus
from .registry import ENGINES, find_hardware, installed_engine

_EXTRAS = {"tensorflow": "cuda", "jax": "jax-cuda"}
"""Extras of geoseg with a Keras backend for NVIDIA GPUs."""


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
    """`CPU`, the names of the GPUs in use, or `unknown` in an engine of another package that does not tell."""
    devices: tuple[str, ...] = ()
    """Devices of the Keras backend, such as `gpu:0`; empty for an engine that runs on the whole CPU."""
    halved: bool = False
    """Whether a device ran out of memory and continued with smaller batches, which may round last bits differently."""

    def __str__(self) -> str:
        count = f" ({len(self.devices)} devices)" if len(self.devices) > 1 else ""
        return f"{self.version}, {self.precision}, {self.hardware}{count}{', batch halved' * self.halved}"


def choose_runtime(
    engine: str = "auto", precision: Literal["auto"] | Precision = "auto", devices: str = "auto"
) -> Runtime:
    """Choose engine, precision and devices.

    `auto` uses Keras in mixed precision on all GPUs that its backend can use, else OpenVINO in float32 on the CPU. A
    GeosegWarning tells why a GPU is not used. Keras is only imported for `engine="keras"`, or if there is a GPU;
    another package only for its engine.

    Parameters
    ----------
    engine
        auto, openvino, onnxruntime, keras, or the name of an entry point in the group `geoseg.engines`.
    precision
        auto, float32, bfloat16, float16 or int8.
    devices
        `auto`; `cpu`; `all`, every device of the Keras backend of the best kind; or a list such as `gpu:0,1`.

    Raises
    ------
    UsageError
        If a value is unknown, a device does not exist, or an engine is not installed or does not run on the devices.
    """
    if precision not in ("auto", *get_args(Precision)):
        raise UsageError(f"`precision` {precision!r} is unknown; choose one of auto, {', '.join(get_args(Precision))}.")
    numbered = _parse(devices)
    if engine == "auto" and precision == "int8":
        engine = "openvino"
    if engine not in ("auto", "keras"):
        return _without_keras(engine, precision, devices, numbered)
    gpus = find_gpus() if devices != "cpu" else Gpus()
    if engine == "auto" and not numbered and not gpus.found:
        if gpus.problem:
            _warn_unused("", gpus.problem)
        return choose_runtime("openvino", precision, "auto")
    optional = engine == "auto" and not numbered
    try:
        used = _keras_devices(devices, numbered)
    except UsageError as error:
        if not optional:
            raise
        _warn_unused(f" ({_names(gpus.found)})", str(error).rstrip("."))
        return choose_runtime("openvino", precision, "auto")
    accelerated = any(not name.startswith("cpu") for name in used)
    if gpus.found and not numbered and not accelerated:
        _warn_unused(f" ({_names(gpus.found)})", _why_no_gpu())
        if optional:
            return choose_runtime("openvino", precision, "auto")
    return _on_keras(precision, used, _behind(used, gpus.found))


def _parse(devices: str) -> tuple[str, ...]:
    """Return the devices of a list such as `gpu:0,1`; empty for auto, cpu and all."""
    if devices in ("auto", "cpu", "all"):
        return ()
    match = re.fullmatch(r"(cpu|gpu):(\d{1,4}(?:,\d{1,4})*)", devices)
    if not match:
        raise UsageError(f"`devices` {devices!r} is unknown; choose auto, cpu, all, or a list such as gpu:0,1.")
    numbers = dict.fromkeys(int(number) for number in match[2].split(","))
    return tuple(f"{match[1]}:{number}" for number in numbers)


def _without_keras(
    engine: str, precision: Literal["auto"] | Precision, devices: str, numbered: tuple[str, ...]
) -> Runtime:
    """Describe an engine that chooses its devices itself, as ours on the CPU do."""
    packages, hardware = installed_engine(engine), find_hardware(engine)
    if engine in ENGINES and numbered:
        raise UsageError(f"engine {engine} runs on the whole CPU, not on {devices}; choose `engine=keras`.")
    if engine not in ENGINES and devices not in ("auto", hardware.lower()):
        raise UsageError(f"engine {engine} chooses its devices itself; choose `devices=auto`, not {devices}.")
    return Runtime(
        engine=engine,
        version=packages,
        precision="float32" if precision == "auto" else precision,
        hardware=hardware,
    )


def _keras_devices(devices: str, numbered: tuple[str, ...]) -> tuple[str, ...]:
    """Name the devices of the Keras backend to use; empty for the whole CPU."""
    start_keras()
    from .devices import find_backend, find_devices

    backend = find_backend()
    if numbered:
        return tuple(device.name for device in find_devices(backend, numbered))
    accelerators = backend.devices("gpu") or backend.devices("tpu")
    if devices == "cpu":
        # Without a device, the backend would take an accelerator.
        return ("cpu:0",) if accelerators else ()
    found = accelerators or (backend.devices("cpu") if devices == "all" else ())
    return tuple(device.name for device in found)


def _on_keras(precision: Literal["auto"] | Precision, devices: tuple[str, ...], gpus: tuple[Gpu, ...]) -> Runtime:
    if precision == "int8":
        raise UsageError("`precision` int8 needs engine openvino; choose `engine=openvino`.")
    accelerators = [name for name in devices if not name.startswith("cpu")]
    if precision == "auto":
        mixed: Precision = "bfloat16" if all(gpu.bfloat16 for gpu in gpus) else "float16"
        precision = mixed if accelerators else "float32"
    if precision != "float32" and not devices:
        raise UsageError(f"engine keras computes in float32 on a CPU, not in {precision}; choose `engine=openvino`.")
    backend = keras_backend()
    kinds = ", ".join(dict.fromkeys(name.partition(":")[0].upper() for name in devices))
    return Runtime(
        engine="keras",
        version=f"keras {version('keras')} on {backend} {import_module(backend).__version__}",
        precision=precision,
        hardware=_names(gpus) if accelerators and gpus else kinds or _default_device(),
        devices=devices,
    )


def _default_device() -> str:
    """Name the hardware on which the Keras backend places arrays by default: `CPU`, or the backend's name."""
    import keras

    name = str(keras.ops.zeros(1).device)
    return "CPU" if "cpu" in name.lower() else name


def _behind(devices: tuple[str, ...], gpus: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """Return the GPUs of the driver that are these devices of the Keras backend, which numbers them alike."""
    names = {f"gpu:{number}": gpu for number, gpu in enumerate(gpus)}
    return tuple(names[name] for name in devices if name in names)


def _names(gpus: tuple[Gpu, ...]) -> str:
    return ", ".join(dict.fromkeys(gpu.name for gpu in gpus))


def _warn_unused(name: str, reason: str) -> None:
    warn(f"a GPU{name} is not used: {reason}.")


def _why_no_gpu() -> str:
    """Explain why the Keras backend sees no GPU although the driver offers one; Keras must have been imported."""
    backend = keras_backend()
    extra = f"; install it with `pip install 'geoseg[{_EXTRAS[backend]}]'`" if backend in _EXTRAS else ""
    if backend == "tensorflow":
        import tensorflow as tf

        if not tf.sysconfig.get_build_info()["is_cuda_build"]:
            return f"the installed TensorFlow is built for the CPU only{extra}"
        return f"TensorFlow does not find the CUDA libraries{extra}"
    if backend == "jax":
        return f"JAX has no CUDA plugin{extra}"
    return f"{backend} is built for the CPU only, or does not find its CUDA libraries"
