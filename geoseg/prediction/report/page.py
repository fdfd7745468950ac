"""The report of a prediction: one self-contained page, small for scenes of any size."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.filesize import decimal

from geoseg.models.legend import LEVELS
from geoseg.models.texts import without_secrets
from geoseg.pages.page import data_uri, render
from geoseg.prediction.areas import ClassArea
from geoseg.prediction.journal import Journal
from geoseg.prediction.layers import result_grid
from geoseg.prediction.outputs import Outputs, sidecar
from geoseg.prediction.plan import Plan
from geoseg.prediction.timings import Timings
from geoseg.rasters.ground import crs_of
from geoseg.rasters.opening.open import opened
from geoseg.roads.network import RoadTotals
from geoseg.tiling import roi_shape

from .pictures import RAMP, draw_classes, draw_confidence, draw_image, road_picture, shown_bands

_LONGEST = 1000
"""Characters of a text from elsewhere that are shown."""


def write_report(
    plan: Plan,
    journal: Journal,
    files: Outputs,
    *,
    areas: Sequence[ClassArea],
    roads: RoadTotals | None,
    clock: Timings,
    report: Path,
) -> None:
    """Write the report of a prediction, whose rasters and road network are complete in the work folder.

    It loads nothing from anywhere else, and is under a megabyte. SceneError if the scene cannot be read.
    """
    with clock.busy("report"):
        classes = journal.work_file(files.classes)
        confidence = None if files.confidence is None else journal.work_file(files.confidence)
        height, width = result_grid(plan).shape
        page = render(
            "prediction.html.jinja",
            package=__package__,
            filters={"count": "{:,.0f}".format, "percent": "{:.1%}".format, "size": decimal, "shortened": _shortened},
            name=plan.scene.stem,
            model=f"{plan.card.name} {plan.card.version}",
            gsd=f"{max(plan.scene.gsd_m) if plan.settings.match_input else plan.gsd_m:.6g}",
            width=width,
            height=height,
            areas=areas,
            area_m2=sum(area.area_m2 for area in areas if math.isfinite(area.area_m2)),
            covered=sum(area.pixels for area in areas) / math.prod(roi_shape(plan.roi)),
            roads=roads,
            image=data_uri("image/jpeg", draw_image(plan)),
            shown=", ".join(plan.card.bands[each] for each in shown_bands(plan)),
            road_picture=None if roads is None else _png(road_picture(journal, report).read_bytes()),
            classes=_png(draw_classes(plan, classes)),
            confidence=None if confidence is None else _png(draw_confidence(confidence)),
            ramp=["#{:02x}{:02x}{:02x}".format(*colour) for colour in RAMP],
            facts=dict(_facts(plan)),
            tags=_tags(classes),
            files=list(_files(journal, files)),
            stages=clock.stages(),
            seconds=clock.wall_s,
        )
    journal.work_file(report).write_text(page, encoding="utf-8")


def _png(content: bytes) -> str:
    return data_uri("image/png", content)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _facts(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield facts about the scene, the model and the settings."""
    scene, settings = plan.scene, plan.settings
    rows, cols = scene.grid.shape
    crs = crs_of(result_grid(plan))
    yield "scene", Path(without_secrets(scene.source)).name
    yield "pixels of the scene", f"{cols:,} × {rows:,}, {scene.dtype}"
    yield "GSD of the scene", f"{max(scene.gsd_m):.6g} m"
    yield "CRS", f"EPSG:{code} {crs.name}" if (code := crs.to_epsg()) else crs.name
    yield "bands", ", ".join(f"{name} {number}" for name, number in zip(plan.card.bands, plan.bands, strict=True))
    if plan.overview is not None:
        yield "overview read", str(plan.overview)
    if plan.stretch is not None:
        yield "stretch", str(plan.stretch)
    yield "model", f"{plan.card.name} {plan.card.version}"
    if plan.runtime is not None:
        yield "network", str(plan.runtime)
    yield "worked at", f"{plan.gsd_m:.6g} m"
    yield "tiles", f"{plan.lattice.tile} px, overlap {plan.lattice.overlap} px, window {plan.window}"
    yield "test-time augmentation", settings.tta
    if plan.lowest_level is not None:
        yield "unknown", f"pixels whose class is less probable than {plan.lowest_level / LEVELS:.3f}"
    if plan.aoi is not None:
        yield "area of interest", str(settings.aoi) if isinstance(settings.aoi, tuple) else Path(str(settings.aoi)).name
    yield "pixel grid of the rasters", "the scene's" if settings.match_input else "the model's"


def _tags(classes: Path) -> dict[str, str]:
    """Return the provenance tags of a class raster."""
    with opened(str(classes), max_pixels=math.inf) as dataset:
        return {key: value for key, value in sorted(dataset.tags().items()) if key.startswith("GEOSEG_")}


def _files(journal: Journal, files: Outputs) -> Iterator[tuple[str, int]]:
    """Yield name and size of each file that the report is about."""
    for path in files.files[::-1]:
        for each in (path, sidecar(path)):
            if each not in (files.report, files.item) and journal.work_file(each).exists():
                yield each.name, journal.work_file(each).stat().st_size
