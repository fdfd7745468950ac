"""Describe a planned run or a model."""

from math import isfinite
from pathlib import Path
from typing import Any, Unpack

from geoseg.errors import UsageError
from geoseg.models.bundle import read_card
from geoseg.models.engines.registry import check_engine
from geoseg.models.engines.runtime import Runtime
from geoseg.models.graph.size import read_size
from geoseg.models.shipped import DEFAULT_MODEL, find_model, find_named_model
from geoseg.rasters.ground import crs_name
from geoseg.rasters.stac import Asset, open_source
from geoseg.tiling import roi_shape

from .plan import Plan
from .planning import plan
from .settings import Options, Settings


def describe(
    source: str | Path | Asset, *, model: str | Path = DEFAULT_MODEL, **options: Unpack[Options]
) -> dict[str, Any]:
    """Describe a scene and its planned run, or a model, as JSON values; no network is loaded.

    Parameters
    ----------
    source
        Scene, a STAC item's asset as `read_assets` returns it, or name or path of a model.
    model
        Model of the planned run.
    **options
        Fields of `Settings`.

    Raises
    ------
    SceneError, BundleError, DataError, UsageError
        As `predict` raises them before it loads the network.
    """
    settings = Settings(**options)
    if not isinstance(source, Asset) and (Path(source).suffix == ".keras" or find_named_model(str(source))):
        given = [name for name, value in vars(settings).items() if value != getattr(Settings, name)]
        if given or model != DEFAULT_MODEL:
            raise UsageError(f"{source} is a model, and `{[*given, 'model'][0]}` is for a scene; leave it out.")
        return _describe_model(source)
    # Not by `prepare`, which imports all that runs a plan and writes its results.
    runtime = settings.choose_runtime()
    bundle = find_model(model)
    scene, card = open_source(source, max_pixels=settings.max_pixels), read_card(bundle)
    planned = plan(scene, card, settings, network=read_size(bundle), runtime=runtime)
    check_engine(bundle, planned.engine_options)
    item = {"item": source.name} if isinstance(source, Asset) else {}
    return item | _describe_plan(planned, runtime)


def _describe_plan(planned: Plan, runtime: Runtime) -> dict[str, Any]:
    """Describe a scene and its planned run."""
    scene, grid = planned.scene, planned.grid
    height, width = roi_shape(planned.roi)
    return {
        "scene": scene.source,
        "size": [scene.grid.shape[1], scene.grid.shape[0]],
        "bands": [str(band) for band in scene.bands],
        "dtype": scene.dtype,
        "crs": crs_name(scene.grid.crs),
        "gsd_m": [round(gsd, 6) for gsd in reversed(scene.gsd_m)],
        "bounds_lonlat": [round(edge, 7) if isfinite(edge) else None for edge in scene.bounds_lonlat],
        "model": planned.card.name,
        "model_bands": dict(zip(planned.card.bands, planned.bands, strict=True)),
        "alpha": planned.validity.alpha,
        "declared_nodata": sorted({band.nodata for band in scene.bands} - {""}),
        "nodata": planned.validity.nodata_in_json,
        "stretch": None if planned.stretch is None else str(planned.stretch),
        "grid_gsd_m": round(planned.gsd_m, 6),
        "grid_size": [grid.shape[1], grid.shape[0]],
        "grid_transform": list(grid.transform)[:6],
        "overview": None if planned.overview is None else planned.overview.to_json(),
        "resampled": grid.shape != planned.read_shape,
        "output_size": [width, height],
        "tile": planned.lattice.tile,
        "overlap": planned.lattice.overlap,
        "window": planned.window,
        "tiles": planned.tiles,
        "blocks": len(planned.blocks),
        "engine": runtime.version,
        "precision": runtime.precision,
        "hardware": runtime.hardware,
        "devices": len(runtime.devices) or 1,
        "memory_bytes": planned.memory,
        "disk_bytes": planned.disk,
    }


def _describe_model(name: str | Path) -> dict[str, Any]:
    """Describe a bundle by its card, path and file size."""
    path = find_model(name)
    card: dict[str, Any] = read_card(path).to_json()
    legend = card.pop("legend")
    classes = [f"{number} {entry['name']} {entry['colour']}" for number, entry in enumerate(legend["classes"])]
    provenance = card.pop("provenance")
    described = {"path": str(path), "bytes": path.stat().st_size} | card
    described |= {"classes": classes, "road": legend["road"]}
    # Provenance must not replace what was read from the bundle.
    return described | {key: value for key, value in provenance.items() if key not in described}
