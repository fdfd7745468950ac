"""What a person asks before a run: the plan for a scene, or the card of a model, as plain JSON values."""

from math import isfinite
from pathlib import Path
from typing import Any

from geoseg.models.bundle import read_card
from geoseg.models.shipped import DEFAULT_MODEL, find_model
from geoseg.rasters.ground import crs_of
from geoseg.rasters.scene import open_scene

from .plan import plan
from .settings import Settings


def describe_scene(scene: str | Path, *, model: str | Path = DEFAULT_MODEL, **choices: Any) -> dict[str, Any]:  # noqa: ANN401
    """Plan a prediction and say what it would do; `choices` are fields of `Settings`.

    Raises
    ------
    SceneError, BundleError, UsageError
        As `predict` would, where the plan alone shows it.
    """
    planned = plan(open_scene(scene), read_card(find_model(model)), Settings(**choices))
    found, grid = planned.scene, planned.grid
    rows, cols = planned.roi
    crs = crs_of(found.geobox)
    return {
        "scene": found.source,
        "size": [found.geobox.shape[1], found.geobox.shape[0]],
        "bands": [interpretation.name for interpretation in found.bands],
        "dtype": found.dtype,
        "crs": f"EPSG:{epsg}" if (epsg := crs.to_epsg()) else crs.name,
        "gsd_m": [round(gsd, 6) for gsd in reversed(found.gsd_m)],
        "bounds_lonlat": [round(edge, 7) if isfinite(edge) else None for edge in found.bounds_lonlat],
        "model": planned.card.name,
        "model_bands": dict(zip(planned.card.bands, planned.bands, strict=True)),
        "grid_size": [grid.shape[1], grid.shape[0]],
        "grid_transform": list(grid.transform)[:6],
        "resampled": grid.shape != found.geobox.shape,
        "output_size": [cols.stop - cols.start, rows.stop - rows.start],
        "tile": planned.lattice.tile,
        "overlap": planned.lattice.overlap,
        "window": planned.window,
        "tiles": planned.tiles,
        "blocks": len(planned.blocks),
        "memory_bytes": planned.memory,
        "disk_bytes": planned.disk,
    }


def describe_model(name: str | Path) -> dict[str, Any]:
    """The card of a bundle, with the size of its file; raises BundleError."""
    path = find_model(name)
    card: dict[str, Any] = read_card(path).to_json()
    legend = card.pop("legend")
    classes = [f"{number} {entry['name']} {entry['colour']}" for number, entry in enumerate(legend["classes"])]
    provenance = card.pop("provenance")
    described = {"path": str(path), "bytes": path.stat().st_size} | card
    return described | {"classes": classes, "road": legend["road"]} | dict(provenance)
