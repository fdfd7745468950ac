"""Digests of a plan: by these a run finds the pieces that it can resume from, and a batch the results that it has."""

import json
from dataclasses import asdict, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from geoseg.files import sha256_of, version_of
from geoseg.models.texts import without_secrets
from geoseg.rasters.sources.identity import Mark
from geoseg.rasters.sources.servers import on_server
from geoseg.version import __version__

from .plan import Plan

_WITHOUT_EFFECT = (
    *("engine", "precision", "devices", "batch_size", "memory", "max_pixels"),
    *("formats", "match_input", "stac", "report"),
)
"""Settings that do not change a piece; instead of the first four, the runtime that they choose is compared."""
_COMPARED_OTHERWISE = ("stretch", "stretch_from")
"""Settings whose result, the scaling, is compared."""


def digest_pieces(plan: Plan, model: Path) -> str:
    """SHA-256 of everything that determines bytes and positions of the pieces."""
    return sha256(_identity(plan, model).encode()).hexdigest()


def digest_results(plan: Plan, bundle: Path) -> str:
    """SHA-256 of everything that determines which results are written, and their bytes."""
    settings = plan.settings
    wanted = json.dumps([settings.formats, settings.match_input, settings.stac, settings.report])
    return sha256(f"{digest_pieces(plan, bundle)} {wanted}".encode()).hexdigest()


def _identity(plan: Plan, model: Path) -> str:
    settings = asdict(plan.settings) | {"aoi": None if plan.aoi is None else plan.aoi.digest}
    for name in (*_WITHOUT_EFFECT, *_COMPARED_OTHERWISE):
        del settings[name]
    return json.dumps(
        {
            "geoseg": __version__,
            "scene": [_without_signature(mark) for mark in plan.scene.identity],
            "grid": [*plan.grid.shape, *plan.grid.transform, plan.grid.crs.to_wkt()],
            "overview": None if plan.overview is None else plan.overview.to_json(),
            "bands": [*plan.bands, plan.scene.dtype, asdict(plan.validity)],
            "scaling": [asdict(band) for band in plan.scaling],
            "runtime": _describe(plan),
            "model": _digest_model(model, version_of(model.stat())),
            "settings": settings,
        },
        default=str,
    )


def _without_signature(mark: Mark) -> Mark:
    """Leave out the query of a URL, which may be a signature that is renewed, if an ETag identifies the file."""
    name, *rest = mark
    return (without_secrets(str(name)), *rest) if on_server(str(name)) and rest and rest[-1] else mark


@lru_cache(maxsize=1)
def _digest_model(model: Path, _version: tuple[int, ...]) -> str:
    return sha256_of(model)


def _describe(plan: Plan) -> list[Any] | None:
    """Everything about the runtime that determines bytes; the number of devices does not."""
    if plan.runtime is None:
        return None
    # Kernels of GPUs depend on the batch; those for chosen devices are others than those for the whole CPU.
    batch = None if plan.runtime.hardware == "CPU" else plan.settings.batch_size
    return [*asdict(replace(plan.runtime, devices=())).values(), bool(plan.runtime.devices), batch]
