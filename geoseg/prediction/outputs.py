"""Paths of the results, and their publication: written in a work folder, then renamed."""

from dataclasses import dataclass
from pathlib import Path

from geoseg.files import check_outputs, discard, publish
from geoseg.vectors.formats import VECTOR_ENDINGS

from .journal import Journal
from .plan import Plan


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The files of one prediction; None for those not requested."""

    classes: Path
    """Class raster (Cloud Optimized GeoTIFF)."""
    style: Path
    """QGIS style of the class raster."""
    confidence: Path | None
    """Probability of the winning class (Cloud Optimized GeoTIFF)."""
    probabilities: Path | None
    """Probability of every class (Cloud Optimized GeoTIFF)."""
    roads: dict[str, Path]
    """Road network by format; empty if none is traced."""
    road_style: Path | None
    """QGIS style of the road network."""
    companions: tuple[Path, ...]
    """Files of the same scene that other settings may have left, removed when results are replaced."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All requested files; the class raster comes last, so that its presence means all are there."""
        wanted = (*self.roads.values(), self.road_style, self.confidence, self.probabilities, self.style, self.classes)
        return tuple(path for path in wanted if path is not None)

    def check_places(self, journal: Journal) -> None:
        """Raise OutputError if a file cannot be made or take its name: it is too long, a folder's, or out of reach."""
        wanted = (*self.files, *self.companions)
        made = [path.with_name(journal.making(path).name) for path in wanted]  # longer names
        check_outputs([*wanted, *made], overwrite=True, create=True, choose="another `folder`, or rename the scene")

    def refuse_existing(self) -> None:
        """Raise OutputError if one of the files exists."""
        check_outputs(reversed(self.files), overwrite=False, create=True, choose="another `folder`")

    def publish(self, journal: Journal, *, overwrite: bool) -> None:
        """Move all files, complete by now, to their final names, with the sidecars that GDAL wrote for them.

        What an earlier run wrote is replaced only with `overwrite`, and then all of it: a road network must not lie
        beside a class raster that it was not traced from.
        """
        if not (overwrite or journal.publishing):
            self.refuse_existing()
        journal.begin_publishing()
        if overwrite:
            for path in set(self.companions).difference(self.files):
                discard(path)
        for path in self.files:
            sidecar = _sidecar(path)
            if journal.making(sidecar).exists():
                publish(journal.making(sidecar), sidecar)
            publish(journal.making(path), path)


def outputs(plan: Plan, folder: Path) -> Outputs:
    """Name the files of a prediction in `folder`."""
    settings, stem = plan.settings, plan.scene.stem
    confidence, probabilities = folder / f"{stem}_confidence.tif", folder / f"{stem}_probabilities.tif"
    classes, style = folder / f"{stem}_classes.tif", folder / f"{stem}_classes.qml"
    networks = {name: folder / f"{stem}_roads{suffix}" for name, suffix in VECTOR_ENDINGS.items()}
    road_style = folder / f"{stem}_roads.qml"
    return Outputs(
        classes=classes,
        style=style,
        confidence=confidence if settings.confidence else None,
        probabilities=probabilities if settings.probabilities else None,
        roads={} if plan.road is None else {name: networks[name] for name in settings.formats},
        road_style=None if plan.road is None else road_style,
        companions=(
            *(_sidecar(path) for path in (classes, confidence, probabilities)),
            *(confidence, probabilities, *networks.values(), road_style),
        ),
    )


def _sidecar(path: Path) -> Path:
    """GDAL's `.aux.xml` sidecar, which holds the class names."""
    return path.with_name(f"{path.name}.aux.xml")
