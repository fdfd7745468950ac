"""Examine libraries by importing them; runs in a process of its own, since a broken library may end it."""

import os
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, entry_points, version

from geoseg.extras import TRAINING, missing

from .findings import Check, Finding, reason
from .gdal import find_gdal, find_raster_drivers, find_vector_drivers

IMPORTED = {
    "numpy": "numpy",
    "affine": "affine",
    "rasterio": "rasterio",
    "pyproj": "pyproj",
    "shapely": "shapely",
    "odc.geo": "odc-geo",
    "scipy.sparse": "scipy",
    "numba": "numba",
    "onnx": "onnx",
}
"""Modules that predictions import, and the packages that they are of."""


def find_module(module: str, package: str) -> Iterator[Finding]:
    """Import a module that predictions need; says nothing if that works."""
    try:
        import_module(module)
    except ImportError as error:
        try:
            fault, advice = f"{package} {version(package)} does not import ({reason(error)})", "--force-reinstall "
        except PackageNotFoundError:
            fault, advice = f"{package} is not installed", ""
        yield Finding(
            topic="packages",
            name=package,
            value="fails",
            problem=f"{fault}; try `pip install {advice}{package}`.",
            blocks=True,
        )


def find_openvino() -> Iterator[Finding]:
    """Find OpenVINO and the precisions of this CPU in it."""
    from geoseg.models.engines.on_openvino import find_precisions
    from geoseg.models.openvino_core import openvino_core

    core = openvino_core()
    precisions = find_precisions(core)
    cpu = core.get_property("CPU", "FULL_DEVICE_NAME")
    yield Finding(
        topic="engines",
        name="openvino",
        value=f"{version('openvino')}: {', '.join(precisions)} on {cpu}",
        facts={"version": version("openvino"), "precisions": precisions, "hardware": cpu},
    )


def find_onnx_runtime() -> Iterator[Finding]:
    """Find ONNX Runtime, which is optional."""
    from geoseg.models.telemetry import start_onnx_runtime

    try:
        found = version("onnxruntime")
    except PackageNotFoundError:
        value = "not installed; `pip install 'geoseg[onnxruntime]'` if you want it"
        yield Finding(topic="engines", name="onnxruntime", value=value)
        return
    start_onnx_runtime()
    facts = {"version": found, "precisions": ["float32"]}
    yield Finding(topic="engines", name="onnxruntime", value=f"{found}: float32 on the CPU", facts=facts)


def find_training() -> Iterator[Finding]:
    """Find the packages that only training and reports of scores need; they are optional."""
    lacking = missing(TRAINING)
    value = "there" if not lacking else f"{', '.join(lacking)} not installed; `pip install 'geoseg[train]'` to train"
    yield Finding(topic="packages", name="training", value=value)


def find_keras() -> Iterator[Finding]:
    """Find Keras and its backend, without starting it."""
    from geoseg.errors import UsageError
    from geoseg.models.backend import check_backend, keras_backend

    problem, backend = "", keras_backend()
    try:
        check_backend()
        backend += f" {version(backend)}"
    except UsageError as error:
        problem = str(error)
    except PackageNotFoundError:  # installed under another name, as tensorflow-cpu is
        pass
    keras = version("keras")
    facts = {"version": keras, "backend": backend}
    yield Finding(topic="engines", name="keras", value=f"{keras} on {backend}", problem=problem, facts=facts)


def find_other_engines() -> Iterator[Finding]:
    """Find engines of other packages, without importing them."""
    from geoseg.models.engines.registry import GROUP

    for entry in entry_points(group=GROUP):
        package = entry.value if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
        yield Finding(topic="engines", name=entry.name, value=f"of {package}: not imported")


def find_processors() -> Iterator[Finding]:
    """Find cores and GPUs, without a framework."""
    from geoseg.models.engines.hardware import count_cores, find_gpus

    cores = count_cores()
    yield Finding(topic="devices", name="cores", value=f"{cores} of {os.cpu_count()}", facts={"count": cores})
    gpus = find_gpus()
    problem = f"a GPU is not used: {gpus.problem}." if gpus.problem else ""
    names = [gpu.name for gpu in gpus.found]
    yield Finding(
        topic="devices", name="GPUs", value=", ".join(names) or "none", problem=problem, facts={"names": names}
    )


def find_devices() -> Iterator[Finding]:
    """Start Keras on its backend and find the devices that it can use."""
    from geoseg.models.backend import keras_backend, start_keras
    from geoseg.models.engines.devices import find_backend
    from geoseg.models.engines.hardware import find_gpus

    start_keras()
    backend = find_backend()
    found = [device.name for kind in ("gpu", "tpu", "cpu") for device in backend.devices(kind)]
    unused = find_gpus().found and not any(name.startswith("gpu") for name in found)
    yield Finding(
        topic="devices",
        name=f"Keras on {keras_backend()}",
        value=", ".join(found),
        problem=f"{keras_backend()} does not use the GPU; docs/devices.md says how to install it for one."
        if unused
        else "",
        facts={"devices": found},
    )


def find_prediction() -> Iterator[Finding]:
    """Import what `geoseg predict` does; says nothing if that works."""
    import_module("geoseg.prediction.predict")
    return iter(())


PROBES: dict[str, tuple[str, Check]] = {
    **{package: ("packages", partial(find_module, module, package)) for module, package in IMPORTED.items()},
    "predict": ("packages", find_prediction),
    "training": ("packages", find_training),
    "GDAL": ("versions", find_gdal),
    "raster drivers": ("drivers", find_raster_drivers),
    "vector drivers": ("drivers", find_vector_drivers),
    "processors": ("devices", find_processors),
    "openvino": ("engines", find_openvino),
    "onnxruntime": ("engines", find_onnx_runtime),
    "keras": ("engines", find_keras),
    "other engines": ("engines", find_other_engines),
    "Keras": ("devices", find_devices),
}
"""Topic and check by name."""
NEEDED = (*IMPORTED.values(), "predict", "GDAL", "raster drivers", "openvino")
"""Checks without which predictions do not run."""
