"""Paths of the results, which are written in a work folder and renamed at the end."""

from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import OutputError
from geoseg.files import check_outputs, discard, flush, publish
from geoseg.vectors.targets import VECTOR_ENDINGS

from .journal import Journal
from .own_files import ITEM_ENDING, PAGE_ENDING, is_foreign, is_own
from .plan import Plan


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
    """Files of the same scene from runs with other settings; overwriting removes those that geoseg wrote."""

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
        wanted = [*self.files, *self.companions]
        wanted += [sidecar(path) for path in wanted if path.suffix == self.classes.suffix]
        work = [path.with_name(journal.work_file(path).name) for path in wanted]  # longer names
        check_outputs([*wanted, *work], overwrite=True, create=True, choose="another `folder`, or rename the scene")
        for path, kind in ((self.item, "STAC item"), (self.report, "report")):
            if path is not None and path.exists() and not is_own(path):
                raise OutputError(f"{path} exists and is not a {kind} of geoseg's results; choose another `folder`.")
        for path in self.files:
            if is_foreign(path):
                raise OutputError(
                    f"{path} exists and was not made by geoseg, so it is never replaced; move it, or choose another "
                    "`folder`."
                )

    def refuse_existing(self) -> None:
        """Raise OutputError if a result exists."""
        check_outputs(reversed(self.files), overwrite=False, create=True, choose="another `folder`")

    def publish(self, journal: Journal, *, overwrite: bool) -> None:
        """Move all complete files and their GDAL sidecars to their final names.

        `overwrite` also removes the companions: a road network must not stay next to another run's class raster.
        """
        if not (overwrite or journal.publishing):
            self.refuse_existing()
        for path in self.files:
            for made in (path, sidecar(path)):
                flush(journal.work_file(made))
        journal.begin_publishing()
        if overwrite:
            for path in set(self.companions).difference(self.files):
                if is_own(path):
                    discard(sidecar(path))
                    discard(path)
        for path in self.files:
            beside = sidecar(path)
            if journal.work_file(beside).exists():
                publish(journal.work_file(beside), beside)
            else:
                discard(beside)  # of an earlier raster
            publish(journal.work_file(path), path)


def name_outputs(plan: Plan, folder: Path) -> Outputs:
    """Name the files of a prediction in `folder`."""
    settings, stem = plan.settings, plan.scene.stem
    layers = {name: folder / f"{stem}_{name}.tif" for name in ("confidence", "disagreement", "probabilities")}
    classes, style = folder / f"{stem}_classes.tif", folder / f"{stem}_classes.qml"
    networks = {name: folder / f"{stem}_roads{suffix}" for name, suffix in VECTOR_ENDINGS.items()}
    road_style, item = folder / f"{stem}_roads.qml", folder / f"{stem}{ITEM_ENDING}"
    report = folder / f"{stem}_report{PAGE_ENDING}"
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
        companions=(*layers.values(), *networks.values(), road_style, report, item),
    )


def sidecar(path: Path) -> Path:
    """GDAL's `.aux.xml` sidecar, which holds the class names."""
    return path.with_name(f"{path.name}.aux.xml")
