"""Paths of the results, which are written in a work folder and renamed at the end."""

import json
from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import OutputError
from geoseg.files import check_outputs, discard, publish
from geoseg.vectors.targets import VECTOR_ENDINGS

from .journal import Journal
from .plan import Plan

ITEM_ENDING = ".json"
SOFTWARE = "processing:software"
"""Property that marks a STAC item as geoseg's: other programs' files may have the same name."""
_LONGEST_ITEM = 2**24
_PAGE_ENDING = ".html"
_GENERATOR, _HEAD = b'<meta name="generator" content="geoseg', 500
"""Tag that marks a page as geoseg's, and the number of first bytes that hold it."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The files of one prediction; None for those not requested."""

    classes: Path
    style: Path
    """QGIS style of the class raster."""
    confidence: Path | None
    """Probability of the winning class."""
    disagreement: Path | None
    """How far overlapping tiles disagree."""
    probabilities: Path | None
    """Probability of every class."""
    roads: dict[str, Path]
    """Road network by format; empty if none is traced."""
    road_style: Path | None
    """QGIS style of the road network."""
    report: Path | None
    """HTML page with pictures, tables and provenance."""
    item: Path | None
    """STAC item of all other files."""
    companions: tuple[Path, ...]
    """Files of the same scene that other settings may have written; overwriting removes them."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All requested files; the class raster and then the item come last: if they exist, all do."""
        layers = (self.confidence, self.disagreement, self.probabilities)
        wanted = (*self.roads.values(), self.road_style, *layers, self.report, self.style, self.classes, self.item)
        return tuple(path for path in wanted if path is not None)

    @property
    def rasters(self) -> dict[str, Path]:
        """Requested rasters by the name of their layer."""
        names = ("classes", "confidence", "disagreement", "probabilities")
        return {name: path for name in names if (path := getattr(self, name)) is not None}

    def check_places(self, journal: Journal) -> None:
        """Raise OutputError if a result or its work file cannot be written."""
        wanted = (*self.files, *self.companions)
        work = [path.with_name(journal.work_file(path).name) for path in wanted]  # longer names
        check_outputs([*wanted, *work], overwrite=True, create=True, choose="another `folder`, or rename the scene")
        for path, kind in ((self.item, "STAC item"), (self.report, "report")):
            if path is not None and path.exists() and not _is_own(path):
                raise OutputError(f"{path} exists and is no {kind} of geoseg's results; choose another `folder`.")

    def refuse_existing(self) -> None:
        """Raise OutputError if a result exists."""
        check_outputs(reversed(self.files), overwrite=False, create=True, choose="another `folder`")

    def publish(self, journal: Journal, *, overwrite: bool) -> None:
        """Move all complete files and their GDAL sidecars to their final names.

        `overwrite` also removes the companions: a road network must not stay next to another run's class raster.
        """
        if not (overwrite or journal.publishing):
            self.refuse_existing()
        journal.begin_publishing()
        if overwrite:
            for path in set(self.companions).difference(self.files):
                if _is_own(path):
                    discard(path)
        for path in self.files:
            beside = sidecar(path)
            if journal.work_file(beside).exists():
                publish(journal.work_file(beside), beside)
            publish(journal.work_file(path), path)


def name_outputs(plan: Plan, folder: Path) -> Outputs:
    """Name the files of a prediction in `folder`."""
    settings, stem = plan.settings, plan.scene.stem
    layers = {name: folder / f"{stem}_{name}.tif" for name in ("confidence", "disagreement", "probabilities")}
    classes, style = folder / f"{stem}_classes.tif", folder / f"{stem}_classes.qml"
    networks = {name: folder / f"{stem}_roads{suffix}" for name, suffix in VECTOR_ENDINGS.items()}
    road_style, item = folder / f"{stem}_roads.qml", folder / f"{stem}{ITEM_ENDING}"
    report = folder / f"{stem}_report.html"
    return Outputs(
        classes=classes,
        style=style,
        confidence=layers["confidence"] if settings.confidence else None,
        disagreement=layers["disagreement"] if settings.disagreement else None,
        probabilities=layers["probabilities"] if settings.probabilities else None,
        roads={} if plan.road is None else {name: networks[name] for name in settings.formats},
        road_style=None if plan.road is None else road_style,
        report=report if settings.report else None,
        item=item if settings.stac else None,
        companions=(
            *(sidecar(path) for path in (classes, *layers.values())),
            *(*layers.values(), *networks.values(), road_style, report, item),
        ),
    )


def sidecar(path: Path) -> Path:
    """GDAL's `.aux.xml` sidecar, which holds the class names."""
    return path.with_name(f"{path.name}.aux.xml")


def _is_own(path: Path) -> bool:
    """Whether a file is geoseg's; only items and pages may be other programs' files of the same name."""
    if path.suffix == ITEM_ENDING:
        return _is_own_item(path)
    return path.suffix != _PAGE_ENDING or _is_own_page(path)


def _is_own_page(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _GENERATOR in file.read(_HEAD)
    except OSError:
        return False


def _is_own_item(path: Path) -> bool:
    """Whether a file is a STAC item of geoseg's results."""
    try:
        if path.stat().st_size > _LONGEST_ITEM:
            return False
        return "geoseg" in json.loads(path.read_bytes())["properties"][SOFTWARE]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return False
