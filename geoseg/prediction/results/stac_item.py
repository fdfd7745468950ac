"""Describe results as a STAC item: where, when, from what and by what they were made, with a checksum of each file.

Fields follow STAC 1.1 (stacspec.org) and `_EXTENSIONS`. Two runs of the same job make the same item, so that it has no
time of processing.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geoseg.models.legend import LEVELS, NODATA
from geoseg.models.stac_fields import ANY_TIME, CLASSIFICATION, FILE, VERSION, describe_classes, describe_file
from geoseg.models.texts import without_secrets
from geoseg.prediction.journal import Journal
from geoseg.prediction.layers import Layer, requested_layers, result_grid
from geoseg.prediction.outputs import Outputs, sidecar
from geoseg.prediction.own_files import SOFTWARE
from geoseg.prediction.plan import Plan
from geoseg.rasters.ground import crs_of
from geoseg.rasters.opening.open import on_disk
from geoseg.version import __version__

from .footprint import footprint

_EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    CLASSIFICATION,
    FILE,
)
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_XML = "application/xml"
_HTML = "text/html"
_VECTORS = {
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
    "flatgeobuf": "application/vnd.flatgeobuf",
    "parquet": "application/vnd.apache.parquet",
}


def write_item(plan: Plan, journal: Journal, files: Outputs, item: Path) -> None:
    """Write the item of all other files of a prediction, which are complete in the work folder."""
    content = json.dumps(_item(plan, journal, files, item), indent=2, ensure_ascii=False, allow_nan=False)
    journal.work_file(item).write_text(content + "\n", encoding="utf-8")


def _item(plan: Plan, journal: Journal, files: Outputs, item: Path) -> dict[str, Any]:
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": list(_EXTENSIONS),
        "id": plan.scene.stem,
        **footprint(result_grid(plan)),
        "properties": _properties(plan),
        "links": [_source(plan, item.parent)],
        "assets": dict(_assets(plan, journal, files)),
    }


def _properties(plan: Plan) -> dict[str, Any]:
    card, dates = plan.card, plan.scene.dates
    runtime = "" if plan.runtime is None else f", run by {plan.runtime.version} in {plan.runtime.precision}"
    return {
        "title": f"Classes of {plan.scene.stem}",
        **(ANY_TIME if dates is None else dates.to_stac()),
        "gsd": round(max(plan.scene.gsd_m) if plan.settings.match_input else plan.gsd_m, 6),
        SOFTWARE: {"geoseg": __version__},
        "processing:lineage": f"Classified by geoseg {__version__} with model {card.name} {card.version}{runtime}.",
    }


def _source(plan: Plan, folder: Path) -> dict[str, str]:
    """Return the link to what the results are made from: the scene's item if one was read, else the scene."""
    place = plan.scene.item or plan.scene.source
    media_type = {} if plan.scene.item is None else {"type": "application/geo+json"}
    if on_disk(place):
        place = Path(os.path.relpath(Path(place).resolve(), folder.resolve())).as_posix()
    return {"rel": "derived_from", "href": without_secrets(place), **media_type}


def _assets(plan: Plan, journal: Journal, files: Outputs) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield key and fields of each file."""

    def asset(path: Path, title: str, media_type: str, role: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        described = describe_file(journal.work_file(path))
        return {"href": f"./{path.name}", "title": title, "type": media_type, "roles": [role], **described, **fields}

    for layer in requested_layers(plan):
        path = files.rasters[layer.name]
        yield layer.name, asset(path, _title(layer), _COG, "data", **_pixels(plan, layer))
        if journal.work_file(sidecar(path)).exists():
            yield f"{layer.name}_sidecar", asset(sidecar(path), "Names of classes, for GDAL", _XML, "metadata")
    yield "classes_style", asset(files.style, "QGIS style of the class raster", _XML, "style")
    for name, path in files.roads.items():
        yield f"roads_{name}", asset(path, "Road network", _VECTORS[name], "data")
    if files.road_style is not None:
        yield "roads_style", asset(files.road_style, "QGIS style of the road network", _XML, "style")
    if files.report is not None:
        yield "report", asset(files.report, "Report of the prediction", _HTML, "overview")


def _title(layer: Layer) -> str:
    return "Class probabilities" if len(layer.bands) > 1 else layer.bands[0].capitalize()


def _pixels(plan: Plan, layer: Layer) -> dict[str, Any]:
    """Return the grid of a raster, and what its values stand for."""
    grid = result_grid(plan)
    crs = crs_of(grid)
    code = crs.to_epsg()
    values = {"classification:classes": describe_classes(plan.legend)}
    return {
        "proj:code": None if code is None else f"EPSG:{code}",
        **({"proj:wkt2": crs.to_wkt()} if code is None else {}),
        "proj:shape": list(grid.shape),
        "proj:transform": list(grid.transform)[:6],
        "data_type": "uint8",
        "nodata": NODATA,
        "bands": [{"name": name} for name in layer.bands],
        **(values if layer.name == "classes" else {"raster:scale": 1 / LEVELS}),
    }
